// A failing operation whose result nobody reads must not end the process.
import { setTimeout as sleep } from 'node:timers/promises';
import { crossEntropy, tensor, zeros } from '../../../dist/index.mjs';

process.on('unhandledRejection', () => process.stdout.write('unhandled '));
for (let i = 0; i < 10; i++) crossEntropy(zeros([2, 3]), tensor(Int32Array.of(0, 5)));
await sleep(50);
process.stdout.write('done');
