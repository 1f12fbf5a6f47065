// Arithmetic of all element types: integers wrap (computed unsigned, where that is defined), NaN propagates through
// maximum and minimum, and a real attribute becomes an element by the rule of casts: saturating, NaN gives 0.
#pragma once

#include "executor.h"

namespace receptive::RECEPTIVE_TARGET {

template <class T>
inline constexpr bool kIsFloat = static_cast<T>(0.5) != T{};

template <class T>
struct UnsignedOf {
  using type = typename IntOfSize<sizeof(T)>::Unsigned;
};
template <>
struct UnsignedOf<float> {
  using type = float;
};
template <>
struct UnsignedOf<double> {
  using type = double;
};

// The pack in which + - * wrap; float types stay what they are.
template <class T, int N>
RECEPTIVE_FN auto wrapping(Pack<T, N> a) {
  return bit_cast<typename UnsignedOf<T>::type>(a);
}

template <class T, int N>
RECEPTIVE_FN Pack<T, N> add(Pack<T, N> a, Pack<T, N> b) {
  return bit_cast<T>(wrapping(a) + wrapping(b));
}
template <class T, int N>
RECEPTIVE_FN Pack<T, N> subtract(Pack<T, N> a, Pack<T, N> b) {
  return bit_cast<T>(wrapping(a) - wrapping(b));
}
template <class T, int N>
RECEPTIVE_FN Pack<T, N> multiply(Pack<T, N> a, Pack<T, N> b) {
  return bit_cast<T>(wrapping(a) * wrapping(b));
}
template <class T, int N>
RECEPTIVE_FN Pack<T, N> negate(Pack<T, N> a) {
  return bit_cast<T>(-wrapping(a));
}

// |a|; that of the least int32 is itself.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> magnitude(Pack<T, N> a) {
  if constexpr (kIsFloat<T>) {
    return abs(a);
  } else if constexpr (static_cast<T>(-1) > T{}) {
    return a;
  } else {
    return select(a < T(0), negate(a), a);
  }
}

template <class T, int N>
RECEPTIVE_FN Pack<T, N> maximum(Pack<T, N> a, Pack<T, N> b) {
  if constexpr (kIsFloat<T>) {
    return select((a > b) | is_nan(a), a, b);
  } else {
    return maximum_ordered(a, b);
  }
}
template <class T, int N>
RECEPTIVE_FN Pack<T, N> minimum(Pack<T, N> a, Pack<T, N> b) {
  if constexpr (kIsFloat<T>) {
    return select((a < b) | is_nan(a), a, b);
  } else {
    return minimum_ordered(a, b);
  }
}

// g where `open`, 0 elsewhere, NaN where x is: the gradient of an op that lets x through or not.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> gate(Mask<T, N> open, Pack<T, N> g, Pack<T, N> x) {
  return select(open, g, select(is_nan(x), x, T(0)));
}

template <class T>
RECEPTIVE_FN T element(double value) {
  if constexpr (kIsFloat<T>) {
    return static_cast<T>(value);
  } else {
    constexpr double low = static_cast<T>(-1) > T{} ? 0.0 : -2147483648.0;
    constexpr double high = static_cast<T>(-1) > T{} ? 255.0 : 2147483647.0;
    if (!(value > low)) return value <= low ? static_cast<T>(low) : T{};
    return value < high ? static_cast<T>(value) : static_cast<T>(high);
  }
}

}  // namespace receptive::RECEPTIVE_TARGET
