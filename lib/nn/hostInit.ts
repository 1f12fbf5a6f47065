// Initialisations that are computed on the host, in float64, from the thread's random stream.
import { rand, randn } from '../randomTensors';

/** Numbers of the thread's random stream, read at once. */
function drawn(count: number, kind: 'uniform' | 'normal'): Float64Array {
  const options = { dtype: 'float64', device: 'cpu' } as const;
  const tensor = kind === 'uniform' ? rand([count], options) : randn([count], options);
  const values = tensor.dataSync();
  tensor.dispose();
  return values;
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, i) => sum + x * b[i], 0);

/**
 * Rows that are orthonormal (or columns, if there are more rows than columns), uniformly distributed among all such: the Q of
 * normal numbers' QR decomposition whose R has a positive diagonal (Mezzadri 2007), by Gram and Schmidt's method, each vector
 * orthogonalised twice, after which it is orthogonal to rounding (Giraud et al. 2005).
 *
 * @returns [rows, columns] in row-major order, times `gain`.
 */
export function orthogonalMatrix(rows: number, columns: number, gain: number): Float64Array {
  const [count, length] = [Math.min(rows, columns), Math.max(rows, columns)];
  const values = drawn(count * length, 'normal');
  const vectors = Array.from({ length: count }, (_, i) => values.subarray(i * length, (i + 1) * length));
  for (const [i, vector] of vectors.entries()) {
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < i; j++) {
        const other = vectors[j];
        const share = dot(vector, other);
        for (let k = 0; k < length; k++) vector[k] -= share * other[k];
      }
    }
    const norm = Math.sqrt(dot(vector, vector));
    for (let k = 0; k < length; k++) vector[k] /= norm;
  }
  return Float64Array.from({ length: rows * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    return gain * (rows <= columns ? vectors[row][column] : vectors[column][row]);
  });
}

/**
 * Normal numbers from `low` to `high`, by rejection: of normal numbers, or of uniform ones on [low, high] kept with probability
 * exp((m^2 - x^2) / 2), m the number of the range that is nearest to 0, whichever keeps more (Robert 1995).
 */
export function truncatedNormals(count: number, low: number, high: number): Float64Array {
  const nearest = Math.min(Math.max(0, low), high);
  const uniform = Math.sqrt(2 * Math.PI) * Math.exp(nearest ** 2 / 2) > high - low;
  const result = new Float64Array(count);
  let filled = 0;
  while (filled < count) {
    const batch = Math.max(1024, count - filled);
    const x = drawn(batch, uniform ? 'uniform' : 'normal');
    const keep = uniform ? drawn(batch, 'uniform') : undefined;
    for (let i = 0; i < batch && filled < count; i++) {
      const value = uniform ? low + x[i] * (high - low) : x[i];
      const kept = keep === undefined || keep[i] < Math.exp((nearest ** 2 - value ** 2) / 2);
      if (kept && value >= low && value <= high) result[filled++] = value;
    }
  }
  return result;
}
