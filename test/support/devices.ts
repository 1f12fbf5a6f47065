import { devices, getDefaultDevice, setDefaultDevice } from 'receptive';
import { afterAll, beforeAll, describe } from 'vitest';

/** Ids of the devices that this build and this machine can run on. */
export const availableDevices: readonly string[] = devices()
  .filter((device) => device.available)
  .map((device) => device.id);

/** Runs a suite once for each available device, which is the default device while its tests run. */
export function describeOnDevices(name: string, body: (device: string) => void): void {
  for (const device of availableDevices) {
    describe(`${name} on ${device}`, () => {
      let previous: string;
      beforeAll(() => {
        previous = getDefaultDevice();
        setDefaultDevice(device);
      });
      afterAll(() => setDefaultDevice(previous));
      body(device);
    });
  }
}

export const floatDTypes = ['float32', 'float64'] as const;
