import Benchmark from 'benchmark';
import { add, relu, softmax, sum, tensor } from 'receptive';
import { callLayers } from './callLayers';

/** Prints what a call costs where the arithmetic costs nothing: 16 floats, forward, the result disposed at once. */
export function callOverhead(): void {
  const x = tensor(Float32Array.from({ length: 16 }, (_, i) => i - 8));
  const y = tensor(new Float32Array(16).fill(2));
  const suite = new Benchmark.Suite();
  suite.add('relu', () => relu(x).dispose());
  suite.add('add', () => add(x, y).dispose());
  suite.add('add a number', () => add(x, 1).dispose());
  suite.add('sum', () => sum(x).dispose());
  suite.add('softmax', () => softmax(x, 0).dispose());
  suite.add('reshape', () => x.reshape([4, 4]).dispose());
  suite.on('cycle', (event: Benchmark.Event) => {
    const { name, hz = 0, stats } = event.target;
    console.log(`${(1e6 / hz).toFixed(3).padStart(8)} us +- ${stats?.rme.toFixed(1)} %  ${name}`);
  });
  suite.run();
  x.dispose();
  y.dispose();
  callLayers();
}
