import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from './support/child';
import { builtEntries } from './support/entries.mjs';

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');

/** A folder in which the package is installed, as in a user's project. */
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'receptive-types-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(packageRoot, join(folder, 'node_modules', 'receptive'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Uses every entry of the package, its subpaths too, with types: `any` in the place of a module would not compile. */
function entriesSource(): string {
  return builtEntries()
    .map((entry, i) => {
      const typed = `const typed${i}: 0 extends 1 & typeof entry${i} ? never : true = true;`;
      return `import * as entry${i} from '${entry}';\n${typed}\nexport const names${i} = [typed${i}, Object.keys(entry${i})];`;
    })
    .join('\n');
}

/** Compiles a program, `main.ts`, in a project with these options; resolves to what the compiler prints. */
function compile(name: string, source: string, type: 'module' | 'commonjs', compilerOptions: object): Promise<string> {
  const project = join(folder, name);
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'consumer', type }));
  writeFileSync(join(project, 'main.ts'), source);
  const base = { strict: true, noEmit: true, skipLibCheck: false, target: 'es2022', types: [], ...compilerOptions };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: base, files: ['main.ts'] }));
  return new Promise((resolve) => {
    execFile(process.execPath, [tsc, '-p', project], (_, stdout, stderr) => resolve(stdout + stderr));
  });
}

const read = (file: string): string => readFileSync(join(packageRoot, 'test/support/types', file), 'utf8');

describe('types', { timeout: 120_000 }, () => {
  it.each([
    ['node16, ES module', 'module', { module: 'node16', moduleResolution: 'node16' }],
    ['node16, CommonJS', 'commonjs', { module: 'node16', moduleResolution: 'node16' }],
    ['nodenext, ES module', 'module', { module: 'nodenext', moduleResolution: 'nodenext' }],
    ['nodenext, CommonJS', 'commonjs', { module: 'nodenext', moduleResolution: 'nodenext' }],
    ['bundler', 'module', { module: 'esnext', moduleResolution: 'bundler' }],
    ['classic CommonJS', 'commonjs', { module: 'commonjs', moduleResolution: 'node10' }],
  ] as const)('are found under %s', async (name, type, options) => {
    const project = name.replace(/\W+/g, '-');
    const source = `${read('consumer.ts')}\n${entriesSource()}\n`;
    expect(await compile(project, source, type, { ...options, lib: ['es2022'] })).toBe('');
  });

  it('follow dtypes from call to call', async () => {
    const options = { module: 'nodenext', moduleResolution: 'nodenext', lib: ['es2022', 'esnext.disposable'] };
    expect(await compile('assertions', read('assertions.ts'), 'module', options)).toBe('');
  });
});
