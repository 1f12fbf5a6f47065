// One process of several, of which the last leaves the others in the way named while they wait for it. Prints what those see.
import { ones } from 'receptive';
import { mpiCommunicator } from 'receptive/distributed';

const [how, timeout] = process.argv.slice(2);
const communicator = await mpiCommunicator({ timeoutSeconds: Number(timeout) });
const { rank, size } = communicator;
await communicator.barrier();
if (rank === size - 1) {
  if (how === 'throw') throw new Error('no more');
  if (how === 'exit') process.exit(0);
  if (how === 'kill') process.kill(process.pid, 'SIGKILL');
  if (how === 'dispose') await communicator.dispose();
  if (how === 'nothing') await new Promise((resolve) => setTimeout(resolve, 60_000));
} else {
  const x = ones([3]);
  const report = ({ name, message }) => process.stdout.write(`${name}: ${message}\n`);
  await communicator.allReduceSum_([x]).catch(report);
  await communicator.barrier().catch(report);
  await communicator.dispose().catch(report);
}
