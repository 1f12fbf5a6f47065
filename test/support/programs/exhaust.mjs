// Makes tensors of 1 MiB in a synchronous loop until none is left, catches the error and goes on.
import { tensor, tidy, zeros } from '../../../dist/index.mjs';

const held = [];
try {
  for (;;) held.push(zeros([2 ** 18]));
} catch (error) {
  const made = held.length;
  for (const t of held) t.dispose();
  const after = tidy(() => tensor([3]).item());
  process.stdout.write(JSON.stringify({ name: error.name, code: error.code, message: error.message, made, after }));
}
