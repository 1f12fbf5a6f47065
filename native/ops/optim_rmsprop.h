// RMSprop (Tieleman and Hinton 2012), centred as in Graves 2013, the operations in PyTorch's order: d = g + weightDecay
// w,
//   s <- alpha s + ((1 - alpha) d) d
//   centred: a <- lerp(a, d, 1 - alpha);  q = sqrt(s - a a) + epsilon, else q = sqrt(s) + epsilon
//   momentum: b <- momentum b + d / q;  w <- w - learningRate b, else w <- w - (learningRate d) / q
// s - a a is a variance, but rounding can bring it below 0, where it counts as 0 (PyTorch's step gives NaN there).
#pragma once

#include "optim_step.h"

namespace receptive::RECEPTIVE_TARGET {

struct RmspropAttrs {
  double learningRate;
  double alpha;
  double epsilon;
  double weightDecay;
  double momentum;
};

template <class T, bool kCentered>
struct RmspropBody {
  using Element = T;
  static constexpr bool kOverlap = false;
  const T* gradient;
  T* parameter;
  T* square;
  T* average;  // null unless kCentered
  T* buffer;   // null without momentum
  T learningRate;
  T alpha;
  T weight;  // 1 - alpha
  T epsilon;
  T weightDecay;
  T momentum;

  RECEPTIVE_FN char row(std::int64_t) const { return 0; }
  template <class P>
  RECEPTIVE_FN void tile(char, std::int64_t at, P p) const {
    const auto w = p.load(parameter + at);
    auto d = p.load(gradient + at);
    if (weightDecay != T(0)) d += w * weightDecay;  // 0 times an infinite weight is no decay
    const auto s = p.load(square + at) * alpha + d * weight * d;
    p.store(square + at, s);
    auto spread = s;
    if constexpr (kCentered) {
      const auto a = lerp(p.load(average + at), d, weight);
      p.store(average + at, a);
      spread = s - a * a;
      spread = select(spread < T(0), T(0), spread);
    }
    const auto q = sqrt(spread) + epsilon;
    if (buffer != nullptr) {
      const auto b = p.load(buffer + at) * momentum + d / q;
      p.store(buffer + at, b);
      p.store(parameter + at, w - b * learningRate);
    } else {
      p.store(parameter + at, w - d * learningRate / q);
    }
  }
};

// Outputs: parameter, square average, then gradient average and momentum buffer where the variant has them.
template <bool kCentered, bool kMomentum>
struct RmspropStep {
  using Attrs = RmspropAttrs;
  static constexpr const char* name = kCentered ? (kMomentum ? "rmspropCenteredMomentumStep" : "rmspropCenteredStep")
                                                : (kMomentum ? "rmspropMomentumStep" : "rmspropStep");
  static constexpr Field fields[] = {RECEPTIVE_REAL(RmspropAttrs, learningRate), RECEPTIVE_REAL(RmspropAttrs, alpha),
                                     RECEPTIVE_REAL(RmspropAttrs, epsilon), RECEPTIVE_REAL(RmspropAttrs, weightDecay),
                                     RECEPTIVE_REAL(RmspropAttrs, momentum)};
  static constexpr int outputs = 2 + (kCentered ? 1 : 0) + (kMomentum ? 1 : 0);
  static constexpr double flops = 30;

  template <class T>
  static RmspropBody<T, kCentered> body(const OpCall& call, const Attrs& a) {
    return {gradient_of<T>(call),
            output_of<T>(call, 0),
            output_of<T>(call, 1),
            kCentered ? output_of<T>(call, 2) : nullptr,
            kMomentum ? output_of<T>(call, outputs - 1) : nullptr,
            static_cast<T>(a.learningRate),
            static_cast<T>(a.alpha),
            static_cast<T>(1 - a.alpha),
            static_cast<T>(a.epsilon),
            static_cast<T>(a.weightDecay),
            static_cast<T>(a.momentum)};
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
