// For servers: a network behind HTTP. Calls return at once and compute elsewhere, so the server answers others meanwhile.
import { createServer } from 'node:http';
import { arrayBuffer } from 'node:stream/consumers';
import * as r from 'receptive';

r.setMemoryLimit(512 * 2 ** 20); // of tensors and workspace, for the whole process
r.manualSeed(1);
const filters = r.tidy(() => r.mul(r.randn([32, 3, 7, 7]), 0.1));
const dense = r.randn([10, 32]);

/** Queues the network's work and returns the tensor that it will fill; tidy() drops what lies between. */
function classify(pixels) {
  return r.tidy(() => {
    const image = r.tensor(pixels, { shape: [1, 3, 224, 224] }); // copies: the request's buffer is free again
    const features = r.conv2d(image, filters, { stride: 2, padding: 3, activation: 'relu' });
    return r.softmax(r.linear(r.globalAvgPool2d(features).reshape([1, 32]), dense));
  });
}

const server = createServer(async (request, response) => {
  let scores;
  try {
    const pixels = new Float32Array(await arrayBuffer(request));
    scores = classify(pixels);
    response.end(JSON.stringify(Array.from(await scores.data())));
  } catch (error) {
    // Errors are ordinary exceptions: a full server refuses and goes on.
    response.statusCode = error instanceof r.OutOfMemoryError ? 503 : 400;
    response.end(error.message);
  } finally {
    scores?.dispose(); // now, not when the garbage collector finds it
  }
});

await new Promise((resolve) => server.listen(0, resolve));
const url = `http://localhost:${server.address().port}/`;
for (const body of [new Float32Array(3 * 224 * 224).fill(0.5), new Float32Array(7)]) {
  const response = await fetch(url, { method: 'POST', body });
  console.log(response.status, await response.text());
}
console.log(`tensors left: ${r.memoryStats().tensors}`);
server.close();
