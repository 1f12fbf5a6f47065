// Adam (Kingma and Ba 2015, algorithm 1) and AdamW (Loshchilov and Hutter 2019), the operations in PyTorch's order:
//   w <- shrink w;  d = g + weightDecay w
//   m <- lerp(m, d, 1 - beta1);  v <- beta2 v + ((1 - beta2) d) d
//   w <- w - (stepSize m) / (sqrt(v) / rootCorrection + epsilon)
// What depends on the step's number comes in numbers: stepSize = learningRate / (1 - beta1^step), rootCorrection =
// sqrt(1 - beta2^step). Of shrink (1 - learningRate decay, AdamW) and weightDecay (Adam) one is without effect.
#pragma once

#include "optim_step.h"

namespace receptive::RECEPTIVE_TARGET {

struct AdamAttrs {
  double beta1;
  double beta2;
  double epsilon;
  double weightDecay;
  double shrink;
  double stepSize;
  double rootCorrection;
};

template <class T>
struct AdamBody {
  using Element = T;
  static constexpr bool kOverlap = false;
  const T* gradient;
  T* parameter;
  T* first;
  T* second;
  T weight1;  // of the gradient in the first moment: 1 - beta1
  T beta2;
  T weight2;
  T epsilon;
  T weightDecay;
  T shrink;
  T stepSize;
  T rootCorrection;

  RECEPTIVE_FN char row(std::int64_t) const { return 0; }
  template <class P>
  RECEPTIVE_FN void tile(char, std::int64_t at, P p) const {
    const auto w = p.load(parameter + at) * shrink;
    auto d = p.load(gradient + at);
    if (weightDecay != T(0)) d += w * weightDecay;  // 0 times an infinite weight is no decay
    const auto m = lerp(p.load(first + at), d, weight1);
    const auto v = p.load(second + at) * beta2 + d * weight2 * d;
    p.store(first + at, m);
    p.store(second + at, v);
    p.store(parameter + at, w - m * stepSize / (sqrt(v) / rootCorrection + epsilon));
  }
};

struct AdamStep {
  using Attrs = AdamAttrs;
  static constexpr const char* name = "adamStep";
  static constexpr Field fields[] = {RECEPTIVE_REAL(AdamAttrs, beta1),         RECEPTIVE_REAL(AdamAttrs, beta2),
                                     RECEPTIVE_REAL(AdamAttrs, epsilon),       RECEPTIVE_REAL(AdamAttrs, weightDecay),
                                     RECEPTIVE_REAL(AdamAttrs, shrink),        RECEPTIVE_REAL(AdamAttrs, stepSize),
                                     RECEPTIVE_REAL(AdamAttrs, rootCorrection)};
  static constexpr int outputs = 3;
  static constexpr double flops = 40;

  template <class T>
  static AdamBody<T> body(const OpCall& call, const Attrs& a) {
    return {gradient_of<T>(call),        output_of<T>(call, 0),       output_of<T>(call, 1),
            output_of<T>(call, 2),       static_cast<T>(1 - a.beta1), static_cast<T>(a.beta2),
            static_cast<T>(1 - a.beta2), static_cast<T>(a.epsilon),   static_cast<T>(a.weightDecay),
            static_cast<T>(a.shrink),    static_cast<T>(a.stepSize),  static_cast<T>(a.rootCorrection)};
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
