import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from './support/child';

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');

/** A folder in which the package is installed, as in a user's project. */
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'receptive-types-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(packageRoot, join(folder, 'node_modules', 'receptive'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Compiles one file of support/types in a project with these options; resolves to what the compiler prints. */
function compile(name: string, source: string, type: 'module' | 'commonjs', compilerOptions: object): Promise<string> {
  const project = join(folder, name);
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'consumer', type }));
  copyFileSync(join(packageRoot, 'test/support/types', source), join(project, 'main.ts'));
  const base = { strict: true, noEmit: true, skipLibCheck: false, target: 'es2022', types: [], ...compilerOptions };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: base, files: ['main.ts'] }));
  return new Promise((resolve) => {
    execFile(process.execPath, [tsc, '-p', project], (_, stdout, stderr) => resolve(stdout + stderr));
  });
}

describe('types', { timeout: 120_000 }, () => {
  it.each([
    ['node16, ES module', 'module', { module: 'node16', moduleResolution: 'node16' }],
    ['node16, CommonJS', 'commonjs', { module: 'node16', moduleResolution: 'node16' }],
    ['nodenext, ES module', 'module', { module: 'nodenext', moduleResolution: 'nodenext' }],
    ['nodenext, CommonJS', 'commonjs', { module: 'nodenext', moduleResolution: 'nodenext' }],
    ['bundler', 'module', { module: 'esnext', moduleResolution: 'bundler' }],
    ['classic CommonJS', 'commonjs', { module: 'commonjs', moduleResolution: 'node10' }],
  ] as const)('are found under %s', async (name, type, options) => {
    expect(await compile(name.replace(/\W+/g, '-'), 'consumer.ts', type, { ...options, lib: ['es2022'] })).toBe('');
  });

  it('follow dtypes from call to call', async () => {
    const options = { module: 'nodenext', moduleResolution: 'nodenext', lib: ['es2022', 'esnext.disposable'] };
    expect(await compile('assertions', 'assertions.ts', 'module', options)).toBe('');
  });
});
