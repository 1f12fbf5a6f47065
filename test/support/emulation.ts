import { devices } from 'receptive';

// The device that an addon built with RECEPTIVE_CUDA=EMULATED makes of the CPU, see native/emulation/.

/**
 * Whether a device is emulated: it can fail on demand, its times mean nothing, and the calling thread runs its kernels, at their
 * launch.
 */
export function isEmulated(id: string): boolean {
  return devices().some((device) => device.id === id && device.available && device.name.startsWith('emulated'));
}

let rounds = 0;

/**
 * From now on calls of the device's runtime fail: `cudaMalloc:2`, the second from here on, or as native/emulation/state.h has
 * it. Without a fault all go well.
 */
export function inject(fault?: string): void {
  // Calls are counted anew where the text has changed, so it differs each time.
  process.env.RECEPTIVE_EMULATION_FAIL = fault === undefined ? '' : `${fault},round:${++rounds}`;
}
