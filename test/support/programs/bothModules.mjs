// Loads the package both ways, by its name, as a user does.
import { createRequire } from 'node:module';
import * as imported from 'receptive';

const required = createRequire(import.meta.url)('receptive');
const missing = Object.keys(required).filter((name) => !(name in imported));
process.stdout.write(
  JSON.stringify({
    sameTensor: imported.Tensor === required.Tensor,
    instance: required.zeros([1]) instanceof imported.Tensor,
    missing,
    sameGrad: imported.grad.relu === required.grad.relu,
  }),
);
