// How the processes of a team fail and end as one command: one message, one exit status, and nobody waits for those that are gone.
import { alone, type Team } from '../train/team';
import { DivergedError } from '../train/trainer';
import { failureStatus, messageOf, reportFailure } from './failure';
import type { RunOptions } from './trainOptions';

/** @throws UnsupportedError, by rejection, where Open MPI is missing. */
export async function openTeam(distributed: RunOptions['distributed']): Promise<Team> {
  return distributed === undefined ? alone : (await import('../train/processes.js')).mpiTeam();
}

/** Something failed, and every process of the team knows it. */
class TeamFailure extends Error {
  /** @param error Of the process that is to report it; undefined for the others. */
  constructor(
    readonly error: unknown,
    readonly status: number,
  ) {
    super('another process of the team failed');
  }
}

/**
 * Work that each process of a team does, such that all of them fail where one does.
 *
 * @throws By rejection, what `runInTeam()` knows how to report.
 */
export async function together<T>(team: Team, work: () => Promise<T>): Promise<T> {
  if (team.count === 1) return work();
  const outcome = await work().then(
    (value) => ({ value, status: 0 }),
    (error: unknown) => ({ error, status: failureStatus(error) }),
  );
  const statuses = await team.sum(
    Array.from({ length: team.count }, (_, i) => (i === team.index ? outcome.status : 0)),
  );
  const first = statuses.findIndex((status) => status !== 0);
  if ('value' in outcome && first === -1) return outcome.value;
  // Most often all fail for the same reason, which is told once.
  throw new TeamFailure('error' in outcome && first === team.index ? outcome.error : undefined, statuses[first]);
}

function knownToAll(team: Team, error: unknown): TeamFailure | undefined {
  if (error instanceof DivergedError) return new TeamFailure(team.leads ? error : undefined, failureStatus(error));
  return error instanceof TeamFailure ? error : undefined;
}

/**
 * Runs a command as a process of a team, which it leaves at the end. A failure that all processes know is reported by one of
 * them, and they end in order; after any other one this process ends at once, and the launcher ends those that wait for it.
 *
 * @returns The exit status.
 * @throws What `command` throws, by rejection, where this process is the whole team.
 */
export async function runInTeam(team: Team, command: () => Promise<number>): Promise<number> {
  try {
    const status = await command();
    await team.leave();
    return status;
  } catch (error) {
    if (team.count === 1) {
      await team.leave();
      throw error;
    }
    const known = knownToAll(team, error);
    if (known === undefined) {
      console.error(`rank ${team.index} of ${team.count}: ${messageOf(error)}`);
      process.exit(failureStatus(error));
    }
    if (known.error !== undefined) reportFailure(known.error);
    await team.leave();
    return known.status;
  }
}
