// Opens MPI's communicator in a process that no launcher has started; prints its place or the error.
import { mpiCommunicator } from 'receptive/distributed';

try {
  const { rank, size } = await mpiCommunicator();
  process.stdout.write(JSON.stringify({ rank, size }));
} catch ({ name, code, message }) {
  process.stdout.write(JSON.stringify({ name, code, message }));
}
