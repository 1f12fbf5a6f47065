// Rounding to integers, exact, for the whole range: NaN, infinities and the sign of zero are kept.
#pragma once

#include "math_format.h"

namespace receptive::RECEPTIVE_TARGET {

// Ties to even.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> round(Pack<T, N> x) {
  constexpr T big = FloatFormat<T>::kIntegers;
  const Pack<T, N> a = abs(x);
  return copy_sign(select(a < Pack<T, N>(big), (a + big) - big, a), x);
}

template <class T, int N>
RECEPTIVE_FN Pack<T, N> floor(Pack<T, N> x) {
  const Pack<T, N> r = round(x);
  return copy_sign(select(r > x, r - T(1), r), x);
}

template <class T, int N>
RECEPTIVE_FN Pack<T, N> ceil(Pack<T, N> x) {
  const Pack<T, N> r = round(x);
  return copy_sign(select(r < x, r + T(1), r), x);
}

}  // namespace receptive::RECEPTIVE_TARGET
