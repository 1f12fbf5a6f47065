import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { memoryStats, sgdStep_ } from 'receptive';
import { loadNpz, saveNpz } from 'receptive/io';
import { afterEach, describe, expect, it } from 'vitest';
import { packageRoot } from '../support/child';
import { describeOnDevices } from '../support/devices';
import { expectThrows } from '../support/errors';
import { expectRejects, expectSameTensors, loadArrays, ones, samples, temporaryFolder, tensor, zeros } from './files';

const folder = temporaryFolder();
const file = join(folder, 'arrays.npz');
afterEach(() => expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]));

describeOnDevices('saveNpz and loadNpz', (device) => {
  describe.each([false, true])('compress: %j', (compress) => {
    it('keep names, types, shapes and every bit of the values', async () => {
      await saveNpz(file, samples(), { compress });
      const loaded = await loadArrays(file);
      expectSameTensors(loaded, samples());
      expect(Object.values(loaded).every((t) => t.device === device)).toBe(true);
    });

    it('keep large tensors, which go in pieces', async () => {
      const large = { a: tensor(Float32Array.from({ length: 2_100_001 }, (_, i) => i % 77)), b: zeros([3, 500_000]) };
      await saveNpz(file, large, { compress });
      expect(readFileSync(file).length < 4 * 3_600_001).toBe(compress);
      expectSameTensors(await loadArrays(file), large);
    });

    it('save the values of the time of the call, and hold no memory afterwards', async () => {
      const parameter = zeros([400_000]);
      const before = memoryStats().tensors;
      const saved = saveNpz(file, { parameter, other: parameter }, { compress });
      sgdStep_(parameter, ones([400_000]), { learningRate: 1 });
      await saved;
      expect(memoryStats().tensors).toBe(before + 1);
      expectSameTensors(await loadArrays(file), { parameter: zeros([400_000]), other: zeros([400_000]) });
    });
  });

  it('give the same file for the same values, and chosen arrays only', async () => {
    await saveNpz(file, samples());
    const first = readFileSync(file);
    await saveNpz(file, samples());
    expect(readFileSync(file).equals(first)).toBe(true);
    expectSameTensors(await loadArrays(file, { names: ['scalar'] }), { scalar: tensor(2.5) });
    await expectRejects(loadNpz(file, { names: ['absent'] }), 'ArgumentError', /has no array 'absent'/);
  });

  it('save nothing as a file that holds nothing', async () => {
    await saveNpz(file, {});
    expect(await loadNpz(file)).toEqual({});
  });

  it('keep the file before when a tensor changes under snapshot: false', async () => {
    await saveNpz(file, { a: ones([2]) });
    const a = zeros([1_500_000]);
    const saved = saveNpz(file, { b: ones([1]), a }, { snapshot: false });
    a.copy_(ones([1_500_000]));
    await expectRejects(saved, 'ArgumentError', /tensors\['a'\] .* was written to/);
    expectSameTensors(await loadArrays(file), { a: ones([2]) });
  });
});

it.runIf(spawnSync('unzip', ['-v']).status === 0)('other programs find the file whole', async () => {
  await saveNpz(file, samples(), { compress: true });
  const { status, stdout } = spawnSync('unzip', ['-t', file], { encoding: 'utf8' });
  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining('No errors detected') });
});

interface Fake {
  name: string;
  content: Buffer;
  method?: number;
  packed?: Buffer;
  /** What is stated instead of the truth. */
  size?: number;
  crc?: number;
  flags?: number;
  offset?: number;
  /** It has no bytes of its own, but those of the first. */
  shared?: boolean;
}

/** A zip file by the format's published layout, with lies where they are asked for. */
function zipBytes(fakes: readonly Fake[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let position = 0;
  for (const { name, content, method = 0, packed = content, flags = 0, ...lies } of fakes) {
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(lies.crc ?? crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(lies.size ?? content.length, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(lies.offset ?? (lies.shared ? 0 : position), 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, rest, Buffer.from(name));
    const local = [Buffer.from('PK\x03\x04', 'latin1'), common, Buffer.from(name), packed];
    if (lies.shared) continue;
    parts.push(...local);
    position += Buffer.concat(local).length;
  }
  const table = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(fakes.length, 8);
  end.writeUInt16LE(fakes.length, 10);
  end.writeUInt32LE(table.length, 12);
  end.writeUInt32LE(position, 16);
  return Buffer.concat([...parts, table, end]);
}

function npy(count: number, data = Buffer.alloc(count)): Buffer {
  const text = `{'descr': '|u1', 'fortran_order': False, 'shape': (${count},), }`;
  const head = Buffer.from(`\x93NUMPY\x01\x00${String.fromCharCode(text.length)}\x00${text}`, 'latin1');
  return Buffer.concat([head, data]);
}

describe('a file that is not as the format demands', () => {
  const content = npy(1000);
  const deflated = { name: 'a.npy', content, method: 8, packed: deflateRawSync(content) };

  it('is read where it is right', async () => {
    writeFileSync(
      file,
      zipBytes([
        { name: 'a.npy', content: npy(2, Buffer.from([4, 5])) },
        { ...deflated, name: 'b.npy' },
      ]),
    );
    expectSameTensors(await loadArrays(file), { a: tensor(Uint8Array.of(4, 5)), b: tensor(new Uint8Array(1000)) });
  });

  it.each<[string, Buffer, RegExp]>([
    ['empty', Buffer.alloc(0), /no readable zip file: /],
    ['another format', Buffer.alloc(100, 'x'), /no readable zip file: /],
    ['cut', zipBytes([deflated]).subarray(0, -30), /no readable zip file: /],
    [
      'a wrong checksum',
      zipBytes([{ ...deflated, crc: 1 }]),
      /'a\.npy': the data are damaged: .* recorded is 00000001/,
    ],
    ['a member twice', zipBytes([deflated, deflated]), /a second member 'a\.npy'/],
    ['a member of another kind', zipBytes([{ name: 'a.txt', content }]), /member 'a\.txt' is no \.npy file/],
    ['fewer bytes than stated', zipBytes([{ ...deflated, size: content.length + 1 }]), /'a\.npy': /],
    ['more bytes than stated', zipBytes([{ ...deflated, size: content.length - 1 }]), /'a\.npy': /],
    ['stored, another size stated', zipBytes([{ name: 'a.npy', content, size: 5 }]), /no readable zip file: /],
    ['no deflated data', zipBytes([{ ...deflated, packed: Buffer.alloc(50, 255) }]), /'a\.npy': /],
    ['data outside of the file', zipBytes([{ ...deflated, offset: 2 ** 30 }]), /truncated: it ends at byte 1073741824/],
    ['a path upwards', zipBytes([{ ...deflated, name: '../a.npy' }]), /no readable zip file: .*\.\./],
    [
      'an array that is no array',
      zipBytes([{ name: 'a.npy', content: Buffer.from('hello, world') }]),
      /does not begin with/,
    ],
    [
      'a header that does not fit the size',
      zipBytes([{ name: 'a.npy', content: npy(9, Buffer.alloc(5)) }]),
      /truncated: 5 bytes of data/,
    ],
  ])('%s is a FormatError', async (_, bytes, message) => {
    writeFileSync(file, bytes);
    const error = await expectRejects(loadNpz(file), 'FormatError', message);
    expect(error.message.startsWith(`loadNpz: ${file}: `)).toBe(true);
  });

  it('encrypted and otherwise compressed members are unsupported', async () => {
    writeFileSync(file, zipBytes([{ ...deflated, method: 12 }]));
    await expectRejects(loadNpz(file), 'UnsupportedError', /method 12/);
    writeFileSync(file, zipBytes([{ name: 'a.npy', content, flags: 1, size: content.length - 12 }]));
    await expectRejects(loadNpz(file), 'UnsupportedError', /encrypted/);
  });

  it('sizes that a file cannot hold are refused before memory is taken', async () => {
    const size = 2 ** 31;
    const text = `{'descr': '|u1', 'fortran_order': False, 'shape': (${size},), }`;
    const head = Buffer.from(`\x93NUMPY\x01\x00${String.fromCharCode(text.length)}\x00${text}`, 'latin1');
    writeFileSync(file, zipBytes([{ ...deflated, packed: deflateRawSync(head), size: head.length + size }]));
    await expectRejects(loadNpz(file), 'FormatError', /\d+ bytes cannot unpack to the 2147\d+ that are stated/);
    // The other way: members that share the same packed bytes.
    const packed = Buffer.alloc(1e5);
    const shared = ['b', 'c', 'd'].map((name) => ({ ...deflated, name, packed, shared: true }));
    writeFileSync(file, zipBytes([{ ...deflated, packed }, ...shared]));
    await expectRejects(loadNpz(file), 'FormatError', /'b': members of 200000 bytes in a file of 100\d{3}/);
  });
});

describe('wrong arguments throw at the call', () => {
  // biome-ignore lint/suspicious/noExplicitAny: these calls are wrong on purpose
  const [save, load] = [saveNpz, loadNpz] as ((...args: any[]) => unknown)[];

  it('saveNpz', () => {
    expectThrows(() => save(3, {}), 'ArgumentError', /^saveNpz: file/);
    expectThrows(() => save(file, ones([1])), 'ArgumentError', /^saveNpz: tensors must be an object/);
    expectThrows(() => save(file, {}, { compress: 9 }), 'ArgumentError', /compress must be true or false/);
    expectThrows(() => save(file, {}, { bogus: 9 }), 'ArgumentError', /'bogus'/);
    for (const name of ['/a', '../a', 'a/../b', 'c:\\a', 'a\\b', 'a\0', 'C:a']) {
      expectThrows(() => save(file, { [name]: ones([1]) }), 'ArgumentError', /is no relative path/);
    }
    expectThrows(() => save(file, { ['a'.repeat(65_532)]: ones([1]) }), 'ArgumentError', /takes 65536 bytes/);
  });

  it('loadNpz', () => {
    expectThrows(() => load(file, { device: 'tpu' }), 'DeviceError', /^loadNpz: /);
    expectThrows(() => load(file, { names: [3] }), 'ArgumentError', /^loadNpz: names/);
  });
});

it('without the zip libraries: an error that says what to install', async () => {
  // The package as installed by somebody who did not add them: its files elsewhere, with its one dependency.
  const installed = join(folder, 'project/node_modules/receptive');
  mkdirSync(join(installed, 'node_modules'), { recursive: true });
  cpSync(join(packageRoot, 'dist'), join(installed, 'dist'), { recursive: true });
  copyFileSync(join(packageRoot, 'package.json'), join(installed, 'package.json'));
  for (const name of ['bindings', 'file-uri-to-path']) {
    symlinkSync(join(packageRoot, 'node_modules', name), join(installed, 'node_modules', name));
  }
  const program = join(folder, 'project/main.mjs');
  const call = (f: string, args: string): string =>
    `try { io.${f}(${args}) } catch (e) { console.log(e.code, e.message) }`;
  writeFileSync(
    program,
    `import * as io from 'receptive/io';\n${call('saveNpz', "'x', {}")}\n${call('loadNpz', "'x'")}`,
  );
  const env = {
    ...process.env,
    RECEPTIVE_ADDON: process.env.RECEPTIVE_ADDON ?? join(packageRoot, 'build/Release/receptive.node'),
  };
  const { stdout, stderr } = spawnSync(process.execPath, [program], { encoding: 'utf8', env });
  expect(stderr).toBe('');
  expect(stdout.trim().split('\n')).toEqual([
    "ERR_UNSUPPORTED saveNpz: needs the package 'yazl', which is not installed: npm install yazl",
    "ERR_UNSUPPORTED loadNpz: needs the package 'yauzl', which is not installed: npm install yauzl",
  ]);
});
