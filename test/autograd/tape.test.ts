import {
  add,
  checkpoint,
  clamp,
  conv2d,
  customGradient,
  getRngState,
  gradients,
  matmul,
  memoryStats,
  mul,
  noGrad,
  rand,
  relu,
  round,
  sgdStep_,
  split,
  square,
  sub,
  sum,
  type Tensor,
  tanh,
  tensor,
  tidy,
} from 'receptive';
import { expect, it } from 'vitest';
import { describeOnDevices } from '../support/devices';
import { expectThrows } from '../support/errors';

const leaf = (from: number[] | number): Tensor => tensor(from as number[], { requiresGrad: true });
const values = (t: Tensor | null): number[] => Array.from((t as Tensor).dataSync());

/** Runs `body` in a scope; gradients that it leaves on leaves escape, and are disposed here. */
function scoped(body: (track: (...leaves: Tensor[]) => void) => void): void {
  const leaves: Tensor[] = [];
  tidy(() => body((...more) => leaves.push(...more)));
  for (const one of leaves) one.grad?.dispose();
}

describeOnDevices('backward', () => {
  it('gives the gradients of the lecture: f = (x + y) z', () =>
    scoped((track) => {
      const [x, y, z] = [leaf(-2), leaf(5), leaf(-4)];
      track(x, y, z);
      const f = mul(add(x, y), z);
      f.backward();
      expect([f.item(), x.grad?.item(), y.grad?.item(), z.grad?.item()]).toEqual([-12, -4, -4, 3]);
    }));

  it('adds to the gradients that are there', () =>
    scoped((track) => {
      const x = leaf([1, 2]);
      track(x);
      sum(square(x)).backward();
      sum(mul(x, 10)).backward();
      expect(values(x.grad)).toEqual([12, 14]);
    }));

  it('sums over every path, and gives each operand memory of its own', () =>
    scoped((track) => {
      const [x, y] = [leaf([1, 2]), leaf([3, 4])];
      track(x, y);
      sum(add(add(x, y), add(x, x))).backward();
      noGrad(() => sgdStep_(x.grad as Tensor, tensor([100, 100]), { learningRate: 1 }));
      expect(values(x.grad)).toEqual([-97, -97]);
      expect(values(y.grad)).toEqual([1, 1]);
    }));

  it('starts with a gradient for more than one element', () =>
    scoped((track) => {
      const x = leaf([1, 2, 3]);
      track(x);
      const y = square(x);
      expectThrows(() => y.backward(), 'ShapeError', /shape \[3\] needs a gradient to start with/);
      expectThrows(() => y.backward(tensor([1, 2])), 'ShapeError', /backward: gradient/);
      y.backward(tensor([1, 10, 100]));
      expect(values(x.grad)).toEqual([2, 40, 600]);
    }));

  it('says that a tensor depends on nothing, or was computed without recording', () =>
    tidy(() => {
      const x = leaf([1, 2]);
      expectThrows(
        () => sum(tensor([1, 2])).backward(),
        'GraphError',
        /does not depend on any tensor that requires grad/,
      );
      expectThrows(() => noGrad(() => sum(x)).backward(), 'GraphError', /noGrad/);
      expectThrows(() => sum(x.detach()).backward(), 'GraphError', /does not depend/);
    }));

  it('frees the graph, unless it is retained', () =>
    scoped((track) => {
      const x = leaf([1, 2]);
      track(x);
      const y = sum(square(x));
      y.backward(undefined, { retainGraph: true });
      y.backward();
      expect(values(x.grad)).toEqual([4, 8]);
      expectThrows(() => y.backward(), 'GraphError', /used up by an earlier backward\(\).*retainGraph: true/);
      const shared = square(x);
      sum(shared).backward();
      expectThrows(() => sum(mul(shared, 2)).backward(), 'GraphError', /square.*used up/);
    }));

  it('goes through a chain of many operations', () =>
    scoped((track) => {
      const x = leaf(1);
      track(x);
      let y: Tensor = x;
      for (let i = 0; i < 20_000; i++) y = add(y, 1);
      y.backward();
      expect(x.grad?.item()).toBe(1);
      let unused: Tensor = x;
      for (let i = 0; i < 20_000; i++) unused = add(unused, 1);
    }));

  it('gives zeros to parts of a split that nobody used', () =>
    scoped((track) => {
      const x = leaf([1, 2, 3, 4, 5, 6]);
      track(x);
      const [, middle] = split(x, 3);
      sum(square(middle)).backward();
      expect(values(x.grad)).toEqual([0, 0, 6, 8, 0, 0]);
    }));
});

describeOnDevices('what the tape keeps', () => {
  const held = (): { tensors: number; bytes: number } => {
    const { tensors, allocatedBytes } = memoryStats();
    return { tensors, bytes: allocatedBytes };
  };

  it('outlives dispose() and tidy()', () =>
    scoped((track) => {
      const x = leaf([1, 2, 3]);
      track(x);
      const y = tidy(() => sum(square(tanh(mul(x, 0.5)))));
      y.backward();
      const expected = [1, 2, 3].map((v) => Math.tanh(v / 2) * (1 - Math.tanh(v / 2) ** 2));
      for (const [i, value] of values(x.grad).entries()) expect(value).toBeCloseTo(expected[i], 6);
    }));

  it('goes when backward has used it, and when the result is disposed', () => {
    const x = tensor(new Float32Array(1 << 16), { requiresGrad: true });
    const before = held();
    const make = (): Tensor => tidy(() => sum(square(relu(mul(tanh(x), 2)))));
    const used = make();
    expect(held().bytes).toBeGreaterThan(before.bytes + 2 * 4 * (1 << 16));
    used.backward();
    x.grad?.dispose();
    x.grad = null;
    used.dispose();
    expect(held()).toEqual(before);
    make().dispose();
    expect(held()).toEqual(before);
    x.dispose();
  });

  it('is only what backward needs: nothing for a sum, one operand where only one requires grad', () => {
    const x = tensor(new Float32Array(1 << 16), { requiresGrad: true });
    const c = tensor(new Float32Array(1 << 16));
    const before = held().bytes;
    const linear = tidy(() => sum(add(mul(add(x, 1), c), c)));
    expect(held().bytes - before).toBeLessThan(4096);
    for (const one of [linear, x, c]) one.dispose();
  });

  it('is checked for writes since', () =>
    tidy(() => {
      const x = leaf([1, 2]);
      const y = sum(square(x));
      noGrad(() => x.copy_(tensor([5, 6])));
      expectThrows(() => y.backward(), 'GraphError', /square saved a tensor \(float32 \[2\]\).*written in place/);
      const scale = tensor([1, 1]);
      const z = sum(mul(x, scale));
      scale.copy_(tensor([2, 2]));
      expectThrows(() => z.backward(), 'GraphError', /mul saved/);
    }));

  it('may be written in place only within noGrad', () =>
    tidy(() => {
      const x = leaf([1, 2]);
      const y = square(x);
      for (const target of [x, y, x.reshape([2, 1]).reshape([2])]) {
        expectThrows(() => target.copy_(tensor([5, 6])), 'GraphError', /copy_: .*only within noGrad\(\)/);
      }
      expectThrows(() => sgdStep_(x, tensor([1, 1]), { learningRate: 1 }), 'GraphError', /noGrad/);
      noGrad(() => sgdStep_(x, tensor([1, 1]), { learningRate: 1 }));
      expect(values(x)).toEqual([0, 1]);
    }));

  it('is nothing within noGrad and for detached tensors', () =>
    tidy(() => {
      const x = leaf([1, 2]);
      expect(noGrad(() => square(x)).requiresGrad).toBe(false);
      expect(square(x.detach()).requiresGrad).toBe(false);
      expect(square(x).requiresGrad).toBe(true);
      expectThrows(() => noGrad(async () => x), 'ArgumentError', /noGrad: fn must be synchronous/);
    }));
});

describeOnDevices('gradients', () => {
  it('leaves grad alone, and reaches tensors in between', () =>
    tidy(() => {
      const x = leaf([1, 2]);
      const y = square(x);
      const [byX, byY] = gradients(sum(square(y)), [x, y]);
      expect([values(byX), values(byY)]).toEqual([
        [4, 32],
        [2, 8],
      ]);
      expect(x.grad).toBeNull();
    }));

  it('names a tensor without influence', () =>
    tidy(() => {
      const [x, y] = [leaf([1, 2]), leaf([1, 2])];
      expectThrows(() => gradients(sum(square(x)), [x, y]), 'GraphError', /tensors\[1\].*no influence on the loss/);
      expectThrows(
        () => gradients(sum(square(x)), [tensor([1])]),
        'ArgumentError',
        /tensors\[0\].*does not require grad/,
      );
    }));

  it('computes a third derivative: x^4 gives 24 x', () =>
    tidy(() => {
      const x = leaf([1, 2]);
      let y = sum(square(square(x)));
      for (let i = 0; i < 2; i++) y = sum(gradients(y, [x], { createGraph: true })[0]);
      expect(values(gradients(y, [x])[0])).toEqual([24, 48]);
    }));

  it('penalises the gradient of a convolution by its input', () =>
    tidy(() => {
      const image = rand([1, 2, 5, 4], { dtype: 'float64', requiresGrad: true });
      const weight = rand([3, 2, 3, 2], { dtype: 'float64', requiresGrad: true });
      const penalty = () => {
        const [slope] = gradients(sum(square(conv2d(image, weight, { padding: 1 }))), [image], { createGraph: true });
        return sum(square(slope));
      };
      const [found] = gradients(penalty(), [weight]);
      const start = weight.dataSync();
      const shifted = (i: number, by: number): number => {
        noGrad(() => weight.copy_(tensor(start.with(i, start[i] + by), { shape: weight.shape })));
        return penalty().item();
      };
      for (const i of [0, 7, 35]) {
        const difference = (shifted(i, 1e-5) - shifted(i, -1e-5)) / 2e-5;
        expect(found.dataSync()[i] / difference).toBeCloseTo(1, 6);
      }
    }));
});

describeOnDevices('customGradient', () => {
  it('uses the gradient it is given', () =>
    scoped((track) => {
      const x = leaf([0.4, 1.6]);
      track(x);
      const through = customGradient(
        (_save, input: Tensor) => round(input),
        (gradOutput) => gradOutput,
      );
      const y = through(x);
      expect(values(y)).toEqual([0, 2]);
      sum(mul(y, tensor([3, 5]))).backward();
      expect(values(x.grad)).toEqual([3, 5]);
    }));

  it('keeps what forward saves, for several inputs', () =>
    scoped((track) => {
      const [x, y] = [leaf([1, 2]), leaf([3, 4])];
      track(x, y);
      const product = customGradient(
        (save, a: Tensor, b: Tensor) => {
          save(a, b);
          return mul(a, b);
        },
        (g, [a, b]) => [mul(g, b), clamp(mul(g, a), 0, 1)],
      );
      const output = tidy(() => product(add(x, 0), add(y, 0)));
      sum(output).backward();
      expect([values(x.grad), values(y.grad)]).toEqual([
        [3, 4],
        [1, 1],
      ]);
    }));

  it('refuses gradients that do not fit, and says that it cannot be differentiated twice', () =>
    tidy(() => {
      const x = leaf([1, 2]);
      const wrong = customGradient(
        (_save, input: Tensor) => square(input),
        () => tensor([1, 2, 3]),
      );
      expectThrows(() => sum(wrong(x)).backward(), 'ShapeError', /gradient of input 0 must be float32 \[2\]/);
      const none = customGradient(
        (_save, input: Tensor) => square(input),
        () => [],
      );
      expectThrows(() => sum(none(x)).backward(), 'ArgumentError', /one gradient or null per input/);
      const cube = customGradient(
        (save, input: Tensor) => {
          save(input);
          return mul(square(input), input);
        },
        (g, [input]) => mul(g, mul(square(input), 3)),
      );
      const [slope] = gradients(sum(cube(x)), [x], { createGraph: true });
      expect(values(slope)).toEqual([3, 12]);
      expectThrows(() => sum(slope).backward(), 'UnsupportedError', /customGradient is not differentiable/);
    }));
});

describeOnDevices('checkpoint', () => {
  it('gives the gradients of the block, and keeps its inputs only', () => {
    const x = rand([64, 64], { requiresGrad: true });
    const w = rand([64, 64], { requiresGrad: true, low: -0.1, high: 0.1 });
    const block = (input: Tensor): Tensor => {
      let y = input;
      for (let i = 0; i < 8; i++) y = tanh(matmul(y, w));
      return y;
    };
    const before = memoryStats().allocatedBytes;
    const plain = tidy(() => sum(block(mul(x, 2))));
    const plainBytes = memoryStats().allocatedBytes - before;
    const expected = tidy(() => gradients(plain, [x, w]).map(values));
    plain.dispose();
    const start = memoryStats().allocatedBytes;
    const lean = tidy(() => sum(checkpoint(block, mul(x, 2))));
    expect(memoryStats().allocatedBytes - start).toBeLessThan(plainBytes / 4);
    const found = gradients(lean, [x, w]);
    expect(found.map(values)).toEqual(expected);
    for (const one of [lean, x, w, ...found]) one.dispose();
  });

  it('draws the same random numbers again', () =>
    scoped((track) => {
      const x = leaf([1, 1, 1, 1]);
      track(x);
      let masks: number[][] = [];
      const y = checkpoint((input: Tensor) => {
        const mask = rand([4]);
        masks = [...masks, values(mask)];
        return mul(input, mask);
      }, x);
      const state = getRngState();
      sum(y).backward();
      expect(masks.length).toBe(2);
      expect(masks[0]).toEqual(masks[1]);
      expect(values(x.grad)).toEqual(masks[0]);
      expect(getRngState()).toEqual(state);
    }));

  it('reaches results of operations that the block closes over', () =>
    scoped((track) => {
      const x = leaf([1, 2]);
      track(x);
      const doubled = mul(x, 2);
      const y = checkpoint((input: Tensor) => mul(input, doubled), square(x));
      sum(sub(y, x)).backward();
      expect(values(x.grad)).toEqual([5, 23]); // (2 x^3 - x)' = 6 x^2 - 1
    }));
});
