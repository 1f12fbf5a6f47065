// Activations, a row per op: value and gradient. `grad(g, s)` takes the gradient of the output and what the op saved:
// the output where noted, else the input.
//
// Every row: NaN gives NaN, and so does the gradient where the saved number is NaN. At -inf and +inf the value and the
// derivative are their limits (0 for the value at -inf of the rows that tend to 0: gelu, silu, mish, hardSwish and so
// on); x * f(x) alone would be inf * 0. A gradient that a kink or a flat part stops is 0, even if it was infinite.
#pragma once

#include "math.h"
#include "number.h"
#include "pointwise.h"

namespace receptive::RECEPTIVE_TARGET {

// From here on, and from -kFar down, the activations equal their asymptotes in both types.
inline constexpr double kFar = 1000;

template <class V>
RECEPTIVE_FN V not_below_far(V x) {
  using T = typename V::Element;
  return maximum_ordered(V(T(-kFar)), x);  // keeps a NaN
}
template <class V>
RECEPTIVE_FN V within_far(V x) {
  using T = typename V::Element;
  return minimum_ordered(V(T(kFar)), not_below_far(x));
}

// sigmoid(x) and sigmoid(-x), both without cancellation.
template <class V>
struct SigmoidPair {
  V s;
  V rest;
};
template <class V>
RECEPTIVE_FN SigmoidPair<V> sigmoid_pair(V x) {
  using T = typename V::Element;
  const V e = exp(-abs(x));
  const V d = V(T(1)) / (e + T(1));
  const auto negative = x < T(0);
  return {select(negative, e, T(1)) * d, select(negative, V(T(1)), e) * d};
}

// max(x, 0), +0 for -0. The derivative at 0 is 0. Saves the output.
struct Relu {
  static constexpr const char *name = "relu", *gradName = "reluGrad";
  static constexpr double valueFlops = 1, gradFlops = 3;
  template <class V>
  RECEPTIVE_FN V value(V x) const {
    using T = typename V::Element;
    return select(x <= T(0), V(T(0)), x);
  }
  template <class V>
  RECEPTIVE_FN V grad(V g, V y) const {
    using T = typename V::Element;
    return gate(y > T(0), g, y);
  }
};

// min(relu(x), 6). The derivative at 0 and 6 is 0. Saves the output.
struct Relu6 {
  static constexpr const char *name = "relu6", *gradName = "relu6Grad";
  static constexpr double valueFlops = 2, gradFlops = 4;
  template <class V>
  RECEPTIVE_FN V value(V x) const {
    using T = typename V::Element;
    return minimum_ordered(V(T(6)), Relu{}.value(x));
  }
  template <class V>
  RECEPTIVE_FN V grad(V g, V y) const {
    using T = typename V::Element;
    return gate((y > T(0)) & (y < T(6)), g, y);
  }
};

struct LeakyReluAttrs {
  double slope;
};

// x where x > 0, else slope * x (IEEE: slope 0 of -inf is NaN). The derivative at 0 is the slope.
struct LeakyRelu {
  using Attrs = LeakyReluAttrs;
  static constexpr Field fields[] = {RECEPTIVE_REAL(LeakyReluAttrs, slope)};
  Attrs attrs;
  static constexpr const char *name = "leakyRelu", *gradName = "leakyReluGrad";
  static constexpr double valueFlops = 2, gradFlops = 3;
  template <class V>
  RECEPTIVE_FN V value(V x) const {
    using T = typename V::Element;
    return select(x > T(0), x, x * T(attrs.slope));
  }
  template <class V>
  RECEPTIVE_FN V grad(V g, V x) const {
    using T = typename V::Element;
    return select(is_nan(x), x, select(x > T(0), g, g * T(attrs.slope)));
  }
};

struct EluAttrs {
  double alpha;
};

// x where x >= 0, else alpha (e^x - 1); Clevert et al. 2016. The derivative at 0 is alpha.
struct Elu {
  using Attrs = EluAttrs;
  static constexpr Field fields[] = {RECEPTIVE_REAL(EluAttrs, alpha)};
  Attrs attrs;
  static constexpr const char *name = "elu", *gradName = "eluGrad";
  static constexpr double valueFlops = 24, gradFlops = 30;
  template <class V>
  RECEPTIVE_FN V value(V x) const {
    using T = typename V::Element;
    return select(x < T(0), expm1_nonpositive(x) * T(attrs.alpha), x);
  }
  template <class V>
  RECEPTIVE_FN V grad(V g, V x) const {
    using T = typename V::Element;
    return select(x > T(0), g, g * (exp(x) * T(attrs.alpha)));
  }
};

// scale * elu(x, alpha) with the constants of Klambauer et al., Self-Normalizing Neural Networks, 2017. The derivative
// at 0 is scale * alpha.
struct Selu {
  static constexpr double kAlpha = 1.6732632423543772848, kScale = 1.0507009873554804934;
  static constexpr const char *name = "selu", *gradName = "seluGrad";
  static constexpr double valueFlops = 25, gradFlops = 31;
  template <class V>
  RECEPTIVE_FN V value(V x) const {
    using T = typename V::Element;
    return select(x < T(0), expm1_nonpositive(x) * T(kScale * kAlpha), x * T(kScale));
  }
  template <class V>
  RECEPTIVE_FN V grad(V g, V x) const {
    using T = typename V::Element;
    return g * select(x > T(0), V(T(kScale)), exp(x) * T(kScale * kAlpha));
  }
};

// x Phi(x), Phi the normal distribution function, and Phi(x) + x phi(x); Hendrycks & Gimpel 2016.
struct Gelu {
  static constexpr double kDensity = 0.39894228040143267794;  // 1 / sqrt(2 pi)
  static constexpr const char *name = "gelu", *gradName = "geluGrad";
  static constexpr double valueFlops = 64, gradFlops = 68;
  template <class V>
  RECEPTIVE_FN V value(V x) const {
    return not_below_far(x) * normal(x).cdf;
  }
  template <class V>
  RECEPTIVE_FN V grad(V g, V x) const {
    using T = typename V::Element;
    const auto n = normal(x);
    return g * (within_far(x) * n.exponential * T(kDensity) + n.cdf);
  }
};

// 0.5 x (1 + tanh(u / 2)) = x sigmoid(u), u = 2 sqrt(2 / pi) (x + 0.044715 x^3).
struct GeluTanh {
  static constexpr double kLinear = 1.5957691216057307117, kCubic = 0.044715 * kLinear;
  static constexpr const char *name = "geluTanh", *gradName = "geluTanhGrad";
  static constexpr double valueFlops = 44, gradFlops = 52;
  template <class V>
  RECEPTIVE_FN static V argument(V x) {
    using T = typename V::Element;
    return x * (x * x * T(kCubic) + T(kLinear));
  }
  template <class V>
  RECEPTIVE_FN V value(V x) const {
    const V c = not_below_far(x);
    return c * sigmoid(argument(c));
  }
  template <class V>
  RECEPTIVE_FN V grad(V g, V x) const {
    using T = typename V::Element;
    const V c = within_far(x);
    const auto p = sigmoid_pair(argument(c));
    return g * (p.s * (c * p.rest * (c * c * T(3 * kCubic) + T(kLinear)) + T(1)));
  }
};

// x sigmoid(x), also called swish.
struct Silu {
  static constexpr const char *name = "silu", *gradName = "siluGrad";
  static constexpr double valueFlops = 40, gradFlops = 46;
  template <class V>
  RECEPTIVE_FN V value(V x) const {
    const V c = not_below_far(x);
    return c * sigmoid(c);
  }
  template <class V>
  RECEPTIVE_FN V grad(V g, V x) const {
    using T = typename V::Element;
    const V c = within_far(x);
    const auto p = sigmoid_pair(c);
    return g * (p.s * (c * p.rest + T(1)));
  }
};

// x tanh(softplus(x)), Misra 2019. With e = e^-|x| the tanh is a quotient of polynomials without cancellation:
// (e^2 + 2e) / (e^2 + 2e + 2) for x <= 0 and (1 + 2e) / (1 + 2e + 2e^2) for x > 0.
struct Mish {
  static constexpr const char *name = "mish", *gradName = "mishGrad";
  static constexpr double valueFlops = 46, gradFlops = 62;
  template <class V>
  struct Quotient {
    V e, reciprocal, value;  // of the denominator; the tanh
  };
  template <class V>
  RECEPTIVE_FN static Quotient<V> quotient(V x) {
    using T = typename V::Element;
    const V e = exp(-abs(x));
    const auto positive = x > T(0);
    const V numerator = select(positive, e * T(2) + T(1), e * (e + T(2)));
    const V reciprocal = V(T(1)) / (numerator + select(positive, e * e * T(2), T(2)));
    return {e, reciprocal, numerator * reciprocal};
  }
  template <class V>
  RECEPTIVE_FN V value(V x) const {
    const V c = not_below_far(x);
    return c * quotient(c).value;
  }
  template <class V>
  RECEPTIVE_FN V grad(V g, V x) const {
    using T = typename V::Element;
    const V c = within_far(x);
    const auto q = quotient(c);
    const V slope = select(c > T(0), q.e * q.e, q.e) * (q.e * T(4) + T(4)) * (q.reciprocal * q.reciprocal);
    return g * (c * slope + q.value);
  }
};

// ln(1 + e^x), without a threshold.
struct Softplus {
  static constexpr const char *name = "softplus", *gradName = "softplusGrad";
  static constexpr double valueFlops = 50, gradFlops = 38;
  template <class V>
  RECEPTIVE_FN V value(V x) const {
    return softplus(x);
  }
  template <class V>
  RECEPTIVE_FN V grad(V g, V x) const {
    return g * sigmoid(x);
  }
};

// Saves the output.
struct Sigmoid {
  static constexpr const char *name = "sigmoid", *gradName = "sigmoidGrad";
  static constexpr double valueFlops = 37, gradFlops = 3;
  template <class V>
  RECEPTIVE_FN V value(V x) const {
    return sigmoid(x);
  }
  template <class V>
  RECEPTIVE_FN V grad(V g, V y) const {
    using T = typename V::Element;
    return g * (y * (V(T(1)) - y));
  }
};

// Saves the output.
struct Tanh {
  static constexpr const char *name = "tanh", *gradName = "tanhGrad";
  static constexpr double valueFlops = 34, gradFlops = 4;
  template <class V>
  RECEPTIVE_FN V value(V x) const {
    return tanh(x);
  }
  template <class V>
  RECEPTIVE_FN V grad(V g, V y) const {
    using T = typename V::Element;
    return g * ((V(T(1)) - y) * (y + T(1)));
  }
};

// relu6(x + 3) / 6. The derivative at -3 and 3 is 0.
struct HardSigmoid {
  static constexpr const char *name = "hardSigmoid", *gradName = "hardSigmoidGrad";
  static constexpr double valueFlops = 4, gradFlops = 5;
  template <class V>
  RECEPTIVE_FN V value(V x) const {
    using T = typename V::Element;
    return minimum_ordered(V(T(6)), maximum_ordered(V(T(0)), x + T(3))) * T(1.0 / 6);
  }
  template <class V>
  RECEPTIVE_FN V grad(V g, V x) const {
    using T = typename V::Element;
    return gate((x > T(-3)) & (x < T(3)), g * T(1.0 / 6), x);
  }
};

// x relu6(x + 3) / 6, Howard et al., MobileNetV3, 2019. The derivative is 0 at -3 and 1 at 3.
struct HardSwish {
  static constexpr const char *name = "hardSwish", *gradName = "hardSwishGrad";
  static constexpr double valueFlops = 6, gradFlops = 7;
  template <class V>
  RECEPTIVE_FN V value(V x) const {
    return not_below_far(x) * HardSigmoid{}.value(x);
  }
  template <class V>
  RECEPTIVE_FN V grad(V g, V x) const {
    using T = typename V::Element;
    const V slope = select(x >= T(3), V(T(1)), x * T(1.0 / 3) + T(0.5));
    return select(x <= T(-3), V(T(0)), g * slope);
  }
};

template <class A>
struct ActivationValue : A {
  static constexpr unsigned types = kFloats;
  static constexpr double flops = A::valueFlops;
  template <class V>
  RECEPTIVE_FN V operator()(V x) const {
    return A::value(x);
  }
};

template <class A>
struct ActivationGrad : A {
  static constexpr const char* name = A::gradName;
  static constexpr unsigned types = kFloats;
  static constexpr double flops = A::gradFlops;
  template <class V>
  RECEPTIVE_FN V operator()(V g, V saved) const {
    return A::grad(g, saved);
  }
};

template <class X, class... A>
using Activations = Family<X, Map<X, ActivationValue<A>>..., Zip<X, ActivationGrad<A>>...>;

template <class X>
using ActivationFamily = Activations<X, Relu, Relu6, LeakyRelu, Elu, Selu, Gelu, GeluTanh, Silu, Mish, Softplus,
                                     Sigmoid, HardSigmoid, HardSwish, Tanh>;

}  // namespace receptive::RECEPTIVE_TARGET
