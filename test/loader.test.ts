import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runProgram } from './support/child';

const folder = mkdtempSync(join(tmpdir(), 'receptive-loader-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Imports the package under the given environment; prints the class, code and message of the error, if any. */
async function load(env: Record<string, string>): Promise<{ name: string; code: string; message: string }> {
  const { code, stdout, stderr } = await runProgram('load.mjs', { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

describe('loading the addon', () => {
  it('prints nothing and starts quickly', async () => {
    const { code, stdout, stderr } = await runProgram('load.mjs', { env: {} });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ name: 'none', threads: expect.any(Number), device: 'cpu' });
  });

  it('lists what was tried and what helps when there is no addon', async () => {
    const { name, code, message } = await load({ RECEPTIVE_ADDON: join(folder, 'missing.node') });
    expect([name, code]).toEqual(['AddonError', 'ERR_ADDON']);
    expect(message).toMatch(/could not be loaded/);
    expect(message).toContain(join(folder, 'missing.node'));
    expect(message).toMatch(/Tried:[\s\S]*What helps:/);
  });

  it('refuses a file that is no addon, and an addon of something else', async () => {
    const text = join(folder, 'text.node');
    writeFileSync(text, 'this is not a shared library');
    const broken = await load({ RECEPTIVE_ADDON: text });
    expect([broken.name, broken.code]).toEqual(['AddonError', 'ERR_ADDON']);
    expect(broken.message).toContain(text);
    const script = join(folder, 'other.js');
    writeFileSync(script, 'module.exports = { hello: 1 };');
    expect((await load({ RECEPTIVE_ADDON: script })).message).toMatch(/not an addon of receptive/);
  });

  it.each([
    ['RECEPTIVE_NUM_THREADS', '0'],
    ['RECEPTIVE_NUM_THREADS', '2.5'],
    ['RECEPTIVE_NUM_THREADS', 'many'],
    ['RECEPTIVE_NUM_THREADS', '100000'],
    ['RECEPTIVE_CPU_TARGET', 'x86-64-v9'],
    ['RECEPTIVE_MEMORY_LIMIT', '-1'],
    ['RECEPTIVE_MEMORY_LIMIT', '4GB'],
    ['RECEPTIVE_DEVICE', 'gpu'],
  ])('refuses %s=%s, naming both and what is allowed', async (variable, value) => {
    const { name, message } = await load({ [variable]: value });
    expect(name).toBe('ArgumentError');
    expect(message).toContain(variable);
    expect(message).toContain(`'${value}'`);
  });

  it('honours the variables', async () => {
    const result = (await load({ RECEPTIVE_NUM_THREADS: '3', RECEPTIVE_DEVICE: 'cpu' })) as unknown;
    expect(result).toEqual({ name: 'none', threads: 3, device: 'cpu' });
  });

  it('treats empty variables as not set', async () => {
    const { name } = await load({ RECEPTIVE_NUM_THREADS: '', RECEPTIVE_CPU_TARGET: '', RECEPTIVE_ADDON: '' });
    expect(name).toBe('none');
  });
});

describe('one implementation', () => {
  it('import and require give the same classes and functions', async () => {
    const { code, stdout, stderr } = await runProgram('bothModules.mjs');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ sameTensor: true, instance: true, differences: [], sameGrad: true });
  });
});
