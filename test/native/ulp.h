// Errors in units in the last place against a reference of more bits, and sweeps of arguments over a floating-point
// type.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

namespace ulp {

// Where references are computed: float's in double, double's in long double.
template <class T>
using Wide = std::conditional_t<std::is_same_v<T, float>, double, long double>;

// Soft-float long double (arm64) is slow: fewer points there.
inline constexpr int kThin = std::numeric_limits<long double>::digits > 64 ? 40 : 1;

// The distance from `got` to `exact` in units of the last place of T at `exact`; infinite where one is NaN and the
// other is not. An overflow counts as 2^(largest exponent + 1), so that it may err at the end of the range as
// everywhere else.
template <class T>
double error(T got, Wide<T> exact) {
  using W = Wide<T>;
  using Limits = std::numeric_limits<T>;
  constexpr double infinite = std::numeric_limits<double>::infinity();
  if (std::isnan(exact) || std::isnan(got)) return std::isnan(exact) && std::isnan(got) ? 0 : infinite;
  const W end = std::ldexp(W(1), Limits::max_exponent);
  const auto finite = [end](W value) { return std::fabs(value) < end ? value : std::copysign(end, value); };
  const W a = finite(got), b = finite(exact);
  if (a == b) return 0;
  int exponent = Limits::min_exponent;
  if (b != 0) std::frexp(b, &exponent);
  if (exponent < Limits::min_exponent) exponent = Limits::min_exponent;
  return static_cast<double>(std::ldexp(std::fabs(a - b), Limits::digits - exponent));
}

template <class T>
std::vector<T> edges() {
  using L = std::numeric_limits<T>;
  const T big = std::ldexp(T(1), L::digits - 1);
  std::vector<T> values;
  for (const T v : {T(0),
                    L::denorm_min(),
                    L::min(),
                    std::nextafter(L::min(), T(0)),
                    L::epsilon(),
                    T(0.5),
                    T(1),
                    T(2),
                    T(3),
                    T(1.5),
                    T(2.5),
                    std::nextafter(T(1), T(0)),
                    std::nextafter(T(1), T(2)),
                    std::nextafter(T(0.5), T(0)),
                    big,
                    big - T(0.5),
                    big + T(1),
                    2 * big,
                    2 * big + T(2),
                    L::max(),
                    L::infinity(),
                    L::quiet_NaN()}) {
    values.push_back(v);
    values.push_back(-v);
  }
  return values;
}

// float: every bit pattern at a stride. double: random mantissas at each exponent. Then a dense range, and the edges.
template <class T>
std::vector<T> sweep(T low, T high, int scale) {
  std::vector<T> values = edges<T>();
  std::mt19937_64 random(7);
  if constexpr (std::is_same_v<T, float>) {
    const std::uint64_t stride = 1021u * kThin / scale + 1;
    for (std::uint64_t bits = 0; bits >> 32 == 0; bits += stride) {
      const auto pattern = static_cast<std::uint32_t>(bits);
      float value;
      std::memcpy(&value, &pattern, sizeof(value));
      values.push_back(value);
    }
  } else {
    const int each = 40 * scale / kThin + 1;
    for (std::uint64_t head = 0; head < 4096; ++head) {
      for (int i = 0; i < each; ++i) {
        const std::uint64_t bits = head << 52 | random() >> 12;
        double value;
        std::memcpy(&value, &bits, sizeof(value));
        values.push_back(value);
      }
    }
  }
  std::uniform_real_distribution<T> dense(low, high);
  for (int i = 0; i < 250000 * scale / kThin; ++i) values.push_back(dense(random));
  return values;
}

}  // namespace ulp
