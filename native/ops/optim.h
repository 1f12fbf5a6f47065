// Parameter updates in place, in one pass, as PyTorch's SGD defines them: d = g + weightDecay w, then
//   sgdStep           w <- w - learningRate d
//   sgdMomentumStep   v <- momentum v + d;  w <- w - learningRate (nesterov ? d + momentum v : v)
#pragma once

#include "executor.h"
#include "extent.h"

namespace receptive::RECEPTIVE_TARGET {

struct SgdAttrs {
  double learningRate;
  double weightDecay;
};

struct SgdMomentumAttrs {
  double learningRate;
  double momentum;
  double weightDecay;
  bool nesterov;
};

template <class T>
struct SgdBody {
  using Element = T;
  static constexpr bool kOverlap = false;
  const T* gradient;
  T* parameter;
  T learningRate;
  T weightDecay;

  RECEPTIVE_FN char row(std::int64_t) const { return 0; }
  template <class P>
  RECEPTIVE_FN void tile(char, std::int64_t at, P p) const {
    auto d = p.load(gradient + at);
    const auto w = p.load(parameter + at);
    if (weightDecay != T(0)) d += w * weightDecay;  // 0 times an infinite weight is no decay
    p.store(parameter + at, w - d * learningRate);
  }
};

template <class T>
struct SgdMomentumBody {
  using Element = T;
  static constexpr bool kOverlap = false;
  const T* gradient;
  T* parameter;
  T* velocity;
  T learningRate;
  T momentum;
  T weightDecay;
  bool nesterov;

  RECEPTIVE_FN char row(std::int64_t) const { return 0; }
  template <class P>
  RECEPTIVE_FN void tile(char, std::int64_t at, P p) const {
    auto d = p.load(gradient + at);
    const auto w = p.load(parameter + at);
    if (weightDecay != T(0)) d += w * weightDecay;
    const auto v = p.load(velocity + at) * momentum + d;
    p.store(velocity + at, v);
    p.store(parameter + at, w - (nesterov ? d + v * momentum : v) * learningRate);
  }
};

// Outputs are written in place; a tensor is either the gradient itself or shares no memory with it.
RECEPTIVE_FN const char* check_in_place(const OpCall& call) {
  const View& gradient = call.inputs[0];
  const std::int64_t bytes = gradient.size * element_bytes(gradient.dtype);
  if (!is_float(gradient.dtype)) return "only float32 and float64";
  for (int i = 0; i < call.outputCount; ++i) {
    const View& out = call.outputs[i];
    if (out.dtype != gradient.dtype) return "dtypes differ";
    if (out.size != gradient.size) return "sizes differ";
    const bool itself = i == 0 && out.data == gradient.data;
    if (!itself && bytes_overlap(out.data, bytes, gradient.data, bytes)) return "the gradient overlaps what is updated";
    if (i > 0 && bytes_overlap(out.data, bytes, call.outputs[0].data, bytes)) return "the outputs overlap";
  }
  return nullptr;
}

template <class X>
struct SgdStep {
  using Attrs = SgdAttrs;
  static constexpr const char* name = "sgdStep";
  static constexpr Field fields[] = {RECEPTIVE_REAL(SgdAttrs, learningRate), RECEPTIVE_REAL(SgdAttrs, weightDecay)};
  static constexpr int minInputs = 1, maxInputs = 1, outputs = 1;

  static const char* check(const OpCall& call) { return check_in_place(call); }
  static Cost cost(const OpCall& call) {
    const auto size = static_cast<double>(call.outputs[0].size);
    return {4 * size, 3 * size * static_cast<double>(element_bytes(call.outputs[0].dtype))};
  }
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<SgdAttrs>(call);
    const View& parameter = call.outputs[0];
    dispatch_float(parameter.dtype, [&](auto tag) {
      using T = decltype(tag);
      executor.rows(1, parameter.size,
                    SgdBody<T>{static_cast<const T*>(call.inputs[0].data), static_cast<T*>(parameter.data),
                               static_cast<T>(a.learningRate), static_cast<T>(a.weightDecay)});
    });
  }
};

template <class X>
struct SgdMomentumStep {
  using Attrs = SgdMomentumAttrs;
  static constexpr const char* name = "sgdMomentumStep";
  static constexpr Field fields[] = {
      RECEPTIVE_REAL(SgdMomentumAttrs, learningRate), RECEPTIVE_REAL(SgdMomentumAttrs, momentum),
      RECEPTIVE_REAL(SgdMomentumAttrs, weightDecay), RECEPTIVE_FLAG(SgdMomentumAttrs, nesterov)};
  static constexpr int minInputs = 1, maxInputs = 1, outputs = 2;

  static const char* check(const OpCall& call) { return check_in_place(call); }
  static Cost cost(const OpCall& call) {
    const auto size = static_cast<double>(call.outputs[0].size);
    return {8 * size, 5 * size * static_cast<double>(element_bytes(call.outputs[0].dtype))};
  }
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<SgdMomentumAttrs>(call);
    const View& parameter = call.outputs[0];
    dispatch_float(parameter.dtype, [&](auto tag) {
      using T = decltype(tag);
      executor.rows(1, parameter.size,
                    SgdMomentumBody<T>{static_cast<const T*>(call.inputs[0].data), static_cast<T*>(parameter.data),
                                       static_cast<T*>(call.outputs[1].data), static_cast<T>(a.learningRate),
                                       static_cast<T>(a.momentum), static_cast<T>(a.weightDecay), a.nesterov});
    });
  }
};

template <class X>
using OptimFamily = Family<X, SgdStep<X>, SgdMomentumStep<X>>;

}  // namespace receptive::RECEPTIVE_TARGET
