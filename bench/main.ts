// The benchmark's command line: `npm run bench` and `npx receptive bench` start it.
import { setNumThreads } from 'receptive';
import { callOverhead } from './calls';
import { parseCommandLine, UsageError, usage } from './commandLine';
import { convBench } from './convBench';
import { familyBench } from './familyBench';

async function main(args: readonly string[]): Promise<void> {
  const options = parseCommandLine(args);
  switch (options.mode) {
    case 'help':
      return console.log(usage);
    case 'calls':
      setNumThreads(options.threads);
      return callOverhead();
    case 'families':
      return familyBench(options);
    case 'convolutions': {
      const quoted = args.map((text) => (/^[\w,.:/=-]+$/.test(text) ? text : `"${text}"`));
      if (!(await convBench(options, ['npm run bench --', ...quoted].join(' ')))) process.exitCode = 1;
    }
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  if (error instanceof UsageError) console.error('--help lists the options');
  process.exitCode = error instanceof UsageError ? 2 : 1;
});
