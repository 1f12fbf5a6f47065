// A user's module: must compile under every module resolution, without skipLibCheck.
import { conv2d, type DType, devices, grad, Tensor, tensor, zeros } from 'receptive';

export async function consume(): Promise<Float32Array> {
  const weight: Tensor<'float32'> = zeros([1, 1, 3, 3]);
  const input = tensor([1, 2, 3], { shape: [1, 1, 1, 3] });
  const output = conv2d(input, weight, { padding: 'same' });
  const back = grad.conv2dInput([1, 1, 1, 3], weight, output, { padding: 'same' });
  const dtype: DType = back.dtype;
  if (!(back instanceof Tensor)) throw new Error(`${dtype} on ${devices()[0].id}`);
  return back.data();
}
