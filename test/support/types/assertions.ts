// Compiled, never run: the types that users see. Each line fails to compile when its type changes.
import {
  add,
  argmax,
  conv2d,
  crossEntropy,
  type DType,
  equal,
  full,
  grad,
  maxPool2dWithIndices,
  mean,
  nllLoss,
  oneHot,
  ones,
  profile,
  ReceptiveError,
  randint,
  randn,
  sum,
  Tensor,
  tensor,
  tidy,
  where,
  zeros,
} from 'receptive';
import { arrayDataset, type Batch, DataLoader, type Dataset, fashionMnist, randomCrop } from 'receptive/data';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Compiles only if `A` is exactly `B`. */
declare function exactly<A, B>(..._proof: Equal<A, B> extends true ? [] : [never]): void;

export async function assertions(): Promise<void> {
  const int32 = await tensor([1], { dtype: 'int32' }).data();
  // TypeScript's typed arrays name their buffer; what matters is the class.
  const asInt32: Int32Array = int32;
  exactly<(typeof int32)[typeof Symbol.toStringTag], 'Int32Array'>();

  const float = tensor([1, 2]);
  exactly<typeof float, Tensor<'float32'>>();
  exactly<(typeof float)['dtype'], 'float32'>();
  exactly<Awaited<ReturnType<(typeof float)['data']>>[typeof Symbol.toStringTag], 'Float32Array'>();
  const double = tensor(new Float64Array(2));
  exactly<typeof double, Tensor<'float64'>>();
  const bytes = tensor(new Uint8Array(2));
  exactly<typeof bytes, Tensor<'uint8'>>();
  const flags = tensor([true, false]);
  exactly<typeof flags, Tensor<'bool'>>();

  const zero = zeros([2, 3]);
  exactly<typeof zero, Tensor<'float32'>>();
  const one = ones([2], { dtype: 'float64' });
  exactly<typeof one, Tensor<'float64'>>();
  const integers = randint(0, 5, [2]);
  exactly<typeof integers, Tensor<'int32'>>();

  const total = add(double, 1);
  exactly<typeof total, Tensor<'float64'>>();
  const same = equal(float, 1);
  exactly<typeof same, Tensor<'bool'>>();
  const index = argmax(float);
  exactly<typeof index, Tensor<'int32'>>();
  const count = sum(flags);
  exactly<typeof count, Tensor<'int32'>>();
  const average = mean(integers);
  exactly<typeof average, Tensor<'float32'>>();
  const chosen = where(flags, double, 0);
  exactly<typeof chosen, Tensor<'float64'>>();
  const cast = float.cast('uint8');
  exactly<typeof cast, Tensor<'uint8'>>();

  // A tensor made within a call has the type of its own values, whatever the call would like.
  const loss = crossEntropy(double, tensor(new Int32Array([1])));
  exactly<typeof loss, Tensor<'float64'>>();
  const hot = oneHot(tensor(new Int32Array([1, 2])), 3);
  exactly<typeof hot, Tensor<'float32'>>();
  nllLoss(float, tensor([0, 1], { dtype: 'int32' }));
  oneHot(randint(0, 3, [2]), 3);
  // @ts-expect-error labels are int32, numbers give float32
  nllLoss(float, tensor([0, 1]));
  // @ts-expect-error zeros are float32 unless the call says otherwise
  add(double, zeros([2]));
  // @ts-expect-error the same for random numbers
  const drawn: Tensor<'float64'> = randn([2]);
  // @ts-expect-error a function's type does not reach into the tensor it is given
  const filled: Tensor<'int32'> = full([2], 1);
  const generic = <D extends 'float32' | 'float64'>(x: Tensor<D>, dtype: D): Tensor<D> => add(x, ones([2], { dtype }));
  exactly<ReturnType<typeof generic<'float64'>>, Tensor<'float64'>>();

  const { output, indices } = maxPool2dWithIndices(double, { kernelSize: 2 });
  exactly<typeof output, Tensor<'float64'>>();
  exactly<typeof indices, Tensor<'int32'>>();
  const convolved = conv2d(double, double, { padding: { top: 1, bottom: 0, left: 2, right: 0 }, stride: [1, 2] });
  exactly<typeof convolved, Tensor<'float64'>>();
  const gradient = grad.relu(double, double);
  exactly<typeof gradient, Tensor<'float64'>>();

  const kept = tidy(() => ({ a: zeros([1]), n: 3 }));
  exactly<typeof kept, { a: Tensor<'float32'>; n: number }>();
  const profiled = await profile(async () => 'text');
  exactly<(typeof profiled)['result'], string>();

  const bytesDataset = arrayDataset(new Uint8Array(4), [0], [1, 2, 2]);
  exactly<(typeof bytesDataset)['images'][typeof Symbol.toStringTag], 'Uint8Array'>();
  const loader = new DataLoader(await fashionMnist({ split: 'train' }), { batchSize: 8, transform: randomCrop(28) });
  for await (const batch of loader.epoch(0)) exactly<typeof batch, Batch>();
  for await (using batch of new DataLoader(bytesDataset, { batchSize: 1, dtype: 'uint8' })) {
    exactly<typeof batch.images, Tensor<'uint8'>>();
    exactly<typeof batch.labels, Tensor<'int32'>>();
  }
  const ownDataset: Dataset = { length: 1, get: () => ({ data: new Float32Array(1), shape: [1, 1, 1], label: 0 }) };
  new DataLoader(ownDataset, {
    batchSize: 1,
    transform: (image, random) => ({ data: image.data.map((x) => x + random.normal()), shape: image.shape }),
  });
  // @ts-expect-error the batch size is required
  new DataLoader(ownDataset, { shuffle: true });

  using scoped = zeros([1]);
  const shape: readonly number[] = scoped.shape;
  const error: Error & { code: string } = new ReceptiveError('x');
  const anyType: DType = float.dtype;

  // @ts-expect-error the shape cannot be written
  float.shape[0] = 3;
  // @ts-expect-error an unknown type
  zeros([1], { dtype: 'float16' });
  // @ts-expect-error an option misspelt
  conv2d(float, float, { strides: 2 });
  // @ts-expect-error operands of different types
  add(float, double);
  // @ts-expect-error options are required
  maxPool2dWithIndices(float);
  // @ts-expect-error padding needs all four sides
  conv2d(float, float, { padding: { top: 1, left: 1 } });
  // @ts-expect-error a tensor is made by functions
  new Tensor();

  void [asInt32, shape, error, anyType, drawn, filled];
}
