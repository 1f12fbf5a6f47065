// Devices by number and by name. The addon is asked on first use, because looking for GPUs takes time.
import { DeviceError } from './errors';
import { type DeviceInfo, environment, native } from './native';
import { describe } from './text';

let table: readonly DeviceInfo[] | undefined;

/**
 * Every device of the machine, available or not; the index is the device number. Which they are does not change, their number
 * of threads may.
 */
export function deviceTable(): readonly DeviceInfo[] {
  table ??= native.devices();
  return table;
}

/** `cpu`, `cuda:0` … */
export function deviceId(device: number): string {
  return device === 0 ? 'cpu' : deviceTable()[device].id;
}

function known(): string {
  return deviceTable()
    .map(({ id, available, reason }) => (available ? id : `${id} (not available: ${reason})`))
    .join(', ');
}

/**
 * The number of an available device.
 *
 * @param id `cpu`, `cuda:<number>`, `cuda` for the first GPU, or `auto`: the first available GPU, else the CPU.
 * @throws DeviceError listing the devices, with the reason where one is not available.
 */
export function resolveDevice(op: string, id: unknown): number {
  if (id === 'cpu') return 0;
  if (id === 'auto') {
    return Math.max(
      deviceTable().findIndex(({ kind, available }) => kind === 'cuda' && available),
      0,
    );
  }
  const wanted = id === 'cuda' ? 'cuda:0' : id;
  const number = deviceTable().findIndex((device) => device.id === wanted);
  if (number >= 0 && deviceTable()[number].available) return number;
  throw new DeviceError(`${op}: device ${describe(id)} is not available here; the devices are ${known()}`);
}

let defaultDevice: number | undefined;

/** Number of the device on which tensors are made when none is named. */
export function defaultDeviceNumber(): number {
  defaultDevice ??= environment.device === undefined ? 0 : resolveDevice('RECEPTIVE_DEVICE', environment.device);
  return defaultDevice;
}

export function setDefaultDeviceNumber(device: number): void {
  defaultDevice = device;
}

/** The device that an option or argument names, else the default one. */
export function deviceOption(op: string, id: string | undefined): number {
  return id === undefined ? defaultDeviceNumber() : resolveDevice(op, id);
}
