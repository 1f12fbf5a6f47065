// Loads the package and its subpaths both ways, by their names, as a user does.
import { createRequire } from 'node:module';
import * as imported from 'receptive';
import { builtEntries } from '../entries.mjs';

const require = createRequire(import.meta.url);
const required = require('receptive');

/** Names of an entry that are not the same value under `import` and under `require`. */
async function differences(entry) {
  const [a, b] = [await import(entry), require(entry)];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((name) => a[name] === undefined || a[name] !== b[name])
    .map((name) => `${entry}: ${name}`);
}

process.stdout.write(
  JSON.stringify({
    sameTensor: imported.Tensor === required.Tensor,
    instance: required.zeros([1]) instanceof imported.Tensor,
    differences: (await Promise.all(builtEntries().map(differences))).flat(),
    sameGrad: imported.grad.relu === required.grad.relu,
  }),
);
