// ONNX Runtime as a contender of whole nets.
import { loadModule, versionOf } from '../contenders/modules';
import { type Ort, openSession } from '../contenders/onnxSession';
import { type Server, serve } from '../contenders/serve';
import { onnxOf } from './onnxGraph';
import { type NetTask, parseNetTask, readGraph, readInput, readWeights } from './task';

async function prepare({ threads, folder, samples }: NetTask): Promise<Server> {
  const ort = loadModule<Ort>('onnxruntime-node');
  const file = readGraph(folder);
  const session = await openSession(ort, onnxOf(file.graph, readWeights(folder, file)), threads);
  const { input, inputShape } = file.graph;
  const feeds = { [input]: new ort.Tensor('float32', readInput(folder), inputShape) };
  const [logits] = Object.values(await session.run(feeds));
  return {
    ready: {
      version: versionOf('onnxruntime-node'),
      algorithm: '',
      workspaceBytes: null,
      samples: samples.map((index) => logits.data[index]),
    },
    async run(times) {
      for (let i = 0; i < times; ++i) await session.run(feeds);
    },
  };
}

void serve(parseNetTask, prepare);
