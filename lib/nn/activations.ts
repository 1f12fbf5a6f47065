// Activations as modules; the ops have the formulas.
import { expectFinite, expectInteger, expectOneOf, expectOptions } from '../check';
import type { DType } from '../dtype';
import {
  elu,
  type GeluOptions,
  gelu,
  hardSigmoid,
  hardSwish,
  leakyRelu,
  mish,
  relu,
  relu6,
  selu,
  sigmoid,
  silu,
  softplus,
  tanh,
} from '../ops/activation';
import { logSoftmax, softmax } from '../ops/softmax';
import { maxRank } from '../shape';
import type { Tensor } from '../tensor';
import { Pointwise } from './pointwise';

/** `relu`: max(x, 0). */
export class ReLU<D extends DType = 'float32'> extends Pointwise<D> {
  override forward(input: Tensor<D>): Tensor<D> {
    return relu(input);
  }
}

/** `relu6`: min(max(x, 0), 6). */
export class ReLU6<D extends DType = 'float32'> extends Pointwise<D> {
  override forward(input: Tensor<D>): Tensor<D> {
    return relu6(input);
  }
}

/** `selu`: scaled exponential linear unit. */
export class SELU<D extends DType = 'float32'> extends Pointwise<D> {
  override forward(input: Tensor<D>): Tensor<D> {
    return selu(input);
  }
}

/** `silu`: x sigmoid(x). */
export class SiLU<D extends DType = 'float32'> extends Pointwise<D> {
  override forward(input: Tensor<D>): Tensor<D> {
    return silu(input);
  }
}

/** `mish`: x tanh(softplus(x)). */
export class Mish<D extends DType = 'float32'> extends Pointwise<D> {
  override forward(input: Tensor<D>): Tensor<D> {
    return mish(input);
  }
}

/** `softplus`: ln(1 + exp(x)). */
export class Softplus<D extends DType = 'float32'> extends Pointwise<D> {
  override forward(input: Tensor<D>): Tensor<D> {
    return softplus(input);
  }
}

/** `sigmoid`: 1 / (1 + exp(-x)). */
export class Sigmoid<D extends DType = 'float32'> extends Pointwise<D> {
  override forward(input: Tensor<D>): Tensor<D> {
    return sigmoid(input);
  }
}

/** `hardSigmoid`: relu6(x + 3) / 6. */
export class HardSigmoid<D extends DType = 'float32'> extends Pointwise<D> {
  override forward(input: Tensor<D>): Tensor<D> {
    return hardSigmoid(input);
  }
}

/** `hardSwish`: x hardSigmoid(x). */
export class HardSwish<D extends DType = 'float32'> extends Pointwise<D> {
  override forward(input: Tensor<D>): Tensor<D> {
    return hardSwish(input);
  }
}

/** `tanh`: hyperbolic tangent. */
export class Tanh<D extends DType = 'float32'> extends Pointwise<D> {
  override forward(input: Tensor<D>): Tensor<D> {
    return tanh(input);
  }
}

/** `leakyRelu`: x for x > 0, slope * x elsewhere. */
export class LeakyReLU<D extends DType = 'float32'> extends Pointwise<D> {
  readonly slope: number;

  /** @param slope Finite; 0.01 if left out. @throws ArgumentError. */
  constructor(slope = 0.01) {
    super();
    this.slope = expectFinite('LeakyReLU', 'slope', slope);
  }

  override forward(input: Tensor<D>): Tensor<D> {
    return leakyRelu(input, this.slope);
  }
}

/** `elu`: x for x > 0, alpha * (exp(x) - 1) elsewhere. */
export class ELU<D extends DType = 'float32'> extends Pointwise<D> {
  readonly alpha: number;

  /** @param alpha Finite; 1 if left out. @throws ArgumentError. */
  constructor(alpha = 1) {
    super();
    this.alpha = expectFinite('ELU', 'alpha', alpha);
  }

  override forward(input: Tensor<D>): Tensor<D> {
    return elu(input, this.alpha);
  }
}

/** `gelu`: x times the normal distribution function. */
export class GELU<D extends DType = 'float32'> extends Pointwise<D> {
  /** Of the operation, as they were given. */
  readonly options: Readonly<GeluOptions>;

  /** @param options `approximate: 'tanh'` for the approximation with tanh. @throws ArgumentError. */
  constructor(options?: GeluOptions) {
    super();
    const { approximate } = expectOptions('GELU', options, ['approximate']);
    if (approximate !== undefined) expectOneOf('GELU', 'approximate', approximate, ['tanh']);
    this.options = Object.freeze({ approximate });
  }

  override forward(input: Tensor<D>): Tensor<D> {
    return gelu(input, this.options);
  }
}

/** `softmax` along an axis. */
export class Softmax<D extends DType = 'float32'> extends Pointwise<D> {
  readonly axis: number;

  /** @param axis Negative counts from the end; -1 if left out. @throws ArgumentError. */
  constructor(axis = -1) {
    super();
    this.axis = expectInteger('Softmax', 'axis', axis, -maxRank, maxRank - 1);
  }

  override forward(input: Tensor<D>): Tensor<D> {
    return softmax(input, this.axis);
  }
}

/** `logSoftmax` along an axis. */
export class LogSoftmax<D extends DType = 'float32'> extends Pointwise<D> {
  readonly axis: number;

  /** @param axis Negative counts from the end; -1 if left out. @throws ArgumentError. */
  constructor(axis = -1) {
    super();
    this.axis = expectInteger('LogSoftmax', 'axis', axis, -maxRank, maxRank - 1);
  }

  override forward(input: Tensor<D>): Tensor<D> {
    return logSoftmax(input, this.axis);
  }
}
