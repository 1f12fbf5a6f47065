import { indices, type NdArray, ndarray } from './ndarray';

export interface HogSettings {
  readonly cellSize: number;
  readonly bins: number;
  /** Cells along each side of a block. */
  readonly block: number;
  readonly limit: number;
  readonly epsilon: number;
}

/**
 * Histograms of oriented gradients of one image [H, W] (Dalal & Triggs 2005): central differences, 0 on the border; angles from 0
 * to 180 degrees; each pixel's magnitude is shared by the two bins next to its angle; cells are means; overlapping blocks of
 * cells, one cell apart, are scaled to length 1, limited, and scaled again. Features are ordered bin, cell of the block, block.
 */
export function hog(image: NdArray, { cellSize, bins, block, limit, epsilon }: HogSettings): NdArray {
  const [height, width] = image.shape;
  const at = (y: number, x: number): number => image.data[y * width + x];
  const [rows, columns] = [Math.floor(height / cellSize), Math.floor(width / cellSize)];
  const cells = ndarray([bins, rows, columns]);
  for (let y = 0; y < rows * cellSize; y++) {
    for (let x = 0; x < columns * cellSize; x++) {
      const dx = x === 0 || x === width - 1 ? 0 : at(y, x + 1) - at(y, x - 1);
      const dy = y === 0 || y === height - 1 ? 0 : at(y + 1, x) - at(y - 1, x);
      const degrees = ((Math.atan2(dy, dx) * 180) / Math.PI + 360) % 180;
      const place = (degrees * bins) / 180 - 0.5;
      const lower = Math.floor(place);
      for (const [bin, share] of [
        [lower, 1 - (place - lower)],
        [lower + 1, place - lower],
      ]) {
        const cell = Math.floor(y / cellSize) * columns + Math.floor(x / cellSize);
        const flat = ((bin + bins) % bins) * rows * columns + cell;
        cells.data[flat] += (share * Math.hypot(dx, dy)) / cellSize ** 2;
      }
    }
  }
  const [blockRows, blockColumns] = [rows - block + 1, columns - block + 1];
  const features = ndarray([bins * block * block, blockRows * blockColumns]);
  for (const [top, left] of indices([blockRows, blockColumns])) {
    let vector: number[] = [];
    for (const [bin, i, j] of indices([bins, block, block])) {
      vector.push(cells.data[(bin * rows + top + i) * columns + left + j]);
    }
    vector = unit(
      unit(vector, epsilon).map((value) => Math.min(value, limit)),
      epsilon,
    );
    for (const [k, value] of vector.entries()) {
      features.data[k * blockRows * blockColumns + top * blockColumns + left] = value;
    }
  }
  return ndarray([features.data.length], features.data);
}

function unit(vector: readonly number[], epsilon: number): number[] {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, epsilon * epsilon));
  return vector.map((value) => value / length);
}
