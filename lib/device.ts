import { expectInteger, expectOneOf } from './check';
import {
  defaultDeviceNumber,
  deviceId,
  deviceOption,
  deviceTable,
  resolveDevice,
  setDefaultDeviceNumber,
} from './deviceTable';
import { ArgumentError } from './errors';
import { deviceLibraries } from './libraries';
import { type DeviceInfo, native } from './native';
import { refusePromise } from './scope';

/**
 * The devices of this machine: the CPU first, then GPUs. A device that this build could use but cannot here is listed with
 * `available: false` and the reason, and a CUDA device with the libraries that it can use, which are looked for at the first
 * call.
 */
export function devices(): DeviceInfo[] {
  return native.devices().map((info, number) => {
    const libraries = info.available ? deviceLibraries(number) : undefined;
    return libraries === undefined ? info : { ...info, libraries };
  });
}

/** The device on which tensors are made when none is named: `cpu`, unless RECEPTIVE_DEVICE or the program says otherwise. */
export function getDefaultDevice(): string {
  return deviceId(defaultDeviceNumber());
}

/**
 * Sets the default device of this thread.
 *
 * @param id `cpu`, `cuda` (the first GPU), `cuda:1`, or `auto`: the first available GPU, else the CPU.
 * @throws DeviceError when there is no such device, with the reason.
 */
export function setDefaultDevice(id: string): void {
  setDefaultDeviceNumber(resolveDevice('setDefaultDevice', id));
}

/**
 * Calls `fn` with another default device.
 *
 * @param fn A synchronous function.
 * @returns What `fn` returned.
 * @throws DeviceError when there is no such device; ArgumentError when `fn` returns a promise.
 */
export function withDevice<T>(id: string, fn: () => T): T {
  if (typeof fn !== 'function') throw new ArgumentError('withDevice: fn must be a function');
  const device = resolveDevice('withDevice', id);
  const previous = defaultDeviceNumber();
  setDefaultDeviceNumber(device);
  try {
    const result = fn();
    refusePromise('withDevice', result);
    return result;
  } finally {
    setDefaultDeviceNumber(previous);
  }
}

/** Threads that compute on the CPU, of the whole process: by default as many as affinity and cgroup quota allow. */
export function getNumThreads(): number {
  return native.getNumThreads();
}

/**
 * Sets the number of threads that compute on the CPU, for the whole process. Results do not depend on it.
 *
 * @param threads An integer from 1 to 256.
 * @throws ArgumentError for any other value.
 */
export function setNumThreads(threads: number): void {
  native.setNumThreads(expectInteger('setNumThreads', 'threads', threads, 1, 256));
}

/** How float32 matrix products and convolutions may compute. */
export type MatmulPrecision = 'highest' | 'high';

let matmulPrecision: MatmulPrecision = 'highest';

/**
 * Sets how float32 matrix products and convolutions may compute in this thread: `highest` multiplies in float32, `high`
 * also permits a GPU's units with shorter mantissas (TF32). A CPU always computes as under `highest`.
 *
 * @throws ArgumentError for any other value.
 */
export function setMatmulPrecision(precision: MatmulPrecision): void {
  matmulPrecision = expectOneOf('setMatmulPrecision', 'precision', precision, ['highest', 'high']);
}

/** What `setMatmulPrecision()` set; `highest` by default. */
export function getMatmulPrecision(): MatmulPrecision {
  return matmulPrecision;
}

/**
 * Settles when all work that this thread has enqueued so far is done.
 *
 * @param device Only the work on this device; on all devices if left out.
 * @returns It rejects with the first failure of an operation that no read has reported yet; that counts as reporting it.
 * @throws DeviceError when there is no such device.
 */
export function synchronize(device?: string): Promise<void> {
  if (device !== undefined) return native.synchronize(deviceOption('synchronize', device));
  const available = deviceTable().flatMap((info, number) => (info.available ? [number] : []));
  return settleAll(available.map((number) => native.synchronize(number)));
}

/** Waits for all, so that no rejection is left without a handler, then reports the first failure. */
async function settleAll(promises: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(promises)) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
}
