// The losses: loss_elementwise.h and loss_classes.h have the formulas and rules, this the ops over classes and the
// family.
#pragma once

#include "executor.h"
#include "extent.h"
#include "loss_classes.h"
#include "loss_elementwise.h"

namespace receptive::RECEPTIVE_TARGET {

// What the ops over classes check: x (or its gradient) is [outer, n, inner], `per_line` views have outer * inner
// elements.
template <class Attrs>
RECEPTIVE_HOST_FN const char* check_classes(const Attrs& a, const View& x) {
  if (!is_float(x.dtype)) return "only float32 and float64";
  if (!product_is(x.size, a.outer, a.n, a.inner)) return "outer * n * inner is not the size";
  if (a.n <= 0 || a.n > 0x7fffffff) return "the number of classes is not in [1, 2^31)";
  return nullptr;
}
template <class Attrs>
RECEPTIVE_HOST_FN bool per_line(const Attrs& a, const View& v) {
  return product_is(v.size, a.outer, a.inner);
}

// (x, labels | probabilities) -> [outer * inner]
template <class X, template <class> class Body, bool kLabels>
struct ClassLossOp {
  using Attrs = LineAttrs;
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(LineAttrs, outer), RECEPTIVE_INTEGER(LineAttrs, n),
                                     RECEPTIVE_INTEGER(LineAttrs, inner)};
  static constexpr int minInputs = 2, maxInputs = 2, outputs = 1;

  static const char* check(const OpCall& call) {
    const auto& a = attrs_of<LineAttrs>(call);
    const View& x = call.inputs[0];
    const View& target = call.inputs[1];
    if (const char* wrong = check_classes(a, x)) return wrong;
    if (target.dtype != (kLabels ? DType::int32 : x.dtype)) return "the target's dtype does not fit";
    if (kLabels ? !per_line(a, target) : target.size != x.size) return "the target's size does not fit";
    if (call.outputs[0].dtype != x.dtype || !per_line(a, call.outputs[0])) return "the output does not fit";
    return nullptr;
  }
  static Cost cost(const OpCall& call) {
    const auto size = static_cast<double>(call.inputs[0].size);
    return {16 * size, size * static_cast<double>(element_bytes(call.inputs[0].dtype)) * (kLabels ? 1 : 2)};
  }
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<LineAttrs>(call);
    dispatch_float(call.inputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto* const x = static_cast<const T*>(call.inputs[0].data);
      auto* const out = static_cast<T*>(call.outputs[0].data);
      if constexpr (kLabels) {
        lines(executor, a.outer, a.n, a.inner,
              Body<T>{executor.faults(), x, static_cast<const std::int32_t*>(call.inputs[1].data), out});
      } else {
        lines(executor, a.outer, a.n, a.inner, Body<T>{x, static_cast<const T*>(call.inputs[1].data), out});
      }
    });
  }
};

// What the gradients share: g is the first input, the target the last one, and the output has the shape of x.
template <class X, bool kLabels, int kInputs>
struct ClassLossGradBase {
  using Attrs = ClassLossGradAttrs;
  static constexpr Field fields[] = {
      RECEPTIVE_INTEGER(ClassLossGradAttrs, outer), RECEPTIVE_INTEGER(ClassLossGradAttrs, n),
      RECEPTIVE_INTEGER(ClassLossGradAttrs, inner), RECEPTIVE_REAL(ClassLossGradAttrs, scale)};
  static constexpr int minInputs = kInputs, maxInputs = kInputs, outputs = 1;

  static const char* check(const OpCall& call) {
    const auto& a = attrs_of<ClassLossGradAttrs>(call);
    const View& g = call.inputs[0];
    const View& target = call.inputs[kInputs - 1];
    const View& out = call.outputs[0];
    if (const char* wrong = check_classes(a, out)) return wrong;
    if (g.dtype != out.dtype || (g.size != 1 && !per_line(a, g))) return "the gradient does not fit";
    if (kInputs == 3 && (call.inputs[1].dtype != out.dtype || call.inputs[1].size != out.size))
      return "the input does not fit";
    if (target.dtype != (kLabels ? DType::int32 : out.dtype)) return "the target's dtype does not fit";
    if (kLabels ? !per_line(a, target) : target.size != out.size) return "the target's size does not fit";
    return nullptr;
  }
  static Cost cost(const OpCall& call) {
    const auto size = static_cast<double>(call.outputs[0].size);
    return {16 * size, size * static_cast<double>(element_bytes(call.outputs[0].dtype)) * kInputs};
  }

 protected:
  template <class T>
  static Upstream<T> upstream(const OpCall& call) {
    const auto& a = attrs_of<ClassLossGradAttrs>(call);
    const View& g = call.inputs[0];
    return {static_cast<const T*>(g.data), per_line(a, g), static_cast<T>(a.scale)};
  }
};

template <class X>
struct CrossEntropy : ClassLossOp<X, CrossEntropyBody, true> {
  static constexpr const char* name = "crossEntropy";
};
template <class X>
struct SoftCrossEntropy : ClassLossOp<X, SoftCrossEntropyBody, false> {
  static constexpr const char* name = "softCrossEntropy";
};
template <class X>
struct NllLoss : ClassLossOp<X, NllLossBody, true> {
  static constexpr const char* name = "nllLoss";
};

template <class X>
struct CrossEntropyGrad : ClassLossGradBase<X, true, 3> {
  static constexpr const char* name = "crossEntropyGrad";
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<ClassLossGradAttrs>(call);
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      lines(executor, a.outer, a.n, a.inner,
            CrossEntropyGradBody<T>{executor.faults(), CrossEntropyGrad::template upstream<T>(call),
                                    static_cast<const T*>(call.inputs[1].data),
                                    static_cast<const std::int32_t*>(call.inputs[2].data),
                                    static_cast<T*>(call.outputs[0].data)});
    });
  }
};

template <class X>
struct SoftCrossEntropyGrad : ClassLossGradBase<X, false, 3> {
  static constexpr const char* name = "softCrossEntropyGrad";
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<ClassLossGradAttrs>(call);
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      lines(executor, a.outer, a.n, a.inner,
            SoftCrossEntropyGradBody<T>{
                SoftCrossEntropyGrad::template upstream<T>(call), static_cast<const T*>(call.inputs[1].data),
                static_cast<const T*>(call.inputs[2].data), static_cast<T*>(call.outputs[0].data)});
    });
  }
};

template <class X>
struct NllLossGrad : ClassLossGradBase<X, true, 2> {
  static constexpr const char* name = "nllLossGrad";
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<ClassLossGradAttrs>(call);
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      lines(executor, a.outer, a.n, a.inner,
            NllLossGradBody<T>{executor.faults(), NllLossGrad::template upstream<T>(call),
                               static_cast<const std::int32_t*>(call.inputs[1].data),
                               static_cast<T*>(call.outputs[0].data)});
    });
  }
};

template <class X>
using LossFamily =
    Family<X, SquaredErrorOp<X>, BinaryCrossEntropyOp<X>, BinaryCrossEntropyWithLogitsOp<X>, HingeLossOp<X>,
           SquaredErrorGradOp<X>, BinaryCrossEntropyGradOp<X>, BinaryCrossEntropyWithLogitsGradOp<X>,
           HingeLossGradOp<X>, CrossEntropy<X>, CrossEntropyGrad<X>, SoftCrossEntropy<X>, SoftCrossEntropyGrad<X>,
           NllLoss<X>, NllLossGrad<X>>;

}  // namespace receptive::RECEPTIVE_TARGET
