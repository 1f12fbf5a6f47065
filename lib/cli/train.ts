import { parseTrainOptions } from './trainOptions';

/**
 * Trains a network as the options say.
 *
 * @returns The exit status.
 * @throws UsageError for a wrong command line; errors whose message is complete for what fails.
 */
export async function train(args: readonly string[]): Promise<number> {
  // A wrong option is answered without loading the addon.
  const commandLine = parseTrainOptions(args);
  if (commandLine.help) {
    const { trainHelp } = await import('./trainHelp.js');
    const { modelNames } = await import('../models/registry.js');
    const { augmentationHelp } = await import('../train/augment.js');
    console.log(trainHelp(modelNames, augmentationHelp));
    return 0;
  }
  const { joinRun, openRun } = await import('./trainStart.js');
  const { TrainSession } = await import('./trainSession.js');
  const { openTeam, runInTeam, together } = await import('./trainTeam.js');
  const team = await openTeam(commandLine.run.distributed);
  return runInTeam(team, async () => {
    const open = await together(team, () => openRun(commandLine, team));
    await together(team, () => joinRun(open));
    return new TrainSession(open).run();
  });
}
