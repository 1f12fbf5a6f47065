import { expectInteger } from './check';
import { deviceOption } from './deviceTable';
import { type MemoryStats, native } from './native';

/**
 * Memory of a device, in bytes, and the number of live tensors.
 *
 * @param device The default device if left out.
 * @throws DeviceError when there is no such device.
 */
export function memoryStats(device?: string): MemoryStats {
  return native.memoryStats(deviceOption('memoryStats', device));
}

/**
 * Limits the memory that tensors and workspaces of the whole process may take on a device. An allocation beyond it throws
 * OutOfMemoryError; what is held already stays. The default on the CPU is 80% of the smaller of memory and cgroup limit.
 *
 * @param bytes An integer >= 1.
 * @param device The default device if left out.
 * @throws ArgumentError, DeviceError.
 */
export function setMemoryLimit(bytes: number, device?: string): void {
  const limit = expectInteger('setMemoryLimit', 'bytes', bytes, 1);
  native.setMemoryLimit(deviceOption('setMemoryLimit', device), limit);
}

/**
 * Returns memory that the allocator keeps for reuse to the system.
 *
 * @param device The default device if left out.
 * @throws DeviceError when there is no such device.
 */
export function emptyCache(device?: string): void {
  native.emptyCache(deviceOption('emptyCache', device));
}

/**
 * Sets `peakBytes` back to what is allocated now.
 *
 * @param device The default device if left out.
 * @throws DeviceError when there is no such device.
 */
export function resetPeakMemory(device?: string): void {
  native.resetPeakMemory(deviceOption('resetPeakMemory', device));
}
