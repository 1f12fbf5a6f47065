import { type ConvShape, tensorShapes } from '../conv/shape';
import { loadModule, versionOf } from './modules';
import { parseTask, type Task } from './protocol';
import { Declined, readValues, type Server, serve } from './serve';

interface TfTensor {
  data(): Promise<Float32Array>;
  dispose(): void;
  transpose(axes: readonly number[]): TfTensor;
}
type Convolve = (x: TfTensor, filter: TfTensor, strides: readonly number[], padding: readonly number[][]) => TfTensor;
interface Tf {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  tensor4d(values: Float32Array, shape: readonly number[]): TfTensor;
  readonly conv2d: Convolve;
  readonly depthwiseConv2d: Convolve;
}

/** What tfjs can compute of it: whole or depthwise convolutions. */
function isDepthwise({ c, groups }: ConvShape): boolean {
  if (groups === 1) return false;
  if (groups !== c) throw new Declined('has no grouped convolution');
  return true;
}

async function prepare({ shape, threads, files, samples }: Task): Promise<Server> {
  if (threads > 1) throw new Declined('its threads are web workers of a browser, in Node.js it has one');
  const depthwise = isDepthwise(shape);
  const tf = loadModule<Tf>('@tensorflow/tfjs');
  const wasm = loadModule<{ setThreadsCount(n: number): void }>('@tensorflow/tfjs-backend-wasm');
  wasm.setThreadsCount(threads);
  if (!(await tf.setBackend('wasm'))) throw new Error('the backend wasm does not start');
  await tf.ready();
  const shapes = tensorShapes(shape);
  // NHWC activations and [R, S, C, K] filters; for depthwise ones [R, S, C, K/C].
  const x = tf.tensor4d(readValues(files.input), shapes.input).transpose([0, 2, 3, 1]);
  const given = depthwise ? [shape.c, shape.k / shape.c, ...shape.kernel] : shapes.weight;
  const filter = tf.tensor4d(readValues(files.weight), given).transpose(depthwise ? [2, 3, 0, 1] : [2, 3, 1, 0]);
  const [top, left] = shape.padding;
  const padding = [
    [0, 0],
    [top, top],
    [left, left],
    [0, 0],
  ];
  const convolve = depthwise ? tf.depthwiseConv2d : tf.conv2d;
  const run = (): TfTensor => convolve(x, filter, shape.stride, padding);
  const result = run();
  const nchw = result.transpose([0, 3, 1, 2]);
  const values = await nchw.data();
  for (const tensor of [result, nchw]) tensor.dispose();
  return {
    ready: {
      version: versionOf('@tensorflow/tfjs-backend-wasm'),
      algorithm: '',
      workspaceBytes: null,
      samples: samples.map((index) => values[index]),
    },
    async run(times) {
      // Computes in the call.
      for (let i = 0; i < times; ++i) run().dispose();
    },
  };
}

void serve(parseTask, prepare);
