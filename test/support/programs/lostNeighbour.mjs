// Of two emulated devices the second is lost: what that is to the first.
import { add, memoryStats, synchronize, tensor } from '../../../dist/index.mjs';

const [first, second] = ['cuda:0', 'cuda:1'];
const x = tensor([1, 2, 3], { device: first });
const y = tensor([1, 2, 3], { device: second });
await synchronize(second);

const failures = [];
async function fails(body) {
  try {
    await body();
    failures.push('no error');
  } catch (error) {
    failures.push(error.name);
  }
}
process.env.RECEPTIVE_EMULATION_FAIL = 'launch:1=cudaErrorIllegalAddress';
await fails(() => add(y, 1));
process.env.RECEPTIVE_EMULATION_FAIL = '';
await fails(() => y.data());
await fails(() => x.to(second));
await fails(() => y.to(first));

const z = add(x, 1);
const alive = [...(await z.data())];
const copy = z.to('cpu');
const moved = [...copy.dataSync()];
await synchronize(first);
for (const t of [x, y, z, copy]) t.dispose();
const held = [first, second].map((id) => {
  const { tensors, allocatedBytes } = memoryStats(id);
  return { tensors, allocatedBytes };
});
process.stdout.write(JSON.stringify({ lost: failures, alive, moved, held }));
