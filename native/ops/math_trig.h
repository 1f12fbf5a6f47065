// cos(2 pi u) and sin(2 pi u) for 0 <= u < 1, for Box-Muller. The reduction u = q / 4 + r, |r| <= 1/8, is exact; the
// polynomials are minimax in r^2. Only + - * and integer operations: the same bits on every target with
// -ffp-contract=off.
#pragma once

#include "math_format.h"

namespace receptive::RECEPTIVE_TARGET {

// kQuarter 0: the sine, 1: the cosine, which is the sine a quarter of a turn on.
template <int kQuarter, class T, int N>
RECEPTIVE_FN Pack<T, N> sin_turns(Pack<T, N> u) {
  using F = FloatFormat<T>;
  using Bits = typename F::Bits;
  const Pack<T, N> shifted = u * T(4) + F::kShift;
  const Pack<T, N> r = u - (shifted - F::kShift) * T(0.25);
  const Pack<T, N> z = r * r;
  Pack<T, N> s, c;
  if constexpr (sizeof(T) == 4) {
    s = horner(z, 6.28318548f, -41.3420525f, 81.7157974f, -87.915184f, 397.801697f);
    c = horner(z, -19.7392082f, 64.9391479f, -85.4245224f, 58.6204491f);
  } else {
    s = horner(z, 6.2831853071795862, -41.34170224039859, 81.605249275162038, -76.705859488720364, 42.058658327354564,
               -15.092281827033279, 3.7483268538033685);
    c = horner(z, -19.739208802178716, 64.939394022666676, -85.456817205989168, 60.244641227201036, -26.426241127185403,
               7.9026289518693131, -1.6882910577690733);
  }
  const Pack<Bits, N> quarter = bit_cast<Bits>(shifted) + Bits(kQuarter);
  const auto odd = (quarter & Bits(1)) != Pack<Bits, N>(Bits(0));
  const Pack<T, N> value = select(convert_mask<T>(odd), c * z + T(1), s * r);
  const Pack<Bits, N> sign = (quarter & Bits(2)) << (F::kMantissa == 23 ? 30 : 62);
  return bit_cast<T>(bit_cast<Bits>(value) ^ sign);
}

template <class T, int N>
RECEPTIVE_FN Pack<T, N> sin_2pi(Pack<T, N> u) {
  return sin_turns<0>(u);
}

template <class T, int N>
RECEPTIVE_FN Pack<T, N> cos_2pi(Pack<T, N> u) {
  return sin_turns<1>(u);
}

}  // namespace receptive::RECEPTIVE_TARGET
