import fc from 'fast-check';
import { col2im, im2col } from 'receptive';
import { describe, expect, it } from 'vitest';
import * as reference from '../reference/im2col';
import { ndarray } from '../reference/ndarray';
import { expectClose, expectSame } from '../support/compare';
import { describeContract } from '../support/contract';
import { describeOnDevices, floatDTypes } from '../support/devices';
import { expectThrows } from '../support/errors';
import { Random } from '../support/random';
import { evaluate, toTensor } from '../support/tensors';
import { convProblems } from '../support/windows';

/** im2col takes NCHW; groups do not matter to it. */
const problems = convProblems
  .filter(({ options }) => options.layout === 'NCHW')
  .map(({ inputShape, weightShape, options: { stride, padding, dilation }, seed }) => ({
    inputShape,
    options: { kernelSize: [weightShape[2], weightShape[3]] as [number, number], stride, padding, dilation },
    seed,
  }));

describeOnDevices('im2col', () => {
  describe.each(floatDTypes)('%s', (dtype) => {
    it('agrees with the reference on random problems', () => {
      fc.assert(
        fc.property(problems, ({ inputShape, options, seed }) => {
          const x = new Random(seed).array(inputShape, dtype);
          const columns = evaluate(() => im2col(toTensor(x, dtype), options));
          expect(columns.dtype).toBe(dtype);
          expectSame(columns, reference.im2col(x, options));
        }),
      );
    });

    it('col2im agrees with the reference on random problems', () => {
      fc.assert(
        fc.property(problems, ({ inputShape, options, seed }) => {
          const columns = new Random(seed).array(reference.im2col(ndarray(inputShape), options).shape, dtype);
          const x = evaluate(() => col2im(toTensor(columns, dtype), { inputShape, ...options }));
          const [kernelH, kernelW] = options.kernelSize;
          expectClose(x, reference.col2im(columns, inputShape, options), { dtype, terms: kernelH * kernelW, scale: 1 });
        }),
      );
    });

    it('accepts an empty batch', () => {
      const options = { kernelSize: [3, 2] as [number, number] };
      const { columns, back } = evaluate(() => {
        const result = im2col(toTensor(ndarray([0, 2, 5, 6]), dtype), options);
        return { columns: result, back: col2im(result, { inputShape: [0, 2, 5, 6], ...options }) };
      });
      expect(columns.shape).toEqual([0, 12, 15]);
      expect(back.shape).toEqual([0, 2, 5, 6]);
    });
  });

  it('copies every kind of number and pads with +0', () => {
    const x = ndarray([1, 1, 2, 3], [Number.NaN, -0, Infinity, -Infinity, 1e-45, -1]);
    const options = { kernelSize: [1, 2], padding: { top: 1, bottom: 0, left: 0, right: 1 } } as const;
    const columns = evaluate(() => im2col(toTensor(x, 'float64'), { ...options, kernelSize: [1, 2] }));
    expectSame(columns, reference.im2col(x, options));
  });

  it('col2im adds NaN and infinities where they belong', () => {
    const inputShape = [1, 1, 2, 3];
    const options = { kernelSize: [2, 2] as [number, number] };
    const columns = ndarray([1, 4, 2], [Number.NaN, 1, 2, Infinity, 3, -Infinity, Infinity, 4]);
    const x = evaluate(() => col2im(toTensor(columns), { inputShape, ...options }));
    expectSame(x, reference.col2im(columns, inputShape, options));
  });

  it('throws for windows that do not fit and columns of the wrong size', () => {
    const call = (inputShape: number[], options: object) => () =>
      evaluate(() => im2col(toTensor(ndarray(inputShape)), { kernelSize: 3, ...options }));
    expectThrows(call([1, 1, 2, 9], {}), 'ShapeError', /im2col/, /height/);
    expectThrows(call([1, 1, 9, 2], {}), 'ShapeError', /im2col/, /width/);
    expectThrows(call([1, 9, 9], {}), 'ShapeError', /im2col/, /input/);
    expectThrows(call([1, 1, 9, 9], { kernelSize: 0 }), 'ReceptiveError', /im2col/, /kernelSize/);
    expectThrows(call([1, 1, 9, 9], { kernelSize: [2.5, 2] }), 'ReceptiveError', /im2col/, /kernelSize/);
    expectThrows(call([1, 1, 9, 9], { kernelSize: undefined }), 'ReceptiveError', /im2col/, /kernelSize/);
    expectThrows(call([1, 1, 9, 9], { stride: 0 }), 'ReceptiveError', /im2col/, /stride/);
    const back = (shape: number[], inputShape: number[]) => () =>
      evaluate(() => col2im(toTensor(ndarray(shape)), { inputShape, kernelSize: [2, 3] }));
    expectThrows(back([1, 6, 12], [1, 1, 4, 5]), 'ShapeError', /col2im/, /columns/);
    expectThrows(back([1, 5, 9], [1, 1, 4, 5]), 'ShapeError', /col2im/, /columns/);
    expectThrows(back([2, 6, 9], [1, 1, 4, 5]), 'ShapeError', /col2im/, /columns/);
    expectThrows(back([1, 6, 9], [1, 4, 5]), 'ShapeError', /col2im/, /inputShape/);
    expectThrows(back([1, 6, 9], [1, 1, -4, 5]), 'ReceptiveError', /col2im/, /inputShape/);
  });

  describeContract('im2col', { input: { shape: [1, 2, 4, 5] } }, (t) => im2col(t.input, { kernelSize: 2 }));
  describeContract('col2im', { columns: { shape: [1, 8, 12] } }, (t) =>
    col2im(t.columns, { inputShape: [1, 2, 4, 5], kernelSize: 2 }),
  );
});
