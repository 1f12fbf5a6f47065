// Times the algorithms at the first start, and keeps what it found for the next one.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { conv2d, convSearchResults, loadConvSearchResults, randn, synchronize } from 'receptive';

const file = process.argv[2] ?? 'search.json';
if (existsSync(file)) loadConvSearchResults(JSON.parse(readFileSync(file, 'utf8')));
const known = convSearchResults().length;

const output = conv2d(randn([1, 64, 28, 28]), randn([64, 64, 3, 3]), { padding: 1, algorithm: 'search' });
await synchronize();

const results = convSearchResults();
console.log(`[${output.shape}]: ${results.length - known} searched, ${known} known`);
for (const { input, microseconds } of results) console.log(input, microseconds);
writeFileSync(file, JSON.stringify(results));
