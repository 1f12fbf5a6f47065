import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { convAlgorithms, profile, setNumThreads, type Tensor, tensor, UnsupportedError } from 'receptive';
import { type ConvAlgorithm, convRun } from '../conv/run';
import { tensorShapes } from '../conv/shape';
import { enqueue } from '../measure';
import { repository } from '../paths';
import { parseTask, type Task } from './protocol';
import { Declined, readValues, type Server, serve } from './serve';

const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { version: string };

async function prepare({ shape, direction, algorithm, threads, files, samples }: Task): Promise<Server> {
  setNumThreads(threads);
  const shapes = tensorShapes(shape);
  const { stride, padding, groups } = shape;
  const by = ({ fwd: 'forward', bwd_d: 'input', bwd_w: 'weight' } as const)[direction];
  const algorithms = convAlgorithms(shapes.input, shapes.weight, { stride, padding, groups, direction: by });
  const load = (name: keyof typeof files): Tensor => tensor(readValues(files[name]), { shape: shapes[name] });
  const tensors = { input: load('input'), weight: load('weight'), output: load('output') };
  const run = convRun(shape, direction, algorithm as ConvAlgorithm, tensors);
  const { result, events } = await profile(run).catch((error: unknown) => {
    throw error instanceof UnsupportedError ? new Declined(error.message) : error;
  });
  const values = await result.data();
  result.dispose();
  const event = events.find((one) => one.algorithm !== null);
  const chosen = event?.variant ?? event?.algorithm ?? algorithm;
  return {
    ready: {
      version,
      algorithm: chosen,
      workspaceBytes: algorithms.find(({ name, variant }) => (variant ?? name) === chosen)?.workspaceBytes ?? null,
      samples: samples.map((index) => values[index]),
    },
    run: (times) => enqueue(() => [run()], times),
  };
}

void serve(parseTask, prepare);
