import type { Team } from '../train/team';

/** The signals that end a run, and the exit status that shells expect of a program that one has ended. */
const statuses = { SIGINT: 130, SIGTERM: 143 } as const;

type SignalName = keyof typeof statuses;
const names = Object.keys(statuses) as SignalName[];

/** Turns the first SIGINT or SIGTERM into an abort; the second ends the process at once. */
export class Interruption {
  readonly #controller = new AbortController();
  #name: SignalName | undefined;

  /**
   * @param onFirst Called with the signal's name.
   * @param onSecond Called before the process ends.
   */
  constructor(
    private readonly onFirst: (name: string) => void,
    private readonly onSecond: () => void,
  ) {}

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The first signal that came, to this process or another one of its team. */
  get name(): string | undefined {
    return this.#name;
  }

  /** The exit status of a run that was interrupted. */
  get status(): number {
    return this.#name === undefined ? 0 : statuses[this.#name];
  }

  /** Takes over the signal that another process of the team got; all of them call it when the run was interrupted. */
  async share(team: Pick<Team, 'sum'>): Promise<void> {
    const counts = await team.sum(names.map((name) => Number(name === this.#name)));
    this.#name ??= names[counts.findIndex((count) => count > 0)];
  }

  /** Until then the signals do what they do to any program. */
  listen(): void {
    for (const name of names) process.on(name, this.#handle);
  }

  stop(): void {
    for (const name of names) process.off(name, this.#handle);
  }

  readonly #handle = (signal: NodeJS.Signals): void => {
    const name = signal as SignalName;
    if (this.#name !== undefined) {
      this.onSecond();
      process.exit(statuses[name]);
    }
    this.#name = name;
    this.onFirst(name);
    this.#controller.abort();
  };
}
