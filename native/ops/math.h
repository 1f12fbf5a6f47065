// Mathematical functions of packs, each once for float and double and any number of lanes. They take the whole range:
// NaN, infinities, signed zeros and denormals, in arguments and results (a result is denormal where the exact one is).
//
// Largest errors in units in the last place (ulp) of the exact result, with and without fused multiply-add;
// test/native/math_test.cpp holds them to these bounds.
//
//                        float  double
//   exp                   1.1    1.1
//   expm1_nonpositive     1.5    1.5   x <= 0
//   log                   1.0    1.3   log(0) = -inf, log(x < 0) = NaN
//   log1p_unit            1.5    1.5   0 <= x <= 1
//   tanh, sigmoid         3.0    3.0
//   softplus              2.5    2.5
//   normal().cdf          6.5    8.0   relative, in the far left tail too
//   pow                   2.0    2.0   C99, annex F
//   sin_2pi, cos_2pi      2.0    2.0   0 <= u < 1
//   floor, ceil, round    0      0
//
// log, sin_2pi and cos_2pi use + - * / and integer operations only: compiled with -ffp-contract=off they have the same
// bits on every target.
#pragma once

#include "math_exp.h"
#include "math_log.h"
#include "math_normal.h"
#include "math_pow.h"
#include "math_round.h"
#include "math_trig.h"

namespace receptive::RECEPTIVE_TARGET {

// ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|).
template <class T, int N>
RECEPTIVE_FN Pack<T, N> softplus(Pack<T, N> x) {
  return maximum_ordered(Pack<T, N>(T(0)), x) + log1p_unit(exp(-abs(x)));
}

}  // namespace receptive::RECEPTIVE_TARGET
