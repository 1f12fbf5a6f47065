import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { type DType, ReceptiveError, type Tensor } from 'receptive';
import {
  loadCheckpoint,
  loadNpy,
  loadNpz,
  loadSafetensors,
  readSafetensorsHeader,
  saveCheckpoint,
  saveNpy,
  saveNpz,
  saveSafetensors,
} from 'receptive/io';
import { beforeAll, describe, it } from 'vitest';
import { disposeOwned, own, samples, temporaryFolder, tensor } from './files';

// Whatever happens to a file, reading it ends: with tensors that lie within it, or with an error of the format.

const folder = temporaryFolder();
const at = (name: string): string => join(folder, name);

type Loaded = Record<string, Tensor<DType>> | Tensor<DType> | object;

const formats: Record<string, { load: (file: string) => Promise<Loaded>; bytes?: Buffer }> = {
  safetensors: { load: loadSafetensors },
  header: { load: readSafetensorsHeader },
  npy: { load: loadNpy },
  stored: { load: loadNpz },
  deflated: { load: loadNpz },
  checkpoint: { load: (file) => loadCheckpoint(file, { random: false }) },
};

beforeAll(async () => {
  const tensors = samples();
  const part = { stateDict: () => ({ tensors, values: { step: 1 } }), loadStateDict: () => {} };
  await saveSafetensors(at('safetensors'), tensors, { metadata: { a: 'b' } });
  await saveSafetensors(at('header'), tensors);
  await saveNpy(
    at('npy'),
    tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]),
  );
  await saveNpz(at('stored'), tensors);
  await saveNpz(at('deflated'), tensors, { compress: true });
  await saveCheckpoint(at('checkpoint'), { parts: { part }, values: { epoch: 1 } });
  for (const [name, format] of Object.entries(formats)) format.bytes = readFileSync(at(name));
  disposeOwned();
});

/** Loads these bytes: they give tensors, or an error that says what is wrong in the file. */
async function expectEnd(name: string, bytes: Uint8Array): Promise<void> {
  writeFileSync(at(name), bytes);
  let loaded: Loaded;
  try {
    loaded = await formats[name].load(at(name));
  } catch (error) {
    const { code } = error as ReceptiveError;
    if (!(error instanceof ReceptiveError) || (code !== 'ERR_FORMAT' && code !== 'ERR_UNSUPPORTED')) throw error;
    if (!error.message.includes(at(name))) throw new Error(`the message names no file: ${error.message}`);
    return;
  }
  if (name === 'header' || name === 'checkpoint') return;
  const made = own(loaded as Tensor<DType>);
  const all = Object.values(typeof made.dispose === 'function' ? { made } : made) as Tensor<DType>[];
  let elements = 0;
  for (const { size } of all) elements += size;
  disposeOwned();
  // At least a bit of the file for each element: the best that deflate can do is 1032 elements a byte.
  if (elements > 1032 * bytes.length) throw new Error(`${elements} elements from ${bytes.length} bytes`);
}

const numRuns = 150;

describe.each(Object.keys(formats))('%s', (name) => {
  const whole = (): Buffer => formats[name].bytes as Buffer;

  it('whole', () => expectEnd(name, whole()));

  it('with bytes changed', { timeout: 120_000 }, async () => {
    const change = fc.record({
      position: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      value: fc.nat(255),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const bytes = Buffer.from(whole());
        for (const { position, value } of changes) bytes[Math.floor(position * bytes.length)] = value;
        await expectEnd(name, bytes);
      }),
      { numRuns },
    );
  });

  it('with bits flipped', { timeout: 120_000 }, async () => {
    const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
    await fc.assert(
      fc.asyncProperty(place, fc.nat(7), async (position, bit) => {
        const bytes = Buffer.from(whole());
        bytes[Math.floor(position * bytes.length)] ^= 1 << bit;
        await expectEnd(name, bytes);
      }),
      { numRuns },
    );
  });

  it('cut, and continued with other bytes', { timeout: 120_000 }, async () => {
    const place = fc.double({ min: 0, max: 1, noNaN: true });
    await fc.assert(
      fc.asyncProperty(place, fc.uint8Array({ maxLength: 40 }), async (position, tail) => {
        await expectEnd(name, Buffer.concat([whole().subarray(0, Math.floor(position * whole().length)), tail]));
      }),
      { numRuns },
    );
  });

  it('with digits changed, as sizes and offsets are', { timeout: 120_000 }, async () => {
    const digits = [...whole().entries()].filter(([, byte]) => byte >= 0x30 && byte <= 0x39).map(([i]) => i);
    if (digits.length === 0) return;
    const edit = fc.record({ which: fc.nat(digits.length - 1), by: fc.constantFrom(...'0123456789-.e,]"}') });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 6 }), async (edits) => {
        const bytes = Buffer.from(whole());
        for (const { which, by } of edits) bytes[digits[which]] = by.charCodeAt(0);
        await expectEnd(name, bytes);
      }),
      { numRuns },
    );
  });
});
