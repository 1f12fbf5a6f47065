import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { devices } from 'receptive';
import { expect, it } from 'vitest';
import { packageRoot, runFile } from './support/child';

const run = (...args: string[]) => runFile('dist/cli/main.js', { args });

it('info prints devices, target, reasons and versions', async () => {
  const { code, stdout } = await run('info');
  expect(code).toBe(0);
  const [cpu] = devices();
  expect(stdout).toMatch(/^receptive \d+\.\d+\.\d+, Node\.js \d+\.\d+\.\d+ \(Node-API \d+\), /);
  expect(stdout).toContain(`cpu: ${cpu.name}\n  target   ${cpu.target}`);
  for (const { id, available, reason } of devices()) {
    if (!available) expect(stdout).toContain(`${id}: not available\n  reason   ${reason}`);
  }
});

it('info --json is the same as data', async () => {
  const { code, stdout } = await run('info', '--json');
  expect(code).toBe(0);
  const info = JSON.parse(stdout);
  expect(info.devices).toEqual(devices());
  expect(info.defaultDevice).toBe('cpu');
  expect(info.versions).toMatchObject({ node: process.versions.node, nodeApi: process.versions.napi });
});

it('info says why the addon cannot be loaded', async () => {
  const { code, stderr } = await runFile('dist/cli/main.js', { args: ['info'], env: { RECEPTIVE_ADDON: 'none.node' } });
  expect(code).toBe(1);
  expect(stderr).toMatch(/could not be loaded[\s\S]*What helps/);
});

it('bench says what to do where the package is installed without its repository', async () => {
  const installed = mkdtempSync(join(tmpdir(), 'receptive-installed-'));
  try {
    cpSync(join(packageRoot, 'dist', 'cli'), join(installed, 'dist', 'cli'), { recursive: true });
    const { code, stderr } = await runFile(join(installed, 'dist', 'cli', 'main.js'), { args: ['bench'] });
    expect(code).toBe(1);
    expect(stderr).toMatch(/not part of the installed package[\s\S]*clone/);
  } finally {
    rmSync(installed, { recursive: true });
  }
});

it.each([[[]], [['learn']], [['info', '--xml']]])('refuses %j and shows how it is used', async (args) => {
  const { code, stderr } = await run(...args);
  expect(code).toBe(2);
  expect(stderr).toMatch(/usage: receptive COMMAND/);
});

it('--help', async () => {
  expect(await run('--help')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^usage: receptive COMMAND/) });
});
