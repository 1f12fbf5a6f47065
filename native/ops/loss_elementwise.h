// Losses of a prediction y and a target t, element by element; reduction is the caller's.
//   squaredError                  factor (y - t)^2
//   binaryCrossEntropy            -(t max(ln y, -100) + (1 - t) max(ln(1 - y), -100)), the clamp as in PyTorch
//     gradient                    (y - t) / max(y (1 - y), 1e-12), as in PyTorch
//   binaryCrossEntropyWithLogits  max(y, 0) - y t + ln(1 + e^-|y|);  gradient sigmoid(y) - t
//   hingeLoss                     max(0, 1 - t y), t is -1 or 1;  gradient -t where 1 - t y > 0, and 0 at the kink
// Gradients are multiplied by `scale` and by g, which has one element or as many as y. NaN in gives NaN out.
#pragma once

#include "executor.h"
#include "math.h"

namespace receptive::RECEPTIVE_TARGET {

struct LossFactor {
  double factor;
};
struct LossScale {
  double scale;
};
struct LossScaleFactor {
  double scale;
  double factor;
};

template <class T>
struct SquaredError {
  T factor;

  template <int N>
  RECEPTIVE_FN Pack<T, N> value(Pack<T, N> y, Pack<T, N> t) const {
    return (y - t) * (y - t) * factor;
  }
  template <int N>
  RECEPTIVE_FN Pack<T, N> slope(Pack<T, N> y, Pack<T, N> t) const {
    return (y - t) * (T(2) * factor);
  }
};

// ln(1 - y) for y in [0, 1]; the rounding error of 1 - y, which only y < 1/2 has, is corrected to first order.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> log_complement(Pack<T, N> y) {
  const Pack<T, N> u = Pack<T, N>(T(1)) - y;
  const Pack<T, N> correction = ((Pack<T, N>(T(1)) - u) - y) / u;
  return log(u) + select(y < Pack<T, N>(T(0.5)), correction, Pack<T, N>(T(0)));
}

template <class T>
struct BinaryCrossEntropy {
  template <int N>
  RECEPTIVE_FN static Pack<T, N> at_least(T low, Pack<T, N> a) {  // NaN stays
    return select(a < Pack<T, N>(low), Pack<T, N>(low), a);
  }
  template <int N>
  RECEPTIVE_FN Pack<T, N> value(Pack<T, N> y, Pack<T, N> t) const {
    return (t - T(1)) * at_least(T(-100), log_complement(y)) - t * at_least(T(-100), log(y));
  }
  template <int N>
  RECEPTIVE_FN Pack<T, N> slope(Pack<T, N> y, Pack<T, N> t) const {
    return (y - t) / at_least(T(1e-12), (Pack<T, N>(T(1)) - y) * y);
  }
};

template <class T>
struct BinaryCrossEntropyWithLogits {
  template <int N>
  RECEPTIVE_FN Pack<T, N> value(Pack<T, N> y, Pack<T, N> t) const {
    return softplus(y) - y * t;
  }
  template <int N>
  RECEPTIVE_FN Pack<T, N> slope(Pack<T, N> y, Pack<T, N> t) const {
    return sigmoid(y) - t;
  }
};

template <class T>
struct HingeLoss {
  template <int N>
  RECEPTIVE_FN Pack<T, N> value(Pack<T, N> y, Pack<T, N> t) const {
    const Pack<T, N> margin = Pack<T, N>(T(1)) - t * y;
    return select(margin <= Pack<T, N>(T(0)), Pack<T, N>(T(0)), margin);
  }
  template <int N>
  RECEPTIVE_FN Pack<T, N> slope(Pack<T, N> y, Pack<T, N> t) const {
    const Pack<T, N> margin = Pack<T, N>(T(1)) - t * y;
    const Pack<T, N> slope = select(margin <= Pack<T, N>(T(0)), Pack<T, N>(T(0)), -t);
    return select(is_nan(margin), margin, slope);
  }
};

template <class T, class Loss>
struct LossBody {
  using Element = T;
  static constexpr bool kOverlap = true;
  const T* y;
  const T* t;
  T* out;
  Loss loss;

  RECEPTIVE_FN char row(std::int64_t) const { return 0; }
  template <class P>
  RECEPTIVE_FN void tile(char, std::int64_t at, P p) const {
    p.store(out + at, loss.value(p.load(y + at), p.load(t + at)));
  }
};

template <class T, class Loss>
struct LossGradBody {
  using Element = T;
  static constexpr bool kOverlap = true;
  const T* g;
  bool each;  // g has an element for each of y, not one for all
  T scale;
  const T* y;
  const T* t;
  T* out;
  Loss loss;

  RECEPTIVE_FN T row(std::int64_t) const { return each ? T{} : g[0]; }
  template <class P>
  RECEPTIVE_FN void tile(T one, std::int64_t at, P p) const {
    const auto upstream = each ? p.load(g + at) : Pack<T, P::count>(one);
    p.store(out + at, upstream * scale * loss.slope(p.load(y + at), p.load(t + at)));
  }
};

template <template <class> class Loss, class T, class Attrs>
RECEPTIVE_FN Loss<T> make_loss([[maybe_unused]] const Attrs& a) {
  if constexpr (requires { a.factor; }) {
    return {static_cast<T>(a.factor)};
  } else {
    return {};
  }
}

template <class X, template <class> class Loss>
struct LossOp {
  static constexpr int minInputs = 2, maxInputs = 2, outputs = 1;

  static const char* check(const OpCall& call) {
    const View& out = call.outputs[0];
    if (!is_float(out.dtype)) return "only float32 and float64";
    for (int i = 0; i < 2; ++i) {
      if (call.inputs[i].dtype != out.dtype) return "dtypes differ";
      if (call.inputs[i].size != out.size) return "sizes differ";
    }
    return nullptr;
  }
  static Cost cost(const OpCall& call) {
    const auto size = static_cast<double>(call.outputs[0].size);
    return {20 * size, 3 * size * static_cast<double>(element_bytes(call.outputs[0].dtype))};
  }

 protected:
  template <class Attrs>
  static void run_with(X& executor, const OpCall& call, const Attrs& a) {
    const View& out = call.outputs[0];
    dispatch_float(out.dtype, [&](auto tag) {
      using T = decltype(tag);
      executor.rows(
          1, out.size,
          LossBody<T, Loss<T>>{static_cast<const T*>(call.inputs[0].data), static_cast<const T*>(call.inputs[1].data),
                               static_cast<T*>(out.data), make_loss<Loss, T>(a)});
    });
  }
};

template <class X, template <class> class Loss>
struct LossGradOp {
  static constexpr int minInputs = 3, maxInputs = 3, outputs = 1;

  static const char* check(const OpCall& call) {
    const View& out = call.outputs[0];
    if (!is_float(out.dtype)) return "only float32 and float64";
    for (int i = 0; i < 3; ++i) {
      if (call.inputs[i].dtype != out.dtype) return "dtypes differ";
      if (call.inputs[i].size != out.size && (i > 0 || call.inputs[i].size != 1)) return "sizes differ";
    }
    return nullptr;
  }
  static Cost cost(const OpCall& call) {
    const auto size = static_cast<double>(call.outputs[0].size);
    return {20 * size, 4 * size * static_cast<double>(element_bytes(call.outputs[0].dtype))};
  }

 protected:
  template <class Attrs>
  static void run_with(X& executor, const OpCall& call, const Attrs& a) {
    const View& out = call.outputs[0];
    const View& g = call.inputs[0];
    dispatch_float(out.dtype, [&](auto tag) {
      using T = decltype(tag);
      executor.rows(1, out.size,
                    LossGradBody<T, Loss<T>>{static_cast<const T*>(g.data), g.size == out.size, static_cast<T>(a.scale),
                                             static_cast<const T*>(call.inputs[1].data),
                                             static_cast<const T*>(call.inputs[2].data), static_cast<T*>(out.data),
                                             make_loss<Loss, T>(a)});
    });
  }
};

template <class X>
struct SquaredErrorOp : LossOp<X, SquaredError> {
  using Attrs = LossFactor;
  static constexpr const char* name = "squaredError";
  static constexpr Field fields[] = {RECEPTIVE_REAL(LossFactor, factor)};
  static void run(X& executor, const OpCall& call) {
    LossOp<X, SquaredError>::run_with(executor, call, attrs_of<LossFactor>(call));
  }
};

template <class X>
struct SquaredErrorGradOp : LossGradOp<X, SquaredError> {
  using Attrs = LossScaleFactor;
  static constexpr const char* name = "squaredErrorGrad";
  static constexpr Field fields[] = {RECEPTIVE_REAL(LossScaleFactor, scale), RECEPTIVE_REAL(LossScaleFactor, factor)};
  static void run(X& executor, const OpCall& call) {
    LossGradOp<X, SquaredError>::run_with(executor, call, attrs_of<LossScaleFactor>(call));
  }
};

// A loss without attributes and its gradient.
#define RECEPTIVE_LOSS(Loss, opName)                                                                           \
  template <class X>                                                                                           \
  struct Loss##Op : LossOp<X, Loss> {                                                                          \
    using Attrs = NoAttrs;                                                                                     \
    static constexpr const char* name = opName;                                                                \
    static void run(X& executor, const OpCall& call) { LossOp<X, Loss>::run_with(executor, call, NoAttrs{}); } \
  };                                                                                                           \
  template <class X>                                                                                           \
  struct Loss##GradOp : LossGradOp<X, Loss> {                                                                  \
    using Attrs = LossScale;                                                                                   \
    static constexpr const char* name = opName "Grad";                                                         \
    static constexpr Field fields[] = {RECEPTIVE_REAL(LossScale, scale)};                                      \
    static void run(X& executor, const OpCall& call) {                                                         \
      LossGradOp<X, Loss>::run_with(executor, call, attrs_of<LossScale>(call));                                \
    }                                                                                                          \
  };
RECEPTIVE_LOSS(BinaryCrossEntropy, "binaryCrossEntropy")
RECEPTIVE_LOSS(BinaryCrossEntropyWithLogits, "binaryCrossEntropyWithLogits")
RECEPTIVE_LOSS(HingeLoss, "hingeLoss")
#undef RECEPTIVE_LOSS

}  // namespace receptive::RECEPTIVE_TARGET
