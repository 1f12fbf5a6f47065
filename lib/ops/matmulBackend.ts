// Who computes a matrix product: the backend's own kernels, or a library.
import { expectOneOf } from '../check';
import { getMatmulPrecision } from '../device';
import { expectLibrary } from '../libraries';

/** What computes a matrix product, see `MatmulBackendOptions`. */
export type MatmulBackend = 'own' | 'cublas' | 'auto';

/** The option that matrix products and their gradients share. */
export interface MatmulBackendOptions {
  /**
   * `'own'`: the kernels of this package. `'cublas'`: NVIDIA's library, on CUDA devices where it is found (see
   * `devices()`); under `setMatmulPrecision('high')` it may multiply float32 as TF32. `'auto'`, if left out, is `'own'`: no
   * measurement has shown yet where the library is faster.
   */
  readonly matmulBackend?: MatmulBackend;
}

const backends = ['own', 'cublas', 'auto'] as const;

/** Numbers of `ProductLibrary` at the boundary. */
const productLibrary = { none: 0, exact: 1, tf32: 2 } as const;

/**
 * The backend that a product's options ask for, as the addon numbers it.
 *
 * @throws ArgumentError for an unknown name; UnsupportedError where the library cannot be used, with the reason.
 * @internal
 */
export function expectMatmulBackend(op: string, value: unknown, device: number): number {
  if (value === undefined) return productLibrary.none;
  if (expectOneOf(op, 'matmulBackend', value, backends) !== 'cublas') return productLibrary.none;
  expectLibrary(op, 'matmulBackend', 'cublas', device);
  return getMatmulPrecision() === 'high' ? productLibrary.tf32 : productLibrary.exact;
}
