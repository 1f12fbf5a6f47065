// exp and what is made of it. Range reduction x = k ln 2 + r, |r| <= ln 2 / 2, with ln 2 in two parts (Cody & Waite);
// e^r - 1 = r + r^2 Q(r), Q minimax for the error relative to e^r - 1 (float 2^-30, double 2^-59.5).
#pragma once

#include "math_format.h"

namespace receptive::RECEPTIVE_TARGET {

// e^r - 1 for |r| <= ln 2 / 2.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> expm1_reduced(Pack<T, N> r) {
  Pack<T, N> q;
  if constexpr (sizeof(T) == 4) {
    q = horner(r, 0.5f, 0.166666657f, 0.0416664071f, 0.00833345111f, 0.00139417429f, 0.000198555659f);
  } else {
    q = horner(r, 0.5, 0.1666666666666668, 0.041666666666666706, 0.0083333333333197347, 0.0013888888888850535,
               0.00019841269890988065, 2.4801587417617056e-05, 2.7557239233601565e-06, 2.7557174285749337e-07,
               2.5110800339313611e-08, 2.0951279344441685e-09);
  }
  return r * r * q + r;
}

// x - k ln 2, k the integer nearest to x / ln 2.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> without_ln2(Pack<T, N> x, Pack<T, N> k) {
  return (x - k * FloatFormat<T>::kLn2High) - k * FloatFormat<T>::kLn2Low;
}

template <class T, int N>
RECEPTIVE_FN Pack<T, N> exp(Pack<T, N> x) {
  using F = FloatFormat<T>;
  // The operand order keeps a NaN.
  x = maximum_ordered(Pack<T, N>(F::kExpMin), minimum_ordered(Pack<T, N>(F::kExpMax), x));
  const Pack<T, N> k = nearest_integer(x * F::kLog2e);
  return scale_by_power(expm1_reduced(without_ln2(x, k)) + T(1), k);
}

// e^(high + low), with an error near that of exp(high) alone.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> exp(Sum<T, N> x) {
  using F = FloatFormat<T>;
  const auto outside = (x.high > Pack<T, N>(F::kExpMax)) | (x.high < Pack<T, N>(F::kExpMin));
  const Pack<T, N> high = maximum_ordered(Pack<T, N>(F::kExpMin), minimum_ordered(Pack<T, N>(F::kExpMax), x.high));
  const Pack<T, N> low = select(outside, Pack<T, N>(T(0)), x.low);
  const Pack<T, N> k = nearest_integer((high + low) * F::kLog2e);
  return scale_by_power(expm1_reduced(without_ln2(high, k) + low) + T(1), k);
}

// e^x - 1 for x <= 0, accurate near 0; of -0 it is +0. Above 0 the result has no meaning.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> expm1_nonpositive(Pack<T, N> x) {
  using F = FloatFormat<T>;
  x = maximum_ordered(Pack<T, N>(F::kExpm1Min), x);
  const Pack<T, N> k = nearest_integer(x * F::kLog2e);
  const Pack<T, N> s = power_of_two(k);
  return expm1_reduced(without_ln2(x, k)) * s + (s - T(1));
}

// tanh |x| = -d / (2 + d), d = e^(-2 |x|) - 1.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> tanh(Pack<T, N> x) {
  const Pack<T, N> d = expm1_nonpositive(abs(x) * T(-2));
  return copy_sign(d / (d + T(2)), x);
}

// 1 / (1 + e^-x) from e^-|x|, which cannot overflow and keeps the relative accuracy of the left tail.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> sigmoid(Pack<T, N> x) {
  const Pack<T, N> e = exp(-abs(x));
  return select(x < T(0), e, T(1)) / (e + T(1));
}

}  // namespace receptive::RECEPTIVE_TARGET
