// Loaded into test workers by scripts/testCuda.mjs: they are ended by a signal, and this lets what is written at exit be written.
const exit = process.exit.bind(process); // vitest replaces it
process.once('SIGTERM', () => exit(0));
