// pow(x, y) = e^(y ln |x|) with the product in two parts; the exceptional cases are those of C99, annex F.
#pragma once

#include "math_exp.h"
#include "math_log.h"

namespace receptive::RECEPTIVE_TARGET {

// For x >= 0: integers from kIntegers on, else what rounding leaves alone.
template <class T, int N>
RECEPTIVE_FN Mask<T, N> is_integer(Pack<T, N> x) {
  constexpr T big = FloatFormat<T>::kIntegers;
  return (x >= Pack<T, N>(big)) | ((x + big) - big == x);
}

template <class T, int N>
RECEPTIVE_FN Pack<T, N> pow(Pack<T, N> x, Pack<T, N> y) {
  using F = FloatFormat<T>;
  using Bits = typename F::Bits;
  const Pack<T, N> zero = T(0), one = T(1), infinity = F::kInfinity, nan = F::kNan;
  const Pack<T, N> base = abs(x);
  const Pack<T, N> exponent = abs(y);

  const Sum<T, N> ln = log_extended(base);
  const Pack<T, N> y_high = high_half(y);
  Pack<T, N> r = exp(Sum<T, N>{y_high * ln.high, (y - y_high) * ln.high + y * ln.low});
  if (all((x > zero) & (x < infinity) & (exponent < infinity))) return r;

  // |x| or |y| at an end of its range: 0 or infinity, but for 1^infinity.
  const auto grows = ~((base > one) ^ (y > zero));
  const auto ends = (base == zero) | (base == infinity) | (exponent == infinity);
  r = select(ends, select(base == one, one, select(grows, infinity, zero)), r);

  // A negative base: the sign of an odd power; no power that is not an integer.
  const auto integer = is_integer(exponent);
  const auto odd = integer & ~is_integer(exponent * T(0.5));
  const Pack<T, N> signed_r = bit_cast<T>(bit_cast<Bits>(r) ^ (bit_cast<Bits>(x) & F::kSign));
  r = select(odd, signed_r, r);
  r = select((x < zero) & (base < infinity) & ~integer, nan, r);

  r = select(is_nan(x) | is_nan(y), x + y, r);
  return select((y == zero) | (x == one), one, r);
}

}  // namespace receptive::RECEPTIVE_TARGET
