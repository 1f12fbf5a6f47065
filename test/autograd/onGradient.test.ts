import { add, checkpoint, customGradient, mul, relu, split, square, sum, type Tensor, tensor, tidy } from 'receptive';
import { afterEach, expect, it } from 'vitest';
import { describeOnDevices } from '../support/devices';
import { expectThrows } from '../support/errors';

const leaves: Tensor[] = [];

/** A leaf, disposed with its gradient after the test. */
function leaf(values: number[]): Tensor {
  const one = tensor(values, { requiresGrad: true });
  leaves.push(one);
  return one;
}

const gradientOf = (t: Tensor): number[] | null => (t.grad === null ? null : [...t.grad.dataSync()]);

/** What each call of the listener saw: the leaf's number, and the gradients of all leaves. */
function watch(loss: Tensor, all: readonly Tensor[]): { leaf: number; gradients: (number[] | null)[] }[] {
  const seen: { leaf: number; gradients: (number[] | null)[] }[] = [];
  loss.backward(undefined, {
    onGradient: (one) => seen.push({ leaf: all.indexOf(one as Tensor), gradients: all.map(gradientOf) }),
  });
  return seen;
}

describeOnDevices('onGradient', () => {
  afterEach(() => {
    for (const one of leaves.splice(0)) {
      one.grad?.dispose();
      one.dispose();
    }
  });

  it('is called once for each leaf, last layers first, when its gradient is complete', () => {
    const [x, a, b, c] = [
      [2, 3],
      [5, 7],
      [11, 13],
      [17, 19],
    ].map(leaf);
    // a is used at the beginning and at the end: complete only when the walk has come to the beginning.
    const seen = tidy(() => watch(sum(mul(mul(mul(mul(x, a), b), c), a)), [x, a, b, c]));
    const gradients = {
      x: [25 * 11 * 17, 49 * 13 * 19],
      a: [2 * 2 * 5 * 11 * 17, 2 * 3 * 7 * 13 * 19],
      b: [2 * 25 * 17, 3 * 49 * 19],
      c: [2 * 25 * 11, 3 * 49 * 13],
    };
    expect(seen.map((one) => one.leaf).slice(0, 2)).toEqual([3, 2]);
    expect(new Set(seen.map((one) => one.leaf).slice(2))).toEqual(new Set([0, 1]));
    expect(seen[0].gradients).toEqual([null, null, null, gradients.c]);
    expect(seen[1].gradients).toEqual([null, null, gradients.b, gradients.c]);
    expect(seen[3].gradients).toEqual([gradients.x, gradients.a, gradients.b, gradients.c]);
  });

  it('sees what was there before added', () => {
    const x = leaf([1, 2]);
    tidy(() => sum(mul(x, 10)).backward());
    const seen = tidy(() => watch(sum(square(x)), [x]));
    expect(seen).toEqual([{ leaf: 0, gradients: [[12, 14]] }]);
  });

  it('is called for both operands of one operation, and once for a leaf that is both', () => {
    const [x, y] = [leaf([1, 2]), leaf([3, 4])];
    const seen = tidy(() => watch(sum(add(mul(x, x), mul(x, y))), [x, y]));
    expect(seen.map((one) => one.leaf).sort()).toEqual([0, 1]);
    expect([gradientOf(x), gradientOf(y)]).toEqual([
      [5, 8],
      [1, 2],
    ]);
    for (const { leaf: number, gradients } of seen)
      expect(gradients[number]).toEqual([gradientOf(x), gradientOf(y)][number]);
  });

  it('is called for leaves within a checkpointed block', () => {
    const [x, w, v] = [leaf([1, 2]), leaf([3, 4]), leaf([5, 6])];
    const seen = tidy(() =>
      watch(
        sum(
          mul(
            checkpoint((t: Tensor) => mul(relu(mul(t, w)), w), x),
            v,
          ),
        ),
        [x, w, v],
      ),
    );
    expect(seen[0].leaf).toBe(2);
    expect(seen.map((one) => one.leaf).sort()).toEqual([0, 1, 2]);
    expect(gradientOf(w)).toEqual([2 * 1 * 3 * 5, 2 * 2 * 4 * 6]);
    for (const { leaf: number, gradients } of seen) expect(gradients[number]).toEqual(gradientOf([x, w, v][number]));
  });

  it('is called at the end where a path to the leaf gets no gradient', () => {
    const [x, y] = [leaf([1, 2]), leaf([3, 4])];
    const seen = tidy(() => {
      const dead = customGradient(
        (_save, t: Tensor) => mul(t, 2),
        () => null,
      );
      // square(x) is behind the dead end, so that its node has no turn.
      return watch(sum(add(mul(x, y), dead(square(x)))), [x, y]);
    });
    expect(seen.map((one) => one.leaf)).toEqual([1, 0]);
    expect(gradientOf(x)).toEqual([3, 4]);
  });

  it('is not called for what has no gradient', () => {
    const [x, y] = [leaf([1, 2]), leaf([3, 4])];
    const seen = tidy(() => {
      const nothing = customGradient(
        (_save, a: Tensor, b: Tensor) => add(a, b),
        (g) => [g.clone(), null],
      );
      return watch(sum(nothing(x, y)), [x, y]);
    });
    expect(seen.map((one) => one.leaf)).toEqual([0]);
    expect(y.grad).toBe(null);
  });

  it('is called for the leaf that backward starts from', () => {
    const x = leaf([4]);
    expect(watch(x, [x])).toEqual([{ leaf: 0, gradients: [[1]] }]);
  });

  it('is not called for a leaf that was disposed', () => {
    const [x, y] = [leaf([1, 2]), leaf([3, 4])];
    const seen = tidy(() => {
      const loss = sum(mul(x, y));
      y.dispose();
      return watch(loss, [x, y]);
    });
    expect(seen.map((one) => one.leaf)).toEqual([0]);
    expect(gradientOf(x)).toEqual([3, 4]);
  });

  it('gives each leaf memory of its own', () => {
    const [x, y] = [leaf([1, 2]), leaf([3, 4])];
    tidy(() =>
      sum(add(x, y)).backward(undefined, {
        onGradient: (one) => one.grad?.copy_(tensor([one === x ? 7 : 9, 8])),
      }),
    );
    expect([gradientOf(x), gradientOf(y)]).toEqual([
      [7, 8],
      [9, 8],
    ]);
  });

  it('keeps a retained graph usable', () => {
    const x = leaf([3]);
    const loss = tidy(() => sum(split(square(x), 1, 0)[0]));
    const seen: number[] = [];
    const onGradient = () => seen.push(gradientOf(x)?.[0] ?? 0);
    loss.backward(undefined, { retainGraph: true, onGradient });
    loss.backward(undefined, { onGradient });
    expect(seen).toEqual([6, 12]);
    loss.dispose();
  });

  it('has been called for what came before a failure, whose gradients stay', () => {
    const [x, w] = [leaf([1, 2]), leaf([3, 4])];
    const fails = customGradient(
      (_save, t: Tensor) => mul(t, 1),
      () => {
        throw new RangeError('on purpose');
      },
    );
    const loss = tidy(() => sum(mul(fails(square(x)), w)));
    expect(() => watch(loss, [x, w])).toThrow('on purpose');
    expect([gradientOf(x), gradientOf(w)]).toEqual([null, [1, 4]]);
    loss.dispose();
    w.grad?.dispose();
    w.grad = null;
    // Without a listener nothing is left of such a call.
    const other = tidy(() => sum(mul(fails(square(x)), w)));
    expect(() => other.backward()).toThrow('on purpose');
    expect([x.grad, w.grad]).toEqual([null, null]);
    other.dispose();
  });

  it('passes on what it throws itself', () => {
    const [x, w] = [leaf([1, 2]), leaf([3, 4])];
    const loss = tidy(() => sum(mul(square(x), w)));
    const onGradient = () => {
      throw new RangeError('enough');
    };
    expect(() => loss.backward(undefined, { onGradient })).toThrow('enough');
    expect(x.grad).toBe(null);
    loss.dispose();
  });

  it('must be a function', () => {
    const x = leaf([1]);
    for (const onGradient of [1, 'f', {}] as never[]) {
      expectThrows(
        () => x.backward(undefined, { onGradient }),
        'ArgumentError',
        /^backward: onGradient must be a function/,
      );
    }
    expectThrows(() => x.backward(undefined, { ongradient: () => {} } as never), 'ArgumentError', /'ongradient'/);
  });
});
