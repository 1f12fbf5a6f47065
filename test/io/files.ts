import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as receptive from 'receptive';
import { type DType, Tensor } from 'receptive';
import { loadNpy, loadNpz, loadSafetensors } from 'receptive/io';
import { afterAll, afterEach, expect } from 'vitest';
import { type ErrorName, expectError } from '../support/errors';

export type AnyTensor = Tensor<DType>;

const owned: AnyTensor[] = [];

/** Disposes every tensor that the test made by the functions of this file. */
export function disposeOwned(): void {
  for (const t of owned.splice(0)) t.dispose();
}

afterEach(disposeOwned);

/** Has a tensor, or those in an object, disposed when the test ends. */
export function own<T extends AnyTensor | Readonly<Record<string, AnyTensor>>>(made: T): T {
  owned.push(...(made instanceof Tensor ? [made] : Object.values(made)));
  return made;
}

const owning = <F extends (...args: never[]) => AnyTensor>(f: F): F =>
  ((...args: never[]) => own(f(...args))) as unknown as F;

// The package's functions; their tensors are disposed when the test ends.
export const tensor = owning(receptive.tensor);
export const zeros = owning(receptive.zeros);
export const ones = owning(receptive.ones);

type Loading = (...args: never[]) => Promise<AnyTensor | Record<string, AnyTensor>>;
const loading = <F extends Loading>(f: F): F => (async (...args: never[]) => own(await f(...args))) as unknown as F;

export const loadTensors = loading(loadSafetensors);
export const loadArray = loading(loadNpy);
export const loadArrays = loading(loadNpz);

/** A folder that is removed when the test file ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'receptive-io-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Awaits the rejection with one of the library's errors. */
export async function expectRejects(promise: Promise<unknown>, name: ErrorName, ...messages: RegExp[]): Promise<Error> {
  let result: unknown;
  try {
    result = await promise;
  } catch (error) {
    expectError(error, name, ...messages);
    return error as Error;
  }
  expect.fail(`expected a ${name}, but the promise was fulfilled with ${String(result)}`);
}

/** The bits of a tensor's values. */
export function bytesOf(t: AnyTensor): Buffer {
  const { buffer, byteOffset, byteLength } = t.dataSync();
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Type, shape and bits are the same. */
export function expectSameTensor(actual: AnyTensor, expected: AnyTensor, what = 'tensor'): void {
  expect([actual.dtype, actual.shape], what).toEqual([expected.dtype, expected.shape]);
  expect(bytesOf(actual).equals(bytesOf(expected)), `the same bits: ${what}`).toBe(true);
}

/** The same names, and for each the same tensor. */
export function expectSameTensors(
  actual: Readonly<Record<string, AnyTensor>>,
  expected: Readonly<Record<string, AnyTensor>>,
): void {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, t] of Object.entries(expected)) expectSameTensor(actual[name], t, name);
}

/** Names of `samples()`. */
export const sampleNames = ['conv.weight', '', 'ключ "ü"\n', '__proto__', '12', 'scalar', 'empty'] as const;

/** Tensors of every type, with their awkward values, shapes and names. */
export function samples(): Record<string, AnyTensor> {
  const float32 = Float32Array.of(1, -0, Number.NaN, Infinity, -Infinity, 1e-45, 3.4028234663852886e38, 0.1);
  const tensors: AnyTensor[] = [
    tensor(float32, { shape: [2, 1, 4] }),
    tensor(Float64Array.of(Math.PI, 5e-324, -0), { shape: [3, 1] }),
    tensor(Int32Array.of(-(2 ** 31), 2 ** 31 - 1, 0)),
    tensor(Uint8Array.of(0, 255, 7)),
    tensor([[true, false, true]]),
    tensor(2.5),
    tensor(new Float32Array(0), { shape: [0, 4, 2] }),
  ];
  return Object.fromEntries(sampleNames.map((name, i) => [name, tensors[i]]));
}

/** A safetensors file with this header and data. */
export function safetensorsBytes(header: unknown, data: Uint8Array = new Uint8Array(0)): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

/** An entry of a safetensors header. */
export const entry = (dtype: unknown, shape: unknown, begin: unknown, end: unknown): object => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});
