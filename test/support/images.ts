import { arrayDataset, DataLoader, type DataLoaderOptions, type HostImage, type Transform } from 'receptive/data';

/** An image of bytes, from its planes as lists of rows. */
export function bytes(...planes: readonly (readonly number[])[][]): HostImage {
  return { data: Uint8Array.from(planes.flat(2)), shape: [planes.length, planes[0].length, planes[0][0].length] };
}

/** The same of float32 values. */
export function floats(...planes: readonly (readonly number[])[][]): HostImage {
  return { data: Float32Array.from(planes.flat(2)), shape: [planes.length, planes[0].length, planes[0][0].length] };
}

interface Readable {
  readonly shape: readonly number[];
  data(): Promise<Iterable<number>>;
}

/** A loader of either type. */
interface AnyLoader {
  epoch(
    epoch: number,
    options: { startBatch: number },
  ): AsyncIterable<{ images: Readable; labels: Readable; indices: Uint32Array; dispose(): void }>;
}

/** The images of an epoch, all batches one after another, each read as it comes. */
export async function readEpoch(
  loader: AnyLoader,
  epoch = 0,
  startBatch = 0,
): Promise<{ images: number[][]; shapes: number[][]; labels: number[][]; indices: number[][] }> {
  const result = { images: [], shapes: [], labels: [], indices: [] } as Awaited<ReturnType<typeof readEpoch>>;
  for await (const batch of loader.epoch(epoch, { startBatch })) {
    result.images.push([...(await batch.images.data())]);
    result.shapes.push([...batch.images.shape]);
    result.labels.push([...(await batch.labels.data())]);
    result.indices.push([...batch.indices]);
    batch.dispose();
  }
  return result;
}

/** What a loader makes of one image: sample 0 of epoch 0, the transform being its first step. */
export async function transformed(
  image: HostImage,
  transform: Transform,
  options: Omit<Partial<DataLoaderOptions>, 'dtype'> = {},
): Promise<{ data: number[]; shape: number[] }> {
  const dataset = arrayDataset(image.data, [0], image.shape);
  const settings = { batchSize: 1, transform, ...options };
  const loader: AnyLoader =
    image.data instanceof Uint8Array
      ? new DataLoader(dataset, { ...settings, dtype: 'uint8' })
      : new DataLoader(dataset, { ...settings, dtype: 'float32' });
  const { images, shapes } = await readEpoch(loader);
  return { data: images[0], shape: shapes[0].slice(1) };
}
