// DeepBench's convolutions (baidu-research/DeepBench, code/kernels/conv_problems.h): the training set. The server
// inference set has the same geometries at batches 1 and 2: --batch 1.
import type { Layer } from '../conv/notation';

/**
 * Width, height, channels, filters, filter width x height, padding, stride; pairs of the last two are width first, too.
 */
type Row = string;

interface Group {
  readonly batches: readonly number[];
  readonly rows: readonly Row[];
}

const groups: readonly Group[] = [
  // DeepSpeech
  { batches: [4, 8, 16, 32], rows: ['700,161,1,32,20x5,0,2', '341,79,32,32,10x5,0,2'] },
  // OCR
  {
    batches: [16],
    rows: ['480,48,1,16,3x3,1,1', '240,24,16,32,3x3,1,1', '120,12,32,64,3x3,1,1', '60,6,64,128,3x3,1,1'],
  },
  // Face recognition
  {
    batches: [8],
    rows: [
      ...['108,108,3,64,3x3,1,2', '54,54,64,64,3x3,1,1', '27,27,128,128,3x3,1,1', '14,14,128,256,3x3,1,1'],
      '7,7,256,512,3x3,1,1',
    ],
  },
  // VGG
  {
    batches: [8, 16],
    rows: [
      ...['224,224,3,64,3x3,1,1', '112,112,64,128,3x3,1,1', '56,56,128,256,3x3,1,1', '28,28,256,512,3x3,1,1'],
      ...['14,14,512,512,3x3,1,1', '7,7,512,512,3x3,1,1'],
    ],
  },
  // GoogLeNet
  {
    batches: [16],
    rows: [
      ...['224,224,3,64,7x7,3,2', '28,28,192,32,5x5,2,1', '28,28,192,64,1x1,0,1', '14,14,512,48,5x5,2,1'],
      ...['14,14,512,192,1x1,0,1', '7,7,832,256,1x1,0,1', '7,7,832,128,5x5,2,1'],
    ],
  },
  // ResNet; the last has a padding larger than its kernel
  {
    batches: [8, 16],
    rows: [
      ...['56,56,64,64,3x3,1,1', '56,56,64,256,1x1,0,2', '28,28,128,128,3x3,1,1', '28,28,128,512,1x1,0,2'],
      ...['14,14,256,256,1x1,0,1', '14,14,256,256,3x3,1,1', '14,14,256,1024,1x1,0,2', '7,7,512,512,1x1,0,1'],
      '7,7,2048,512,1x1,3,2',
    ],
  },
  // Speaker identification
  {
    batches: [16],
    rows: [
      ...['700,161,1,64,5x5,1,2', '350,80,64,64,3x3,1,1', '350,80,64,128,5x5,1,2', '175,40,128,128,3x3,1,1'],
      ...['175,40,128,256,5x5,1,2', '84,20,256,256,3x3,1,1', '84,20,256,512,5x5,1,2', '42,10,512,512,3x3,1,1'],
    ],
  },
  // Inference on a device
  { batches: [1], rows: ['151,40,1,32,20x5,8,8x2'] },
];

function layer(row: Row, n: number): Layer {
  const [w, h, c, k, kernel, padding, stride] = row.split(',');
  const heightFirst = (text: string): readonly [number, number] => {
    const [width, height = width] = text.split('x').map(Number);
    return [height, width];
  };
  const shape = {
    n,
    c: Number(c),
    h: Number(h),
    w: Number(w),
    k: Number(k),
    kernel: heightFirst(kernel),
    stride: heightFirst(stride),
    padding: heightFirst(padding),
    groups: 1,
  };
  return { shape, repeats: 1 };
}

export const deepbench: readonly Layer[] = groups.flatMap(({ batches, rows }) =>
  rows.flatMap((row) => batches.map((n) => layer(row, n))),
);
