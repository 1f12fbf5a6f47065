import { describe, expect, it } from 'vitest';
import { count, duration, percent, plural, table } from '../../dist/report/text';
import { EpochMeter } from '../../dist/train/meter';

describe('numbers for people', () => {
  it.each([
    [0.04, '0.0 s'],
    [9.94, '9.9 s'],
    [9.96, '10 s'],
    [59.7, '1 min 0 s'],
    [125, '2 min 5 s'],
    [3720, '1 h 2 min'],
    [Infinity, '-'],
    [Number.NaN, '-'],
  ])('duration(%d) is %s', (seconds, text) => expect(duration(seconds)).toBe(text));

  it('percent, count and plural', () => {
    expect([percent(0.9049), percent(1), percent(Number.NaN)]).toEqual(['90.5%', '100.0%', '-']);
    expect([count(999.4), count(60000)]).toEqual(['999', '60,000']);
    expect([plural(0, 'epoch'), plural(1, 'epoch'), plural(2000, 'epoch')]).toEqual([
      '0 epochs',
      '1 epoch',
      '2,000 epochs',
    ]);
  });

  it('table pads columns to their widest cell', () => {
    const rows = [
      ['a', '1'],
      ['long', '22'],
    ];
    expect(table(['x', 'number'], rows, ['left', 'right'])).toBe(
      'x     number\n────  ──────\na          1\nlong      22',
    );
  });
});

describe('EpochMeter', () => {
  it('weighs batches by their size', () => {
    const meter = new EpochMeter(2);
    meter.add({ loss: 1, correct: 3, count: 30 });
    meter.add({ loss: 4, correct: 9, count: 10 });
    expect(meter.loss).toBe(1.75);
    expect(meter.accuracy).toBe(0.3);
    expect(meter.images).toBe(40);
    expect(meter.curve).toEqual([1, 4]);
  });

  it('keeps 40 points of a long epoch, which together hold every step', () => {
    const meter = new EpochMeter(1000);
    for (let step = 0; step < 1000; step++) meter.add({ loss: step, correct: 0, count: 2 });
    expect(meter.curve).toHaveLength(40);
    // Means of 25 consecutive steps each.
    expect(meter.curve[0]).toBe(12);
    expect(meter.curve[39]).toBe(987);
  });
});
