import { join } from 'node:path';
import { loadSafetensors, readSafetensorsHeader } from 'receptive/io';
import { expect } from 'vitest';

/** All that a checkpoint holds, without times. */
export async function checkpointContents(
  file: string,
): Promise<{ tensors: Record<string, unknown>; metadata: unknown }> {
  const loaded = await loadSafetensors(file);
  const tensors: Record<string, unknown> = {};
  for (const [name, tensor] of Object.entries(loaded)) {
    tensors[name] = Buffer.from((await tensor.data()).buffer).toString('base64');
    tensor.dispose();
  }
  const { parts, random, values } = (await readSafetensorsHeader(file)).metadata;
  const timeless = (key: string, value: unknown) => (['seconds', 'imagesPerSecond'].includes(key) ? undefined : value);
  return { tensors, metadata: [parts, random, values].map((text) => JSON.parse(text, timeless)) };
}

/** That the checkpoints of two runs, by their folders, are the same bit for bit. */
export async function expectSameCheckpoints(folder: string, other: string): Promise<void> {
  for (const file of ['last.safetensors', 'best.safetensors']) {
    expect(await checkpointContents(join(folder, file))).toEqual(await checkpointContents(join(other, file)));
  }
}
