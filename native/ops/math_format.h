// What the mathematical functions share: the layout of the two floating-point formats, Horner's scheme, powers of two,
// and numbers split in halves.
//
// An exact product survives the compiler's choice to contract a * b + c or not. So where a function carries more bits
// than its type has, it multiplies halves (high_half), whose products are exact, and leaves rounded products to the
// low-order part.
#pragma once

#include <cstdint>

#include "executor.h"

namespace receptive::RECEPTIVE_TARGET {

template <class T>
struct FloatFormat;

template <>
struct FloatFormat<float> {
  using Bits = std::uint32_t;
  static constexpr int kMantissa = 23;  // stored bits
  static constexpr int kBias = 127;     // of the exponent
  static constexpr Bits kSign = 0x80000000u;
  static constexpr Bits kOne = 0x3f800000u;
  static constexpr Bits kSqrtHalf = 0x3f3504f3u;  // the bits of sqrt(1/2)
  static constexpr Bits kHighHalf = 0xfffff000u;  // 12 significant bits
  static constexpr float kIntegers = 0x1p23f;     // from here on every number is an integer
  static constexpr float kShift = 0x1.8p23f;      // x + kShift - kShift rounds x to an integer
  static constexpr float kInfinity = __builtin_inff();
  static constexpr float kNan = __builtin_nanf("");
  static constexpr float kMinNormal = 0x1p-126f;
  static constexpr float kLog2e = 0x1.715476p+0f;
  static constexpr float kLn2High = 0x1.62e4p-1f;    // 16 bits: its product with an exponent is exact
  static constexpr float kLn2Low = 0x1.7f7d1cp-20f;  // ln 2 - kLn2High
  static constexpr float kExpMax = 90.0f;            // exp overflows from here on,
  static constexpr float kExpMin = -106.0f;          // and is less than half the least denormal from here down
  static constexpr float kExpm1Min = -20.0f;         // expm1 is -1 from here down
};

template <>
struct FloatFormat<double> {
  using Bits = std::uint64_t;
  static constexpr int kMantissa = 52;
  static constexpr int kBias = 1023;
  static constexpr Bits kSign = 0x8000000000000000u;
  static constexpr Bits kOne = 0x3ff0000000000000u;
  static constexpr Bits kSqrtHalf = 0x3fe6a09e667f3bcdu;
  static constexpr Bits kHighHalf = 0xfffffffff8000000u;  // 26 significant bits
  static constexpr double kIntegers = 0x1p52;
  static constexpr double kShift = 0x1.8p52;
  static constexpr double kInfinity = __builtin_inf();
  static constexpr double kNan = __builtin_nan("");
  static constexpr double kMinNormal = 0x1p-1022;
  static constexpr double kLog2e = 0x1.71547652b82fep+0;
  static constexpr double kLn2High = 0x1.62e42fefa38p-1;  // 42 bits
  static constexpr double kLn2Low = 0x1.ef35793c7673p-45;
  static constexpr double kExpMax = 711.0;
  static constexpr double kExpMin = -748.0;
  static constexpr double kExpm1Min = -40.0;
};

// c0 + x c1 + x^2 c2 + …
template <class T, int N>
RECEPTIVE_FN Pack<T, N> horner(Pack<T, N>, T c0) {
  return Pack<T, N>(c0);
}
template <class T, int N, class... Rest>
RECEPTIVE_FN Pack<T, N> horner(Pack<T, N> x, T c0, Rest... rest) {
  return horner(x, rest...) * x + Pack<T, N>(c0);
}

// The nearest integer, ties to even, for |x| < kIntegers / 2.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> nearest_integer(Pack<T, N> x) {
  return (x + FloatFormat<T>::kShift) - FloatFormat<T>::kShift;
}

// 2^k for an integer -bias < k <= bias. k + kShift has k in its low bits, so nothing is converted.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> power_of_two(Pack<T, N> k) {
  using F = FloatFormat<T>;
  return bit_cast<T>(bit_cast<typename F::Bits>(k + (F::kShift + F::kBias)) << F::kMantissa);
}

// p 2^k, rounded once where the result is denormal: for -2 bias < k <= 2 bias and p near 1.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> scale_by_power(Pack<T, N> p, Pack<T, N> k) {
  if constexpr (kScales<T, N>) {
    return scaled(p, k);
  } else {
    const Pack<T, N> half = nearest_integer(k * T(0.5));
    return p * power_of_two(half) * power_of_two(k - half);
  }
}

// x with the lower half of its significant bits cleared: products of two such numbers are exact.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> high_half(Pack<T, N> x) {
  using Bits = typename FloatFormat<T>::Bits;
  return bit_cast<T>(bit_cast<Bits>(x) & FloatFormat<T>::kHighHalf);
}

// An unevaluated sum, |low| <= 2^-10 |high|.
template <class T, int N>
struct Sum {
  Pack<T, N> high;
  Pack<T, N> low;
};

template <class T, int N>
RECEPTIVE_FN Pack<T, N> copy_sign(Pack<T, N> magnitude, Pack<T, N> sign) {
  using Bits = typename FloatFormat<T>::Bits;
  const Bits mask = FloatFormat<T>::kSign;
  return bit_cast<T>((bit_cast<Bits>(magnitude) & Bits(~mask)) | (bit_cast<Bits>(sign) & mask));
}

// The two halves of sqrt(1/2) <= m < sqrt(2), x = m 2^exponent, for x > 0 and finite; denormals too.
template <class T, int N>
struct Decomposed {
  Pack<T, N> m;
  Pack<T, N> exponent;
};

template <class T, int N>
RECEPTIVE_FN Decomposed<T, N> decompose(Pack<T, N> x) {
  using F = FloatFormat<T>;
  using Bits = typename F::Bits;
  const auto denormal = x < Pack<T, N>(F::kMinNormal);
  const Pack<T, N> normal = select(denormal, x * F::kIntegers, x);
  // The exponent field of these bits steps at sqrt(1/2) where that of x steps at 1.
  const Pack<Bits, N> bits = bit_cast<Bits>(normal) + Bits(F::kOne - F::kSqrtHalf);
  // An integer in the low bits of 2^kMantissa is that integer added to it.
  const Pack<T, N> biased = bit_cast<T>((bits >> F::kMantissa) | Bits(Bits(F::kBias + F::kMantissa) << F::kMantissa));
  const Pack<T, N> offset =
      select(denormal, Pack<T, N>(F::kIntegers + F::kBias + F::kMantissa), F::kIntegers + F::kBias);
  const Bits fraction = (Bits(1) << F::kMantissa) - 1;
  return {bit_cast<T>((bits & fraction) + F::kSqrtHalf), biased - offset};
}

}  // namespace receptive::RECEPTIVE_TARGET
