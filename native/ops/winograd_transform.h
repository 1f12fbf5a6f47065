// The transforms of Winograd's minimal filtering F(m x m, 3 x 3), m = 2 or 4 (Lavin & Gray 2016, sections 4.1 and 4.3):
// an m x m tile of outputs from an (m + 2)^2 tile d of inputs and a filter g is A'[(G g G') . (B' d B)]A.
//
// The gradient by weight uses the transposed transforms: `gradient` is A, `weight` is G'.
//
// All coefficients but those of G are integers. G is taken with integer coefficients too (2G, 24G) and divided once, by
// 4 or 576, so that filters of such multiples give exact results as long as intermediates stay below 2^24.
#pragma once

#include "executor.h"

namespace receptive::RECEPTIVE_TARGET {

template <int kTile>
struct Winograd;

template <>
struct Winograd<2> {
  static constexpr int kTile = 2;
  static constexpr int kSize = 4;     // of the input tile
  static constexpr int kDivisor = 4;  // of the filter's transform, which is made with 2G

  template <class V>
  RECEPTIVE_FN static void input(const V (&d)[4], V (&v)[4]) {
    v[0] = d[0] - d[2];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[1] - d[3];
  }
  template <class V>
  RECEPTIVE_FN static void output(const V (&m)[4], V (&y)[2]) {
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] - m[3];
  }
  template <class V>
  RECEPTIVE_FN static void filter(V a, V b, V c, V (&u)[4]) {
    const V sum = a + c;
    u[0] = a + a;
    u[1] = sum + b;
    u[2] = sum - b;
    u[3] = c + c;
  }
  template <class V>
  RECEPTIVE_FN static void gradient(const V (&y)[2], V (&m)[4]) {
    m[0] = y[0];
    m[1] = y[0] + y[1];
    m[2] = y[0] - y[1];
    m[3] = -y[1];
  }
  template <class V>
  RECEPTIVE_FN static void weight(const V (&u)[4], V (&g)[3]) {
    const V sum = u[1] + u[2];
    g[0] = (u[0] + u[0]) + sum;
    g[1] = u[1] - u[2];
    g[2] = (u[3] + u[3]) + sum;
  }
};

template <>
struct Winograd<4> {
  static constexpr int kTile = 4;
  static constexpr int kSize = 6;
  static constexpr int kDivisor = 576;  // made with 24G

  template <class V>
  RECEPTIVE_FN static void input(const V (&d)[6], V (&v)[6]) {
    const V four(4), five(5);
    const V even = d[4] - four * d[2], odd = d[3] - four * d[1];
    const V even2 = d[4] - d[2];
    V odd2 = d[3] - d[1];
    odd2 = odd2 + odd2;
    v[0] = four * d[0] + (d[4] - five * d[2]);
    v[1] = even + odd;
    v[2] = even - odd;
    v[3] = even2 + odd2;
    v[4] = even2 - odd2;
    v[5] = four * d[1] + (d[5] - five * d[3]);
  }
  template <class V>
  RECEPTIVE_FN static void output(const V (&m)[6], V (&y)[4]) {
    const V sum = m[1] + m[2], difference = m[1] - m[2];
    const V sum2 = m[3] + m[4], difference2 = m[3] - m[4];
    y[0] = m[0] + sum + sum2;
    y[1] = V(2) * difference2 + difference;
    y[2] = V(4) * sum2 + sum;
    y[3] = V(8) * difference2 + (difference + m[5]);
  }
  template <class V>
  RECEPTIVE_FN static void filter(V a, V b, V c, V (&u)[6]) {
    const V outer = a + c, far = V(4) * c + a;
    u[0] = V(6) * a;
    u[1] = V(-4) * (outer + b);
    u[2] = V(-4) * (outer - b);
    u[3] = V(2) * b + far;
    u[4] = far - V(2) * b;
    u[5] = V(24) * c;
  }
  template <class V>
  RECEPTIVE_FN static void gradient(const V (&y)[4], V (&m)[6]) {
    const V even = y[0] + y[2], odd = y[1] + y[3];
    const V even2 = V(4) * y[2] + y[0];
    V odd2 = V(4) * y[3] + y[1];
    odd2 = odd2 + odd2;
    m[0] = y[0];
    m[1] = even + odd;
    m[2] = even - odd;
    m[3] = even2 + odd2;
    m[4] = even2 - odd2;
    m[5] = y[3];
  }
  template <class V>
  RECEPTIVE_FN static void weight(const V (&u)[6], V (&g)[3]) {
    const V sum = u[1] + u[2], sum2 = u[3] + u[4];
    g[0] = V(6) * u[0] + (sum2 - V(4) * sum);
    g[1] = V(4) * (u[2] - u[1]) + V(2) * (u[3] - u[4]);
    g[2] = V(24) * u[5] + V(4) * (sum2 - sum);
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
