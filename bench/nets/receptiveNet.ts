// receptive as a contender of whole nets.
import { crossEntropy, noGrad, setNumThreads, type Tensor, tensor, tidy } from 'receptive';
import type { ModelName } from 'receptive/models';
import { SGD } from 'receptive/optim';
import { type Server, serve } from '../contenders/serve';
import { collectFacts } from '../report/model';
import { makeModel } from './models';
import { type NetTask, parseNetTask, readGraph, readInput, readLabels, training } from './task';

async function prepare({ model: name, mode, threads, seed, folder, samples }: NetTask): Promise<Server> {
  setNumThreads(threads);
  const model = makeModel(name as ModelName, mode, seed);
  const { graph } = readGraph(folder);
  const input = tensor(readInput(folder), { shape: graph.inputShape });
  const labels = tensor(readLabels(folder));
  const { learningRate, momentum } = training;
  const optimizer = mode === 'training' ? new SGD(model.parameters(), { learningRate, momentum }) : null;

  const infer = (): Tensor => noGrad(() => model.call(input));
  const step = (): Tensor =>
    tidy(() => {
      model.zeroGrad();
      const loss = crossEntropy(model.call(input), labels);
      loss.backward();
      optimizer?.step();
      return loss.detach();
    });

  let scriptSeconds = 0;
  /** Enqueues a run and waits for its result. */
  const once = async (): Promise<Float32Array> => {
    const start = process.hrtime.bigint();
    const result = mode === 'training' ? step() : infer();
    scriptSeconds += Number(process.hrtime.bigint() - start) / 1e9;
    try {
      return await result.data();
    } finally {
      result.dispose();
    }
  };

  const answers: number[] = [];
  if (mode === 'training') for (let i = 0; i < training.checkedSteps; i++) answers.push((await once())[0]);
  else {
    const logits = await once();
    answers.push(...samples.map((index) => logits[index]));
  }
  return {
    ready: { version: collectFacts().receptive, algorithm: '', workspaceBytes: null, samples: answers },
    async run(times) {
      scriptSeconds = 0;
      for (let i = 0; i < times; i++) await once();
    },
    scriptSeconds: () => scriptSeconds,
  };
}

void serve(parseNetTask, prepare);
