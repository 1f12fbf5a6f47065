import {
  add,
  keep,
  manualSeed,
  mul,
  noGrad,
  ones,
  randn,
  relu,
  sum,
  type Tensor,
  tensor,
  tidy,
  zeros,
} from 'receptive';
import {
  type AnyModule,
  BatchNorm1d,
  BatchNorm2d,
  Checkpoint,
  Concat,
  Conv2d,
  Dropout,
  Flatten,
  Identity,
  Linear,
  Module,
  parameter,
  ReLU,
  Residual,
  Sequential,
} from 'receptive/nn';
import { describe, expect, it } from 'vitest';
import { expectClose, expectSame } from '../support/compare';
import { expectThrows } from '../support/errors';
import { type AnyTensor, read } from '../support/tensors';

class Net extends Module {
  features = new Sequential([new Conv2d(1, 2, 3), new BatchNorm2d(2), new ReLU()]);
  heads = [new Linear(2 * 4 * 5, 3), new Linear(2 * 4 * 5, 2)];
  scale = parameter(ones([3]));
  note = 'no part of it';

  forward(x: Tensor): Tensor {
    const flat = this.features.call(x).reshape([x.shape[0], -1]);
    return mul(this.heads[0].call(flat), this.scale);
  }
}

const names = [
  ...['scale', 'features.0.weight', 'features.0.bias', 'features.1.weight', 'features.1.bias'],
  ...['heads.0.weight', 'heads.0.bias', 'heads.1.weight', 'heads.1.bias'],
];
const input = () => randn([2, 1, 6, 7]);

describe('the parts of a module', () => {
  it('are found by own properties, in order, under PyTorch-like names', () => {
    using net = new Net();
    expect(net.namedParameters().map(([name]) => name)).toEqual(names);
    expect(net.parameters()).toEqual(net.namedParameters().map(([, p]) => p));
    expect(net.namedBuffers().map(([name]) => name)).toEqual(['features.1.running_mean', 'features.1.running_var']);
    expect(net.children().length).toBe(3);
    expect(net.namedModules().map(([name]) => name)).toEqual([
      ...['', 'features', 'features.0', 'features.1', 'features.2', 'heads.0', 'heads.1'],
    ]);
    expect(net.parameters().every((p) => p.requiresGrad)).toBe(true);
    expect(net.buffers().some((b) => b.requiresGrad)).toBe(false);
  });

  it('survive the tidy() that they were made in', () => {
    const net = tidy(() => {
      new Linear(2, 2).dispose();
      const made = new Net();
      keep(made.scale);
      return [() => made] as const;
    })[0]();
    expect([...net.parameters(), ...net.buffers()].every((t) => !t.disposed)).toBe(true);
    net.dispose();
  });

  it('count once where they are shared, and have all their names in the state', () => {
    class Tied extends Module {
      a = new Linear(2, 2, { bias: false });
      b = this.a;
      forward(x: Tensor) {
        return this.b.call(this.a.call(x));
      }
    }
    using tied = new Tied();
    expect(tied.namedParameters().map(([name]) => name)).toEqual(['a.weight']);
    expect(tied.modules().length).toBe(2);
    expect(Object.keys(tied.stateDict().tensors)).toEqual(['a.weight', 'b.weight']);
  });

  it('may not contain the module itself, nor tensors that want gradients but are no parameters', () => {
    class Loop extends Module {
      self: Module = this;
      forward(x: Tensor) {
        return x;
      }
    }
    expectThrows(() => new Loop().parameters(), 'ArgumentError', /'self' is one of those that contain it/);
    class Forgot extends Module {
      w = ones([2], { requiresGrad: true });
      forward(x: Tensor) {
        return mul(x, this.w);
      }
    }
    const forgot = new Forgot();
    expectThrows(() => forgot.parameters(), 'ArgumentError', /Forgot: w requires grad but is no parameter/);
    forgot.w.dispose();
  });

  it('parameter() refuses what cannot be trained', () => {
    tidy(() => {
      const w = ones([2], { requiresGrad: true });
      expectThrows(() => parameter(mul(w, 2)), 'ArgumentError', /recorded operation/);
      expectThrows(() => parameter(zeros([2], { dtype: 'int32' })), 'DTypeError');
      expectThrows(() => parameter(1 as never), 'ArgumentError', /parameter: tensor/);
    });
  });
});

describe('training', () => {
  it('reaches every parameter that takes part, and zeroGrad() frees the gradients', () => {
    using net = new Net();
    tidy(() => sum(net.call(input())).backward());
    const reached = net.namedParameters().filter(([, p]) => p.grad !== null);
    expect(reached.map(([name]) => name)).toEqual(names.filter((name) => !name.startsWith('heads.1')));
    net.zeroGrad();
    expect(net.parameters().every((p) => p.grad === null)).toBe(true);
  });

  it('train() and eval() reach all modules', () => {
    using net = new Net();
    expect(net.eval()).toBe(net);
    expect(net.modules().some((m) => m.training)).toBe(false);
    net.train();
    expect(net.modules().every((m) => m.training)).toBe(true);
    expectThrows(() => net.train(1 as never), 'ArgumentError', /Net.train: mode/);
  });

  it('dropout drops in training only', () => {
    tidy(() => {
      const dropout = new Dropout(0.5);
      const x = ones([1000]);
      manualSeed(3);
      const dropped = dropout.call(x).dataSync();
      const kept = dropped.filter((v) => v !== 0);
      expect(kept.every((v) => v === 2)).toBe(true);
      expect(Math.abs(kept.length - 500)).toBeLessThan(5 * Math.sqrt(250)); // five standard deviations
      expectSame(read(dropout.eval().call(x)), read(x));
    });
  });

  it('batch normalisation keeps running statistics in training and uses them in inference', () => {
    tidy(() => {
      using norm = new BatchNorm1d(2, { momentum: 0.25, epsilon: 0 });
      const x = tensor([
        [0, 1],
        [2, 5],
      ]); // means 1 and 3, variances divided by n - 1: 2 and 8
      expect([...norm.call(x).dataSync()]).toEqual([-1, -1, 1, 1]);
      expect([...(norm.runningMean?.dataSync() ?? [])]).toEqual([0.25, 0.75]);
      expect([...(norm.runningVar?.dataSync() ?? [])]).toEqual([0.75 + 0.5, 0.75 + 2]);
      norm.eval();
      const expected = [0, 1, 2, 5].map((v, i) => (v - [0.25, 0.75][i % 2]) / Math.sqrt([1.25, 2.75][i % 2]));
      expectClose(read(norm.call(x)), { shape: [2, 2], data: Float64Array.from(expected) }, { dtype: 'float32' });
      expect([...(norm.runningMean?.dataSync() ?? [])]).toEqual([0.25, 0.75]);
      using untracked = new BatchNorm1d(2, { trackRunningStats: false, epsilon: 0 });
      expect([...untracked.eval().call(x).dataSync()]).toEqual([-1, -1, 1, 1]);
      expect(untracked.buffers()).toEqual([]);
    });
  });
});

describe('hooks', () => {
  it('see each call, in order, may replace the output, and can be removed', () => {
    tidy(() => {
      using layer = new Linear(2, 1);
      const seen: string[] = [];
      const x = ones([1, 2]);
      const first = layer.registerForwardHook((module, inputs, output) => {
        seen.push(`${module.constructor.name} ${inputs.length} ${inputs[0] === x} [${output.shape}]`);
        return zeros([1, 1]);
      });
      const second = layer.registerForwardHook((_, __, output) => {
        seen.push(String(output.item()));
      });
      expect(layer.call(x).item()).toBe(0);
      expect(seen).toEqual(['Linear 1 true [1,1]', '0']);
      first();
      second();
      first();
      layer.call(x);
      expect(seen.length).toBe(2);
      expectThrows(() => layer.registerForwardHook(1 as never), 'ArgumentError', /hook must be a function/);
    });
  });

  it('that come and go during a call take part from the next call on', () => {
    tidy(() => {
      using layer = new Linear(2, 1);
      const seen: string[] = [];
      const removals: (() => void)[] = [];
      const see = (name: string) => layer.registerForwardHook(() => seen.push(name));
      layer.registerForwardHook(() => {
        for (const remove of removals.splice(0)) remove();
        if (seen.length === 0) see('new');
        seen.push('first');
      });
      removals.push(see('old'));
      layer.call(ones([1, 2]));
      layer.call(ones([1, 2]));
      expect(seen).toEqual(['first', 'old', 'first', 'new']);
    });
  });

  it('can keep what lies within a model', () => {
    using net = new Net();
    let features: Tensor | undefined;
    net.features.registerForwardHook((_, __, output) => {
      features = keep(output);
    });
    tidy(() => net.call(input()).dispose());
    expect(features?.disposed).toBe(false);
    expect(features?.shape).toEqual([2, 2, 4, 5]);
    features?.dispose();
  });

  it('a forward that returns no tensor is an error', () => {
    class Wrong extends Module {
      forward() {
        return 3 as never;
      }
    }
    expectThrows(
      () => new Wrong().call(),
      'ArgumentError',
      /Wrong.call: what forward returned must be a Tensor, given 3/,
    );
  });
});

describe('containers', () => {
  it('Sequential by name and by place; none is the identity', () => {
    tidy(() => {
      using model = new Sequential({ fc: new Linear(3, 2), act: new ReLU() });
      expect(model.namedParameters().map(([name]) => name)).toEqual(['fc.weight', 'fc.bias']);
      expect(model.length).toBe(2);
      expect(model.at(-1)).toBeInstanceOf(ReLU);
      expect(model.at(2)).toBeUndefined();
      const x = randn([2, 3]);
      const fc = model.at(0) as Linear;
      expectSame(read(model.call(x)), read(relu(fc.call(x))));
      const none = new Sequential([]).call(x);
      expect(none).not.toBe(x);
      expectSame(read(none), read(x));
      expect(x.disposed).toBe(false);
    });
  });

  it("Sequential gives its modules the caller's tensor, and neither disposes nor returns it", () => {
    class Same extends Module {
      forward(x: Tensor): Tensor {
        return x;
      }
    }
    tidy(() => {
      const x = randn([2, 3]);
      for (const modules of [[new Same()], [new Same(), new Sequential([new Same(), new Same()])]]) {
        const same = new Sequential(modules).call(x);
        expect(same).not.toBe(x);
        expectSame(read(same), read(x));
        same.dispose();
      }
      const y = new Sequential([new Same(), new ReLU(), new Same()]).call(x);
      expectSame(read(y), read(relu(x)));
      expect(x.disposed).toBe(false);
    });
  });

  it('Residual adds what goes around', () => {
    tidy(() => {
      using plain = new Residual(new Linear(3, 3));
      using full = new Residual(new Linear(3, 2), new Linear(3, 2), new ReLU());
      const x = randn([4, 3]);
      expectSame(read(plain.call(x)), read(add(plain.body.call(x), x)));
      expectSame(read(full.call(x)), read(relu(add(full.body.call(x), full.shortcut?.call(x) ?? 0))));
      expect(full.namedParameters().map(([name]) => name)).toEqual([
        ...['body.weight', 'body.bias', 'shortcut.weight', 'shortcut.bias'],
      ]);
    });
  });

  it('Concat joins branches in order', () => {
    tidy(() => {
      using model = new Concat({ one: new Conv2d(2, 1, 1), same: new Identity() });
      const x = randn([1, 2, 2, 3]);
      const y = model.call(x);
      expect(y.shape).toEqual([1, 3, 2, 3]);
      expect([...y.dataSync()].slice(6)).toEqual([...x.dataSync()]);
      expect([...new Concat([new Identity(), new Identity()], -1).call(x).shape]).toEqual([1, 2, 2, 6]);
    });
  });

  it('Checkpoint gives the same values and gradients as its body', () => {
    tidy(() => {
      using body = new Sequential([new Linear(3, 8), new Dropout(0.3), new ReLU(), new Linear(8, 2)]);
      const model = new Checkpoint(body);
      const x = randn([4, 3]);
      const run = (module: AnyModule) => {
        manualSeed(1);
        const y = module.call(x as AnyTensor);
        sum(mul(y, y)).backward();
        const result = [y, ...body.parameters().map((p) => p.grad)].map((t) => read(t as AnyTensor));
        body.zeroGrad();
        return result;
      };
      const direct = run(body as AnyModule);
      for (const [i, found] of run(model as AnyModule).entries()) expectSame(found, direct[i]);
      expect(model.namedParameters()[0][0]).toBe('body.0.weight');
    });
  });
});

describe('memory', () => {
  it('a model without tape leaves its output alone', () => {
    using model = new Sequential([new Flatten(), new Linear(4, 8), new ReLU(), new Linear(8, 2)]);
    using x = zeros([1, 4]);
    const y = noGrad(() => model.call(x));
    expect(y.shape).toEqual([1, 2]);
    y.dispose();
  });

  it('dispose() frees gradients too, may be repeated, and calls fail afterwards', () => {
    const net = new Net();
    tidy(() => sum(net.call(input())).backward());
    net.dispose();
    net.dispose();
    expect([...net.parameters(), ...net.buffers()].every((t) => t.disposed)).toBe(true);
    tidy(() => expectThrows(() => net.call(input()), 'DisposedError'));
  });

  it('to() leaves what is there already, and refuses unknown devices', () => {
    using net = new Net();
    const before = net.parameters();
    expect(net.to(before[0].device)).toBe(net);
    expect(net.parameters()).toEqual(before);
    expect(net.parameters()[0]).toBe(before[0]);
    expectThrows(() => net.to('tpu'), 'DeviceError', /Net.to: device 'tpu'/);
  });
});
