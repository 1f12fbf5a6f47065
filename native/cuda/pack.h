// Packs on a GPU: a thread is a lane, so a pack is one scalar and a mask one flag. The names and rules are those of
// cpu/pack.h; an op body that keeps to that interface compiles here unchanged.
#pragma once

#include <cstdint>

#include "../core/target.h"

namespace receptive::RECEPTIVE_TARGET {

template <int Bytes>
struct IntOfSize;
template <>
struct IntOfSize<1> {
  using Signed = std::int8_t;
  using Unsigned = std::uint8_t;
};
template <>
struct IntOfSize<2> {
  using Signed = std::int16_t;
  using Unsigned = std::uint16_t;
};
template <>
struct IntOfSize<4> {
  using Signed = std::int32_t;
  using Unsigned = std::uint32_t;
};
template <>
struct IntOfSize<8> {
  using Signed = std::int64_t;
  using Unsigned = std::uint64_t;
};
template <class T>
using SignedOf = typename IntOfSize<sizeof(T)>::Signed;

template <class T, int N>
struct Mask {
  static_assert(N == 1, "a GPU thread is one lane");
  bool v;

  friend RECEPTIVE_FN Mask operator&(Mask a, Mask b) { return {a.v && b.v}; }
  friend RECEPTIVE_FN Mask operator|(Mask a, Mask b) { return {a.v || b.v}; }
  friend RECEPTIVE_FN Mask operator^(Mask a, Mask b) { return {a.v != b.v}; }
  friend RECEPTIVE_FN Mask operator~(Mask a) { return {!a.v}; }
};

template <class T, int N>
struct Pack {
  static_assert(N == 1, "a GPU thread is one lane");
  using Element = T;
  static constexpr int lanes = 1;
  T v;

  Pack() = default;
  RECEPTIVE_FN Pack(T s) : v(s) {}

  RECEPTIVE_FN static Pack read(const T* src) { return Pack(*src); }
  RECEPTIVE_FN void write(T* dst) const { *dst = v; }

  RECEPTIVE_FN T operator[](int) const { return v; }
  RECEPTIVE_FN void set(int, T value) { v = value; }

  // The casts undo C++'s promotion of small integers to int: lanes wrap at their own width, as in a vector register.
  friend RECEPTIVE_FN Pack operator+(Pack a, Pack b) { return Pack(static_cast<T>(a.v + b.v)); }
  friend RECEPTIVE_FN Pack operator-(Pack a, Pack b) { return Pack(static_cast<T>(a.v - b.v)); }
  friend RECEPTIVE_FN Pack operator*(Pack a, Pack b) { return Pack(static_cast<T>(a.v * b.v)); }
  friend RECEPTIVE_FN Pack operator/(Pack a, Pack b) { return Pack(static_cast<T>(a.v / b.v)); }
  friend RECEPTIVE_FN Pack operator-(Pack a) { return Pack(static_cast<T>(-a.v)); }
  friend RECEPTIVE_FN Pack operator&(Pack a, Pack b) { return Pack(static_cast<T>(a.v & b.v)); }
  friend RECEPTIVE_FN Pack operator|(Pack a, Pack b) { return Pack(static_cast<T>(a.v | b.v)); }
  friend RECEPTIVE_FN Pack operator^(Pack a, Pack b) { return Pack(static_cast<T>(a.v ^ b.v)); }
  friend RECEPTIVE_FN Pack operator~(Pack a) { return Pack(static_cast<T>(~a.v)); }
  friend RECEPTIVE_FN Pack operator<<(Pack a, int bits) { return Pack(static_cast<T>(a.v << bits)); }
  friend RECEPTIVE_FN Pack operator>>(Pack a, int bits) { return Pack(static_cast<T>(a.v >> bits)); }
  friend RECEPTIVE_FN Mask<T, N> operator==(Pack a, Pack b) { return {a.v == b.v}; }
  friend RECEPTIVE_FN Mask<T, N> operator!=(Pack a, Pack b) { return {a.v != b.v}; }
  friend RECEPTIVE_FN Mask<T, N> operator<(Pack a, Pack b) { return {a.v < b.v}; }
  friend RECEPTIVE_FN Mask<T, N> operator<=(Pack a, Pack b) { return {a.v <= b.v}; }
  friend RECEPTIVE_FN Mask<T, N> operator>(Pack a, Pack b) { return {a.v > b.v}; }
  friend RECEPTIVE_FN Mask<T, N> operator>=(Pack a, Pack b) { return {a.v >= b.v}; }

  RECEPTIVE_FN Pack& operator+=(Pack b) { return *this = *this + b; }
  RECEPTIVE_FN Pack& operator-=(Pack b) { return *this = *this - b; }
  RECEPTIVE_FN Pack& operator*=(Pack b) { return *this = *this * b; }
};

template <class T>
struct Plain {
  using type = T;
};

template <class T, int N>
RECEPTIVE_FN Pack<T, N> select(Mask<T, N> m, Pack<T, N> a, typename Plain<Pack<T, N>>::type b) {
  return m.v ? a : b;
}
template <class T, int N>
RECEPTIVE_FN Pack<T, N> select(Mask<T, N> m, T a, Pack<T, N> b) {
  return select(m, Pack<T, N>(a), b);
}

template <class T, class U, int N>
RECEPTIVE_FN Mask<T, N> convert_mask(Mask<U, N> m) {
  return {m.v};
}

// As on the CPU: a where a > b, else b, so b where either is a NaN.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> maximum_ordered(Pack<T, N> a, typename Plain<Pack<T, N>>::type b) {
  return Pack<T, N>(a.v > b.v ? a.v : b.v);
}
template <class T, int N>
RECEPTIVE_FN Pack<T, N> minimum_ordered(Pack<T, N> a, typename Plain<Pack<T, N>>::type b) {
  return Pack<T, N>(a.v < b.v ? a.v : b.v);
}

template <class T, int N>
RECEPTIVE_FN Mask<T, N> is_nan(Pack<T, N> a) {
  return a != a;
}

template <class U, class T, int N>
RECEPTIVE_FN Pack<U, N> convert(Pack<T, N> a) {
  return Pack<U, N>(static_cast<U>(a.v));
}

template <class U, class T, int N>
RECEPTIVE_FN Pack<U, N> bit_cast(Pack<T, N> a) {
  static_assert(sizeof(U) == sizeof(T));
  return Pack<U, N>(__builtin_bit_cast(U, a.v));
}

template <class T, int N>
RECEPTIVE_FN Pack<std::uint8_t, N> to_bool(Mask<T, N> m) {
  return Pack<std::uint8_t, N>(static_cast<std::uint8_t>(m.v));
}

template <class T, int N>
RECEPTIVE_FN Pack<T, N> iota() {
  return Pack<T, N>(T{});
}

// The full product of the low 32 bits of each lane.
template <int N>
RECEPTIVE_FN Pack<std::uint64_t, N> multiply_words(Pack<std::uint64_t, N> a, Pack<std::uint64_t, N> b) {
  return Pack<std::uint64_t, N>(std::uint64_t{static_cast<std::uint32_t>(a.v)} * static_cast<std::uint32_t>(b.v));
}

template <class T, int N>
RECEPTIVE_FN bool any(Mask<T, N> m) {
  return m.v;
}
template <class T, int N>
RECEPTIVE_FN bool all(Mask<T, N> m) {
  return m.v;
}

// Remembers whether any of the packs shown to it held a NaN.
template <class T, int N>
class NanWatch {
 public:
  RECEPTIVE_FN void see(Pack<T, N> a) { seen_ = seen_ || a.v != a.v; }
  RECEPTIVE_FN void see(Pack<T, N> a, Pack<T, N> b) {
    see(a);
    see(b);
  }
  RECEPTIVE_FN bool any() const { return seen_; }

 private:
  bool seen_ = false;
};

template <class T, int N>
RECEPTIVE_FN Pack<T, N> abs(Pack<T, N> a) {
  if constexpr (static_cast<T>(0.5) != T{}) {  // floating point: clear the sign bit
    using U = typename IntOfSize<sizeof(T)>::Unsigned;
    return bit_cast<T>(bit_cast<U>(a) & static_cast<U>(~U{} >> 1));
  } else {
    return select(a < Pack<T, N>(T{}), -a, a);
  }
}

// Correctly rounded, whatever -prec-sqrt says.
RECEPTIVE_FN Pack<float, 1> sqrt(Pack<float, 1> a) {
#ifdef __CUDA_ARCH__
  return Pack<float, 1>(__fsqrt_rn(a.v));
#else
  return Pack<float, 1>(__builtin_sqrtf(a.v));
#endif
}
RECEPTIVE_FN Pack<double, 1> sqrt(Pack<double, 1> a) {
#ifdef __CUDA_ARCH__
  return Pack<double, 1>(__dsqrt_rn(a.v));
#else
  return Pack<double, 1>(__builtin_sqrt(a.v));
#endif
}

template <class T, int N>
inline constexpr bool kScales = false;
template <class T, int N>
RECEPTIVE_FN Pack<T, N> scaled(Pack<T, N> a, Pack<T, N>) {
  return a;
}

}  // namespace receptive::RECEPTIVE_TARGET
