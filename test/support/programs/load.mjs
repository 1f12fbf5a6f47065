// Imports the package; prints what became of it.
try {
  const { getDefaultDevice, getNumThreads } = await import('../../../dist/index.mjs');
  process.stdout.write(JSON.stringify({ name: 'none', threads: getNumThreads(), device: getDefaultDevice() }));
} catch ({ name, code, message }) {
  process.stdout.write(JSON.stringify({ name, code, message }));
}
