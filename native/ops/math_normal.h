// The standard normal distribution function, for gelu. Both tails come from Phi(-a) = e^(-a^2/2) W(a), a >= 0, so that
// the left one keeps its relative accuracy, which (1 + erf(x / sqrt 2)) / 2 loses. W(a) = P(t) / (a + c), t = (a - c) /
// (a + c): minimax on all of [0, the a where Phi(-a) vanishes], relative error 2^-29.7 (float, before its coefficients
// are rounded) and 2^-57.
#pragma once

#include "math_exp.h"

namespace receptive::RECEPTIVE_TARGET {

template <class T, int N>
struct Normal {
  Pack<T, N> cdf;          // Phi(x)
  Pack<T, N> exponential;  // e^(-x^2/2), sqrt(2 pi) times the density
};

template <class T, int N>
RECEPTIVE_FN Normal<T, N> normal(Pack<T, N> x) {
  constexpr bool single = sizeof(T) == 4;
  constexpr T tail = single ? T(14.5) : T(39);  // Phi(-tail) is 0
  constexpr T c = single ? T(4) : T(5);
  const Pack<T, N> a = minimum_ordered(Pack<T, N>(tail), abs(x));
  const Pack<T, N> a_high = high_half(a);
  const Pack<T, N> e = exp(Sum<T, N>{a_high * a_high * T(-0.5), (a - a_high) * (a + a_high) * T(-0.5)});
  const Pack<T, N> reciprocal = Pack<T, N>(T(1)) / (a + c);
  const Pack<T, N> t = (a - c) * reciprocal;
  Pack<T, N> p;
  if constexpr (single) {
    p = horner(t, 0.755285144f, -0.607896626f, 0.387137264f, -0.186521634f, 0.0603981055f, -0.00754290679f,
               -0.00349129969f, 0.00163708697f, 0.000170940199f, -0.000222056959f, -4.6318426e-05f);
  } else {
    p = horner(t, 0.76919304975006297, -0.66538250289005674, 0.4953056159699773, -0.31353315667129622,
               0.16502036617033738, -0.069118638706569979, 0.020795066800838313, -0.0029933767667060067,
               -0.00079786940801614473, 0.0005448990333932239, -5.9375674755760225e-05, -4.9762654918358581e-05,
               1.6681041094666124e-05, 3.9803847043564819e-06, -2.7689522006608533e-06, -3.3553714442656141e-07,
               4.3288373233734758e-07, 4.0880360525061286e-08, -6.6011252637141421e-08, -8.2946767887036265e-09,
               7.9420933261768742e-09, 1.4319237478612645e-09, -3.0289778385891367e-10);
  }
  const Pack<T, N> left = e * (p * reciprocal);
  return {select(x < T(0), left, Pack<T, N>(T(1)) - left), e};
}

}  // namespace receptive::RECEPTIVE_TARGET
