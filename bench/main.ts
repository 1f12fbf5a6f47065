// The benchmark's command line: `npm run bench` and `npx receptive bench` start it.
import { setNumThreads } from 'receptive';
import { callOverhead } from './calls';
import { parseCommandLine, UsageError, usage } from './commandLine';
import { convBench } from './convBench';
import { familyBench } from './familyBench';
import { gpuBench } from './gpuBench';
import { netBench } from './netBench';

/** The command that measures this again; where it writes its results makes no difference. */
function commandText(args: readonly string[]): string {
  const outputs = /^--(json|html|markdown)\b/;
  const kept = args.filter((text, i) => !outputs.test(text) && !/^--(json|html|markdown)$/.test(args[i - 1] ?? ''));
  const quoted = kept.map((text) => (/^[\w,.:/=-]+$/.test(text) ? text : `"${text}"`));
  return ['npm run bench', ...(quoted.length > 0 ? ['--'] : []), ...quoted].join(' ');
}

async function main(args: readonly string[]): Promise<void> {
  const options = parseCommandLine(args);
  if (options.device !== undefined && options.mode !== 'help') {
    if (!(await gpuBench(options, commandText(args)))) process.exitCode = 1;
    return;
  }
  switch (options.mode) {
    case 'help':
      return console.log(usage);
    case 'calls':
      setNumThreads(options.threads);
      return callOverhead();
    case 'families':
      return familyBench(options);
    case 'nets': {
      if (!(await netBench(options, commandText(args)))) process.exitCode = 1;
      return;
    }
    case 'convolutions': {
      if (!(await convBench(options, commandText(args)))) process.exitCode = 1;
    }
  }
}

// An interrupted run removes its files, too.
process.once('SIGINT', () => process.exit(130));

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  if (error instanceof UsageError) console.error('--help lists the options');
  process.exitCode = error instanceof UsageError ? 2 : 1;
});
