// Logarithms. x = m 2^e with sqrt(1/2) <= m < sqrt(2), ln x = e ln 2 + ln m, ln 2 in two parts.
#pragma once

#include "math_format.h"

namespace receptive::RECEPTIVE_TARGET {

// Only + - * / and integer operations, no reciprocal estimate and no fused operation that the source does not leave to
// the compiler: compiled with -ffp-contract=off the result has the same bits on every target.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> log(Pack<T, N> x) {
  using F = FloatFormat<T>;
  const Decomposed<T, N> parts = decompose(x);
  const Pack<T, N> f = parts.m - T(1);  // exact
  Pack<T, N> ln_m;
  if constexpr (sizeof(T) == 4) {
    // ln(1 + f) = f - f^2 / 2 + f^3 P(f), P minimax for the relative error, 2^-29.9.
    const Pack<T, N> p = horner(f, 0.333333135f, -0.250000119f, 0.200021133f, -0.166679591f, 0.142194778f,
                                -0.124055989f, 0.118883565f, -0.116755664f, 0.0674602389f);
    ln_m = f * f * (f * p - T(0.5)) + f;
  } else {
    // ln(1 + f) = 2 atanh(s) = f - s (f - z Q(z)), s = f / (2 + f), z = s^2, Q minimax for the relative error, 2^-59.5.
    const Pack<T, N> s = f / (f + T(2));
    const Pack<T, N> z = s * s;
    const Pack<T, N> q = horner(z, 0.66666666666667351, 0.39999999999409186, 0.28571428743762001, 0.22222198417653954,
                                0.18183573114095017, 0.15313808615789917, 0.14798534410353509);
    ln_m = f - s * (f - z * q);
  }
  const Pack<T, N> finite = (ln_m + parts.exponent * F::kLn2Low) + parts.exponent * F::kLn2High;
  const Pack<T, N> zero = T(0);
  const Pack<T, N> infinity = F::kInfinity;
  const Pack<T, N> pole = select(x == zero, -infinity, F::kNan);
  return select(x == infinity, infinity, select(x > zero, finite, pole));
}

// ln(1 + x) for 0 <= x <= 1, as f - s (f - z Q(z)) above.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> log1p_unit(Pack<T, N> x) {
  const Pack<T, N> s = x / (x + T(2));
  const Pack<T, N> z = s * s;
  Pack<T, N> q;
  if constexpr (sizeof(T) == 4) {
    q = horner(z, 0.666664183f, 0.400214463f, 0.280027568f, 0.280086011f);
  } else {
    q = horner(z, 0.66666666666666308, 0.40000000000155905, 0.28571428548013167, 0.22222223960439422,
               0.18181744230626073, 0.15386553870955408, 0.13301047106566172, 0.12105550379160999, 0.083422499533907915,
               0.17014937702902908);
  }
  return x - s * (x - z * q);
}

// ln x for x > 0 as a sum of two numbers, about half as many bits again as the type has. The high part has only the
// upper half of its significant bits.
template <class T, int N>
RECEPTIVE_FN Sum<T, N> log_extended(Pack<T, N> x) {
  using F = FloatFormat<T>;
  const Decomposed<T, N> parts = decompose(x);
  const Pack<T, N> m = parts.m;

  // s = (m - 1) / (m + 1) in two parts: the remainder of the division by halves.
  const Pack<T, N> f = m - T(1);
  const Pack<T, N> d = m + T(1);
  const Pack<T, N> d_high = high_half(d);
  const Pack<T, N> d_low = m - (d_high - T(1));
  const Pack<T, N> reciprocal = Pack<T, N>(T(1)) / d;
  const Pack<T, N> s = f * reciprocal;
  const Pack<T, N> s_high = high_half(s);
  const Pack<T, N> s_low = ((f - s_high * d_high) - s_high * d_low) * reciprocal;

  // ln m = 2 atanh(s) = 2/3 s (3 + z + z^2 R(z)), z = s^2: with the 3 taken out the coefficient of z is exact.
  const Pack<T, N> z = s * s;
  const Pack<T, N> z_high = s_high * s_high;
  Pack<T, N> r;
  if constexpr (sizeof(T) == 4) {
    r = horner(z, 0.600002289f, 0.428206354f, 0.351295263f);
  } else {
    r = horner(z, 0.60000000000003406, 0.42857142855138319, 0.3333333378194514, 0.27272676362658482,
               0.23080144994337301, 0.19885009756240293, 0.19796569971060105);
  }
  const Pack<T, N> series = z * z * r + s_low * (s_high + s);  // beyond 3 + z_high
  const Pack<T, N> sum_high = high_half(z_high + T(3) + series);
  const Pack<T, N> sum_low = series - ((sum_high - T(3)) - z_high);
  const Pack<T, N> product = s_high * sum_high;  // exact
  const Pack<T, N> product_rest = s_low * sum_high + sum_low * s;
  const Pack<T, N> p_high = high_half(product + product_rest);
  const Pack<T, N> p_low = product_rest - (p_high - product);

  // 2/3 in two parts, the high one of half the bits.
  constexpr T kHigh = sizeof(T) == 4 ? T(0x1.554p-1) : T(0x1.555555p-1);
  constexpr T kLow = sizeof(T) == 4 ? T(0x1.555556p-13) : T(0x1.5555555555555p-27);
  const Pack<T, N> a = parts.exponent * F::kLn2High;  // exact
  const Pack<T, N> b = p_high * kHigh;                // exact
  const Pack<T, N> high = a + b;
  const Pack<T, N> low = ((a - high) + b) + (p_low * T(2.0 / 3) + p_high * kLow + parts.exponent * F::kLn2Low);
  const Pack<T, N> upper = high_half(high + low);
  return {upper, low - (upper - high)};
}

}  // namespace receptive::RECEPTIVE_TARGET
