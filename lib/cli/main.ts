#!/usr/bin/env node
// The command `receptive`.
import { parseArgs } from 'node:util';
import { bench } from './bench';
import { reportFailure } from './failure';
import { info } from './info';
import { UsageError } from './usageError';

const usage = `usage: receptive COMMAND [options]

  info [--json]      devices, CPU target, why CUDA is off, versions
  train [options]    trains a network on images; train --help lists its options
  bench [options]    the benchmark, in a clone of the repository; bench --help lists its options

  --help             this text`;

function runInfo(args: readonly string[]): Promise<void> {
  try {
    const { values } = parseArgs({ args: [...args], options: { json: { type: 'boolean', default: false } } });
    return info(values.json);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

async function main([command, ...args]: readonly string[]): Promise<void> {
  switch (command) {
    case '--help':
    case '-h':
      return console.log(usage);
    case 'info':
      return runInfo(args);
    case 'bench':
      process.exitCode = bench(args);
      return;
    case 'train': {
      const { train } = await import('./train.js');
      process.exitCode = await train(args);
      return;
    }
    case undefined:
      throw new UsageError('a command is missing');
    default:
      throw new UsageError(`there is no command '${command}'`);
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.exitCode = reportFailure(error, `\n${usage}`);
});
