// Saves a file that fits into the given folder's file system, then one that does not. Prints what came of it as JSON.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { full, zeros } from 'receptive';
import { loadSafetensors, saveNpz, saveSafetensors } from 'receptive/io';

const [folder] = process.argv.slice(2);
const file = join(folder, 'weights');
await saveSafetensors(file, { small: full([1000], 7) });
const codes = [];
for (const save of [saveSafetensors, saveNpz]) {
  await save(file, { large: zeros([3_000_000]) }).catch((error) => codes.push([error.code, error.path === file]));
}
const { small } = await loadSafetensors(file);
process.stdout.write(JSON.stringify({ codes, files: readdirSync(folder), values: [...new Set(small.dataSync())] }));
