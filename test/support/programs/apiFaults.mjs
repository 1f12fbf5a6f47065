// Calls every function once on a device, with arguments that are there already, while a call of the device's runtime fails.
//   node apiFaults.mjs <seed> <device> <fault, as RECEPTIVE_EMULATION_FAIL has it>
// Prints what became of each call: `[name, 'ok' or the error]`, and what is held at the end.
import { memoryStats, ReceptiveError, synchronize, tensor } from '../../../dist/index.mjs';
import { ApiCalls } from './apiCalls.mjs';

const [seed, device, fault] = process.argv.slice(2);
const calls = new ApiCalls(Number(seed));

/** The error as it goes into the report; whatever is not the library's own ends the process. */
function described(error) {
  if (!(error instanceof ReceptiveError)) throw error;
  return { name: error.name, code: error.code, message: error.message };
}

const ready = [];
for (const [name, f, recipe] of calls.functions) {
  const found = calls.accepted(f, recipe, device);
  if (found === undefined) throw new Error(`no draw of ${name} is accepted`);
  ready.push({ name, f, args: calls.moved(found.args, device) });
}
await synchronize(device);
const early = calls.hold(tensor([1, 2], { device }));

process.env.RECEPTIVE_EMULATION_FAIL = fault;
const outcomes = ready.map(({ name, f, args }) => {
  try {
    calls.run(f, args, device);
    return [name, 'ok'];
  } catch (error) {
    return [name, described(error)];
  }
});
// What was there before, what comes later, and who waits.
const later = [() => early.data(), () => early.to('cpu'), () => tensor([1], { device }), () => synchronize(device)];
const last = [];
for (const body of later) {
  try {
    await body();
    last.push('ok');
  } catch (error) {
    last.push(described(error));
  }
}
calls.release();
const { tensors, allocatedBytes } = memoryStats(device);
process.stdout.write(JSON.stringify({ outcomes, last, tensors, allocatedBytes }));
