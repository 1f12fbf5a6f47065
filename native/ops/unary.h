// Unary arithmetic, a row per op, and its gradients.
//
// Every row gives NaN for NaN. Integers wrap: neg and abs of the least int32 are itself. Zeros keep their sign in neg,
// sign, floor, ceil, round and sqrt. log(0) = -inf, log and sqrt of a negative number are NaN; reciprocal and rsqrt of
// +-0 are +-inf. round ties to even. clamp is minimum(maximum(x, low), high): `high` where low > high, NaN where a
// bound is NaN; integers take the bounds truncated and saturated.
//
// Gradients: abs' is 0 at 0, clamp passes at its bounds; where the saved number is NaN the gradient is. The others are
// the formula in IEEE arithmetic: sqrt'(0) and log'(0) are infinite.
#pragma once

#include "math.h"
#include "number.h"
#include "pointwise.h"

namespace receptive::RECEPTIVE_TARGET {

#define RECEPTIVE_UNARY(Name, text, set, cost, formula) \
  struct Name {                                         \
    static constexpr const char* name = text;           \
    static constexpr unsigned types = set;              \
    static constexpr double flops = cost;               \
    template <class V>                                  \
    RECEPTIVE_FN V operator()(V x) const {              \
      using T [[maybe_unused]] = typename V::Element;   \
      return formula;                                   \
    }                                                   \
  };
#define RECEPTIVE_UNARY_GRADIENT(Name, text, cost, formula) \
  struct Name {                                             \
    static constexpr const char* name = text;               \
    static constexpr unsigned types = kFloats;              \
    static constexpr double flops = cost;                   \
    template <class V>                                      \
    RECEPTIVE_FN V operator()(V g, V saved) const {         \
      using T [[maybe_unused]] = typename V::Element;       \
      return formula;                                       \
    }                                                       \
  };

RECEPTIVE_UNARY(Neg, "neg", kSigned, 1, negate(x))
RECEPTIVE_UNARY(Abs, "abs", kNumbers, 1, magnitude(x))
RECEPTIVE_UNARY(Sign, "sign", kNumbers, 4, select(x > T(0), T(1), select(x < T(0), V(T(-1)), x)))
RECEPTIVE_UNARY(Square, "square", kNumbers, 1, multiply(x, x))
RECEPTIVE_UNARY(Exp, "exp", kFloats, 26, exp(x))
RECEPTIVE_UNARY(Log, "log", kFloats, 40, log(x))
RECEPTIVE_UNARY(Sqrt, "sqrt", kFloats, 8, sqrt(x))
RECEPTIVE_UNARY(Rsqrt, "rsqrt", kFloats, 16, V(T(1)) / sqrt(x))
RECEPTIVE_UNARY(Reciprocal, "reciprocal", kFloats, 8, V(T(1)) / x)
RECEPTIVE_UNARY(Floor, "floor", kFloats, 9, floor(x))
RECEPTIVE_UNARY(Ceil, "ceil", kFloats, 9, ceil(x))
RECEPTIVE_UNARY(Round, "round", kFloats, 6, round(x))
RECEPTIVE_UNARY(LogicalNot, "logicalNot", kBoolean, 1, to_bool(x == T(0)))

RECEPTIVE_UNARY_GRADIENT(AbsGrad, "absGrad", 6, select(saved > T(0), g, gate(saved < T(0), -g, saved)))
RECEPTIVE_UNARY_GRADIENT(SquareGrad, "squareGrad", 2, (g * saved * T(2)))
RECEPTIVE_UNARY_GRADIENT(LogGrad, "logGrad", 8, g / saved)
RECEPTIVE_UNARY_GRADIENT(ExpGrad, "expGrad", 1, (g * saved))
RECEPTIVE_UNARY_GRADIENT(SqrtGrad, "sqrtGrad", 9, (g * T(0.5) / saved))
RECEPTIVE_UNARY_GRADIENT(RsqrtGrad, "rsqrtGrad", 4, (g * T(-0.5) * saved * saved * saved))
RECEPTIVE_UNARY_GRADIENT(ReciprocalGrad, "reciprocalGrad", 3, (-g * saved * saved))

#undef RECEPTIVE_UNARY
#undef RECEPTIVE_UNARY_GRADIENT

struct ClampAttrs {
  double low;
  double high;
};

struct ClampBase {
  using Attrs = ClampAttrs;
  static constexpr Field fields[] = {RECEPTIVE_REAL(ClampAttrs, low), RECEPTIVE_REAL(ClampAttrs, high)};
  Attrs attrs;
};

struct Clamp : ClampBase {
  static constexpr const char* name = "clamp";
  static constexpr unsigned types = kNumbers;
  static constexpr double flops = 6;
  template <class V>
  RECEPTIVE_FN V operator()(V x) const {
    using T = typename V::Element;
    return minimum(maximum(x, V(element<T>(attrs.low))), V(element<T>(attrs.high)));
  }
};

struct ClampGrad : ClampBase {
  static constexpr const char* name = "clampGrad";
  static constexpr unsigned types = kFloats;
  static constexpr double flops = 6;
  template <class V>
  RECEPTIVE_FN V operator()(V g, V x) const {
    using T = typename V::Element;
    return gate((x >= element<T>(attrs.low)) & (x <= element<T>(attrs.high)), g, x);
  }
};

template <class X>
using UnaryFamily =
    Family<X, Map<X, Neg>, Map<X, Abs>, Map<X, Sign>, Map<X, Square>, Map<X, Exp>, Map<X, Log>, Map<X, Sqrt>,
           Map<X, Rsqrt>, Map<X, Reciprocal>, Map<X, Floor>, Map<X, Ceil>, Map<X, Round>, Map<X, LogicalNot>,
           Map<X, Clamp>, Zip<X, AbsGrad>, Zip<X, SquareGrad>, Zip<X, LogGrad>, Zip<X, ExpGrad>, Zip<X, SqrtGrad>,
           Zip<X, RsqrtGrad>, Zip<X, ReciprocalGrad>, Zip<X, ClampGrad>>;

}  // namespace receptive::RECEPTIVE_TARGET
