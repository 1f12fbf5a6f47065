import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// Tests run what users load: the built package, through its own entry points.
const dist = (file: string) => fileURLToPath(new URL(`./dist/${file}`, import.meta.url));
// tfjs publishes its gradients as ES modules only, in a form that needs a bundler: Vite loads them, and all of tfjs the same
// way, so that there is one copy of it.
const tfjs = (name: string) => fileURLToPath(new URL(`./node_modules/@tensorflow/${name}/dist/`, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^receptive$/, replacement: dist('index.mjs') },
      { find: /^receptive\/(\w+)$/, replacement: dist('$1/index.mjs') },
      ...['tfjs-core', 'tfjs-backend-cpu'].map((name) => ({
        find: new RegExp(`^@tensorflow/${name}(?:/dist)?(?:/(.*))?$`),
        replacement: `${tfjs(name)}$1`,
      })),
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/printSeed.ts'],
    setupFiles: ['test/support/setup.ts'],
    pool: 'forks',
    server: { deps: { external: [/(?<!node_modules.*)\/dist\//], inline: [/@tensorflow/] } },
    testTimeout: 30_000,
  },
});
