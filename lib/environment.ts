import { ArgumentError } from './errors';

/** What the environment variables ask of the JavaScript side. The addon reads and checks the others when it is loaded. */
export interface Environment {
  /** Path of the addon, or `emulated`. */
  readonly addon: string | undefined;
  /** Default device: `cpu`, `cuda`, `cuda:1` or `auto`. */
  readonly device: string | undefined;
  /** Path of Open MPI's library. */
  readonly mpiLibrary: string | undefined;
}

/**
 * Reads RECEPTIVE_ADDON, RECEPTIVE_DEVICE and RECEPTIVE_MPI_LIBRARY. An empty variable counts as not set. Whether the device is available is found out
 * when the first tensor is made on it.
 *
 * @throws ArgumentError naming the variable, its value and what is allowed.
 */
export function readEnvironment(variables: NodeJS.ProcessEnv): Environment {
  const device = variables.RECEPTIVE_DEVICE || undefined;
  if (device !== undefined && !/^(auto|cpu|cuda(:\d{1,3})?)$/.test(device)) {
    throw new ArgumentError(
      `environment variable RECEPTIVE_DEVICE must be 'cpu', 'cuda', 'cuda:<number>' or 'auto', given '${device}'`,
    );
  }
  return {
    addon: variables.RECEPTIVE_ADDON || undefined,
    device,
    mpiLibrary: variables.RECEPTIVE_MPI_LIBRARY || undefined,
  };
}
