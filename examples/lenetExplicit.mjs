#!/usr/bin/env node
/** Trains a LeNet-5-like network on Fashion-MNIST with explicit kernels and gradients; --help says how. */
import { HELP, parseCommandLine, UsageError } from './lib/commandLine.mjs';

/** The conventional status of a program that SIGINT ended. */
const INTERRUPTED = 130;

/** @returns {Promise<number>} exit status */
async function main() {
  let options;
  try {
    options = parseCommandLine(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\nTry --help.`);
    return 2;
  }
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const interruption = new AbortController();
  // Once only: a second Ctrl-C ends the program at once.
  process.once('SIGINT', () => interruption.abort());
  try {
    // Loaded after the command line is known to be right: a wrong one is answered without loading the addon.
    const { runDemo } = await import('./lib/demo.mjs');
    await runDemo(options, interruption.signal);
    return 0;
  } catch (error) {
    report(error);
    return error instanceof Error && error.name === 'InterruptedError' ? INTERRUPTED : 1;
  }
}

/**
 * Errors that name a file or an option are complete in one line; anything else is unexpected, and its stack helps.
 * @param {unknown} error
 */
function report(error) {
  const expected = ['DataFileError', 'WeightsFileError', 'DivergedError', 'OutputFileError'];
  if (!(error instanceof Error)) console.error(error);
  else if (error.name === 'InterruptedError') console.error(error.message);
  else if (expected.includes(error.name)) console.error(`Error: ${error.message}`);
  else console.error(error);
}

process.exitCode = await main();
