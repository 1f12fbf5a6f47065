// Saves and loads a tensor of 300 MB in the given file. Prints, as JSON, by how much the memory of the process grew beyond what
// it was with the tensor (largest resident set, in MB), and how many turns the event loop had.
import { emptyCache, full, setMemoryLimit, synchronize } from 'receptive';
import { loadNpy, loadSafetensors, saveNpy, saveSafetensors } from 'receptive/io';

const [file] = process.argv.slice(2);
const peak = () => process.resourceUsage().maxRSS / 1024;

/** Runs a step and measures it. */
async function measure(step) {
  const before = peak();
  let turns = 0;
  let running = true;
  const count = () => {
    turns++;
    if (running) setImmediate(count);
  };
  setImmediate(count);
  const result = await step();
  running = false;
  return { result, grown: peak() - before, turns };
}

const x = full([3, 25_000_000], 0.5);
await synchronize();
const shared = await measure(() => saveSafetensors(file, { x }, { snapshot: false }));
x.dispose();
emptyCache();

/** Checks some values, and gives the memory back. */
async function loadAndCheck(load) {
  const t = await load();
  const flat = t.reshape([t.size]);
  for (const at of [0, 2 ** 20, t.size - 1]) {
    const one = flat.slice(at, at + 1);
    if (one.item() !== 0.5) throw new Error(`element ${at} is ${one.item()}`);
    one.dispose();
  }
  flat.dispose();
  return t;
}

const loaded = await measure(() => loadAndCheck(async () => (await loadSafetensors(file)).x));
const npySaved = await measure(() => saveNpy(file, loaded.result, { snapshot: false }));
loaded.result.dispose();
emptyCache();
const npyLoaded = await measure(() => loadAndCheck(() => loadNpy(file)));
// Without room for a copy.
setMemoryLimit(400e6);
let refused;
try {
  await saveNpy(file, npyLoaded.result);
} catch (error) {
  refused = error.code;
}
const copied = await measure(() => {
  setMemoryLimit(2e9);
  return saveSafetensors(file, { x: npyLoaded.result });
});
const steps = { shared, loaded, npySaved, npyLoaded, copied };
const figures = Object.entries(steps).map(([name, { grown, turns }]) => [name, { grown, turns }]);
process.stdout.write(JSON.stringify({ ...Object.fromEntries(figures), refused }));
