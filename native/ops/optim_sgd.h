// Stochastic gradient descent as PyTorch's SGD defines it: d = g + weightDecay w, then
//   sgdStep           w <- w - learningRate d
//   sgdMomentumStep   v <- momentum v + (1 - dampening) d;  w <- w - learningRate (nesterov ? d + momentum v : v)
#pragma once

#include "optim_step.h"

namespace receptive::RECEPTIVE_TARGET {

struct SgdAttrs {
  double learningRate;
  double weightDecay;
};

struct SgdMomentumAttrs {
  double learningRate;
  double momentum;
  double dampening;
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
  T undamped;  // 1 - dampening
  T weightDecay;
  bool nesterov;

  RECEPTIVE_FN char row(std::int64_t) const { return 0; }
  template <class P>
  RECEPTIVE_FN void tile(char, std::int64_t at, P p) const {
    auto d = p.load(gradient + at);
    const auto w = p.load(parameter + at);
    if (weightDecay != T(0)) d += w * weightDecay;
    const auto v = p.load(velocity + at) * momentum + d * undamped;
    p.store(velocity + at, v);
    p.store(parameter + at, w - (nesterov ? d + v * momentum : v) * learningRate);
  }
};

struct SgdStep {
  using Attrs = SgdAttrs;
  static constexpr const char* name = "sgdStep";
  static constexpr Field fields[] = {RECEPTIVE_REAL(SgdAttrs, learningRate), RECEPTIVE_REAL(SgdAttrs, weightDecay)};
  static constexpr int outputs = 1;
  static constexpr double flops = 4;

  template <class T>
  static SgdBody<T> body(const OpCall& call, const Attrs& a) {
    return {gradient_of<T>(call), output_of<T>(call, 0), static_cast<T>(a.learningRate), static_cast<T>(a.weightDecay)};
  }
};

struct SgdMomentumStep {
  using Attrs = SgdMomentumAttrs;
  static constexpr const char* name = "sgdMomentumStep";
  static constexpr Field fields[] = {
      RECEPTIVE_REAL(SgdMomentumAttrs, learningRate), RECEPTIVE_REAL(SgdMomentumAttrs, momentum),
      RECEPTIVE_REAL(SgdMomentumAttrs, dampening), RECEPTIVE_REAL(SgdMomentumAttrs, weightDecay),
      RECEPTIVE_FLAG(SgdMomentumAttrs, nesterov)};
  static constexpr int outputs = 2;
  static constexpr double flops = 9;

  template <class T>
  static SgdMomentumBody<T> body(const OpCall& call, const Attrs& a) {
    return {gradient_of<T>(call),          output_of<T>(call, 0),
            output_of<T>(call, 1),         static_cast<T>(a.learningRate),
            static_cast<T>(a.momentum),    static_cast<T>(1 - a.dampening),
            static_cast<T>(a.weightDecay), a.nesterov};
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
