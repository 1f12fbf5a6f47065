import { describe, expect, it } from 'vitest';
import { parseTask, type Task, taskArguments } from '../../bench/contenders/protocol';
import { parseLayer } from '../../bench/conv/notation';
import { referenceElement } from '../../bench/conv/reference';
import { directions, elements, leastBytes, tensorShapes } from '../../bench/conv/shape';
import { uniforms } from '../../bench/random';
import { sampleIndices } from '../../bench/sampling';
import { geometricMean, median, spread } from '../../bench/statistics';
import * as reference from '../reference/conv2d';

describe('statistics', () => {
  it('median, of an odd and of an even number of values, whatever their order', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([8, 1, 5, 2])).toBe(3.5);
    expect(median([10, 9, 100])).toBe(10);
  });

  it('spread: one disturbed round of five moves neither number far', () => {
    expect(spread([1, 2, 3, 4, 5])).toEqual({ median: 3, deviation: 1 });
    expect(spread([1, 2, 3, 4, 500])).toEqual({ median: 3, deviation: 1 });
  });

  it('geometric mean', () => {
    expect(geometricMean([2, 0.5])).toBeCloseTo(1, 12);
    expect(geometricMean([1, 2, 4])).toBeCloseTo(2, 12);
  });
});

describe('samples', () => {
  it('have both ends and no index twice', () => {
    expect(sampleIndices(100, 3)).toEqual([0, 49, 99]);
    expect(sampleIndices(3, 24)).toEqual([0, 1, 2]);
    expect(sampleIndices(1, 24)).toEqual([0]);
  });
});

describe('inputs', () => {
  it('are uniform in [-1, 1), the same for a seed, and not zero', () => {
    const values = uniforms(7, 10_000);
    expect(values).toEqual(uniforms(7, 10_000));
    expect(values.slice(0, 5)).not.toEqual(uniforms(8, 5));
    expect(values.every((value) => value >= -1 && value < 1)).toBe(true);
    expect(values.filter((value) => value === 0).length).toBeLessThan(2);
    expect(Math.abs(values.reduce((sum, value) => sum + value, 0) / values.length)).toBeLessThan(0.03);
  });
});

describe('the reference of single elements', () => {
  const shapes = ['N2 4@7x6->6 k3x2 s2x1 p1x0 g2', '3@5x8->4 k1x3 s3x2 p2x1', 'N2 4@6->4 k3 p1 g4'];
  it.each(shapes.flatMap((text) => directions.map((direction) => [text, direction] as const)))(
    '%s %s is the whole convolution, element by element',
    (text, direction) => {
      const { shape } = parseLayer(text);
      const { stride, padding, groups } = shape;
      const shapesOf = tensorShapes(shape);
      const make = (dims: number[], seed: number) => ({
        shape: dims,
        data: Float64Array.from(uniforms(seed, elements(dims))),
      });
      const [x, w, g] = [make(shapesOf.input, 1), make(shapesOf.weight, 2), make(shapesOf.output, 3)];
      const options = { stride, padding, groups };
      const whole = {
        fwd: () => reference.conv2d(x, w, options),
        bwd_d: () => reference.conv2dInput(x.shape, w, g, options),
        bwd_w: () => reference.conv2dWeight(x, w.shape, g, options),
      }[direction]();
      const values = { input: x.data, weight: w.data, output: g.data };
      for (const [index, expected] of whole.data.entries()) {
        const { value, scale } = referenceElement(shape, direction, values, index);
        expect(value).toBeCloseTo(expected, 12);
        // By Cauchy and Schwarz; 12 channels x taps at most, 6 filters x taps, or 84 output pixels.
        expect(Math.abs(value)).toBeLessThanOrEqual(scale * Math.sqrt(200) + 1e-12);
      }
    },
  );
});

describe('bytes', () => {
  it('counts each tensor once', () => {
    expect(leastBytes(parseLayer('N2 3@4x5->6 k3 p1').shape)).toBe(4 * (2 * 3 * 20 + 6 * 3 * 9 + 2 * 6 * 20));
  });
});

describe('a task', () => {
  it('reads back from its arguments', () => {
    const task: Task = {
      shape: parseLayer('N2 4@7x6->6 k3x2 s2x1 p1x0 g2').shape,
      direction: 'bwd_w',
      algorithm: 'auto',
      threads: 2,
      files: { input: 'a=b', weight: 'c', output: 'd' },
      samples: [0, 5],
    };
    expect(parseTask(taskArguments(task))).toEqual(task);
    expect(() => parseTask(['n=1'])).toThrow(/lacks/);
  });
});
