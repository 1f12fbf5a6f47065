// Packs of lanes on the CPU, made of the compiler's vector extension: Pack<T, N> is N elements of T in registers,
// Mask<T, N> the result of a comparison of two such packs. One source serves every target; intrinsics appear only in
// lanes.h, pack_mask.h (masked loads) and in the few places below where the generic form was measured to be much
// slower.
//
// What op bodies may use: + - * / of packs (a scalar broadcasts), comparisons, & | ^ ~ << >> of integer packs, select,
// minimum/maximum of ordered operands, abs, sqrt, convert<U>, bit_cast<U>, iota, any/all/none, is_nan. Multiply-add is
// written a * b + c and contracted by the compiler, where the family's flags allow it.
#pragma once

#include <cstdint>

#include "../core/target.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace receptive::RECEPTIVE_TARGET {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
inline constexpr int kVectorRegisters = 32;
#elif defined(__AVX__)
inline constexpr int kVectorBytes = 32;
inline constexpr int kVectorRegisters = 16;
#elif defined(__aarch64__)
inline constexpr int kVectorBytes = 16;
inline constexpr int kVectorRegisters = 32;
#else
inline constexpr int kVectorBytes = 16;
inline constexpr int kVectorRegisters = 16;
#endif

// Whether arithmetic takes a mask, so that select(mask, a + b, a) is one instruction.
#if defined(__AVX512F__)
inline constexpr bool kMasksArithmetic = true;
#else
inline constexpr bool kMasksArithmetic = false;
#endif

// Lanes of one register for an element type.
template <class T>
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

// `type` in registers; `Unaligned` for memory. Accesses through it are accesses to T for the compiler's alias analysis,
// which keeps a body's numbers in registers across stores (through memcpy they would be read again after each).
template <class T, int N>
struct VectorOf {
  typedef T type __attribute__((vector_size(sizeof(T) * N)));
  typedef T Unaligned __attribute__((vector_size(sizeof(T) * N), aligned(alignof(T))));
};

// The signed and unsigned integer types of a given size.
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

// All bits of a lane are set where the comparison held.
template <class T, int N>
struct Mask {
  using Vector = typename VectorOf<SignedOf<T>, N>::type;
  Vector v;

  friend RECEPTIVE_FN Mask operator&(Mask a, Mask b) { return {a.v & b.v}; }
  friend RECEPTIVE_FN Mask operator|(Mask a, Mask b) { return {a.v | b.v}; }
  friend RECEPTIVE_FN Mask operator^(Mask a, Mask b) { return {a.v ^ b.v}; }
  friend RECEPTIVE_FN Mask operator~(Mask a) { return {~a.v}; }
};

template <class T, int N>
struct Pack {
  using Element = T;
  using Vector = typename VectorOf<T, N>::type;
  static constexpr int lanes = N;
  Vector v;

  Pack() = default;
  RECEPTIVE_FN Pack(T s) : v(s - Vector{}) {}  // s - 0 keeps the sign of a zero
  RECEPTIVE_FN explicit Pack(Vector vector) : v(vector) {}

  RECEPTIVE_FN static Pack read(const T* src) {
    return Pack(*reinterpret_cast<const typename VectorOf<T, N>::Unaligned*>(src));
  }
  RECEPTIVE_FN void write(T* dst) const { *reinterpret_cast<typename VectorOf<T, N>::Unaligned*>(dst) = v; }

  // Writes a whole register around the caches, where the target can; dst is aligned to the pack's size. Other threads
  // see it after fence_stores().
  RECEPTIVE_FN void write_around(T* dst) const {
#if defined(__SSE2__)
    [[maybe_unused]] constexpr int bytes = static_cast<int>(sizeof(T)) * N;
#if defined(__AVX512F__)
    if constexpr (bytes == 64)
      return _mm512_stream_si512(reinterpret_cast<__m512i*>(dst), reinterpret_cast<__m512i>(v));
#endif
#if defined(__AVX__)
    if constexpr (bytes == 32)
      return _mm256_stream_si256(reinterpret_cast<__m256i*>(dst), reinterpret_cast<__m256i>(v));
#endif
    if constexpr (bytes == 16) return _mm_stream_si128(reinterpret_cast<__m128i*>(dst), reinterpret_cast<__m128i>(v));
#endif
    write(dst);
  }

  // The same pack, and the compiler may not read its memory again instead of keeping it in a register.
  RECEPTIVE_FN Pack in_register() const {
    Pack kept = *this;
#if defined(__x86_64__)
    if constexpr (sizeof(v) <= kVectorBytes && sizeof(v) >= 16) asm("" : "+v"(kept.v));
#endif
    return kept;
  }

  RECEPTIVE_FN T operator[](int lane) const { return v[lane]; }
  RECEPTIVE_FN void set(int lane, T value) { v[lane] = value; }

  friend RECEPTIVE_FN Pack operator+(Pack a, Pack b) { return Pack(a.v + b.v); }
  friend RECEPTIVE_FN Pack operator-(Pack a, Pack b) { return Pack(a.v - b.v); }
  friend RECEPTIVE_FN Pack operator*(Pack a, Pack b) { return Pack(a.v * b.v); }
  friend RECEPTIVE_FN Pack operator/(Pack a, Pack b) { return Pack(a.v / b.v); }
  friend RECEPTIVE_FN Pack operator-(Pack a) { return Pack(-a.v); }
  friend RECEPTIVE_FN Pack operator&(Pack a, Pack b) { return Pack(a.v & b.v); }
  friend RECEPTIVE_FN Pack operator|(Pack a, Pack b) { return Pack(a.v | b.v); }
  friend RECEPTIVE_FN Pack operator^(Pack a, Pack b) { return Pack(a.v ^ b.v); }
  friend RECEPTIVE_FN Pack operator~(Pack a) { return Pack(~a.v); }
  friend RECEPTIVE_FN Pack operator<<(Pack a, int bits) { return Pack(a.v << bits); }
  friend RECEPTIVE_FN Pack operator>>(Pack a, int bits) { return Pack(a.v >> bits); }
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

// Orders write_around() before what this thread writes afterwards.
RECEPTIVE_FN void fence_stores() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

// A type that is not deduced, so that select(mask, pack, 0.0f) takes its type from the mask and the pack.
template <class T>
struct Plain {
  using type = T;
};

template <class T, int N>
RECEPTIVE_FN Pack<T, N> select(Mask<T, N> m, Pack<T, N> a, typename Plain<Pack<T, N>>::type b) {
#if defined(__SSE2__) && !defined(__SSE4_1__)
  // SSE2 cannot test 64-bit lanes, and GCC 12 would branch on each; of & | ~ it would make the same again.
  if constexpr (sizeof(T) == 8 && N == 2) {
    const auto mask = reinterpret_cast<__m128d>(m.v);
    const __m128d chosen = _mm_and_pd(mask, reinterpret_cast<__m128d>(a.v));
    return Pack<T, N>(reinterpret_cast<typename Pack<T, N>::Vector>(
        _mm_or_pd(chosen, _mm_andnot_pd(mask, reinterpret_cast<__m128d>(b.v)))));
  }
#endif
  return Pack<T, N>(m.v ? a.v : b.v);
}
template <class T, int N>
RECEPTIVE_FN Pack<T, N> select(Mask<T, N> m, T a, Pack<T, N> b) {
  return select(m, Pack<T, N>(a), b);
}

// a where a > b (a < b for the minimum), else b: the processor's own instruction, which GCC 12 does not find when one
// operand is a constant. With a NaN in either the result is b.
template <bool kMaximum, class T, int N>
RECEPTIVE_FN Pack<T, N> extreme_ordered(Pack<T, N> a, Pack<T, N> b) {
#if defined(__SSE2__)
  using Vector [[maybe_unused]] = typename Pack<T, N>::Vector;
  [[maybe_unused]] constexpr int bytes = static_cast<int>(static_cast<T>(0.5) == T{} ? 0 : sizeof(a.v));  // floats only
#define RECEPTIVE_EXTREME(total, each, register, prefix, suffix)                                                     \
  if constexpr (bytes == total && sizeof(T) == each) {                                                               \
    const auto x = reinterpret_cast<register>(a.v), y = reinterpret_cast<register>(b.v);                             \
    return Pack<T, N>(reinterpret_cast<Vector>(kMaximum ? prefix##max_##suffix(x, y) : prefix##min_##suffix(x, y))); \
  }
#if defined(__AVX512F__)
  if constexpr (bytes == 64 &&
                sizeof(T) == 4) {  // the forms with a mask: GCC 12's others warn of their undefined operand
    const auto x = reinterpret_cast<__m512>(a.v), y = reinterpret_cast<__m512>(b.v);
    return Pack<T, N>(
        reinterpret_cast<Vector>(kMaximum ? _mm512_maskz_max_ps(0xffff, x, y) : _mm512_maskz_min_ps(0xffff, x, y)));
  }
  if constexpr (bytes == 64 && sizeof(T) == 8) {
    const auto x = reinterpret_cast<__m512d>(a.v), y = reinterpret_cast<__m512d>(b.v);
    return Pack<T, N>(
        reinterpret_cast<Vector>(kMaximum ? _mm512_maskz_max_pd(0xff, x, y) : _mm512_maskz_min_pd(0xff, x, y)));
  }
#endif
#if defined(__AVX__)
  RECEPTIVE_EXTREME(32, 4, __m256, _mm256_, ps)
  RECEPTIVE_EXTREME(32, 8, __m256d, _mm256_, pd)
#endif
  RECEPTIVE_EXTREME(16, 4, __m128, _mm_, ps)
  RECEPTIVE_EXTREME(16, 8, __m128d, _mm_, pd)
#undef RECEPTIVE_EXTREME
#endif
  if constexpr (kMaximum) {
    return Pack<T, N>(a.v > b.v ? a.v : b.v);
  } else {
    return Pack<T, N>(a.v < b.v ? a.v : b.v);
  }
}
template <class T, int N>
RECEPTIVE_FN Pack<T, N> maximum_ordered(Pack<T, N> a, typename Plain<Pack<T, N>>::type b) {
  return extreme_ordered<true>(a, b);
}
template <class T, int N>
RECEPTIVE_FN Pack<T, N> minimum_ordered(Pack<T, N> a, typename Plain<Pack<T, N>>::type b) {
  return extreme_ordered<false>(a, b);
}

template <class T, int N>
RECEPTIVE_FN Mask<T, N> is_nan(Pack<T, N> a) {
  return a != a;
}

// Value conversion lane by lane, with the C++ rules: the caller keeps float values inside the integer's range.
// Between bytes and wider types it goes through 16 bits: in one step GCC 12 does it lane by lane (uint8 to int32,
// summed, ran at 4 GB/s, in two steps at 16).
template <class U, class T, int N>
RECEPTIVE_FN Pack<U, N> convert(Pack<T, N> a) {
  if constexpr (sizeof(T) == 1 && sizeof(U) > 2 && N > 1) {
    const auto half = __builtin_convertvector(a.v, typename VectorOf<std::uint16_t, N>::type);
    const auto whole = __builtin_convertvector(half, typename VectorOf<std::int32_t, N>::type);
    return Pack<U, N>(__builtin_convertvector(whole, typename Pack<U, N>::Vector));
  } else if constexpr (sizeof(U) == 1 && sizeof(T) == 4 && static_cast<T>(0.5) == T{} && N > 1) {
    const auto half = __builtin_convertvector(a.v, typename VectorOf<std::uint16_t, N>::type);
    return Pack<U, N>(__builtin_convertvector(half, typename Pack<U, N>::Vector));
  } else {
    return Pack<U, N>(__builtin_convertvector(a.v, typename Pack<U, N>::Vector));
  }
}

template <class U, class T, int N>
RECEPTIVE_FN Pack<U, N> bit_cast(Pack<T, N> a) {
  static_assert(sizeof(U) == sizeof(T));
  return Pack<U, N>(reinterpret_cast<typename Pack<U, N>::Vector>(a.v));
}

template <class T, int N>
RECEPTIVE_FN Pack<T, N> iota() {
  Pack<T, N> p;
  for (int i = 0; i < N; ++i) p.v[i] = static_cast<T>(i);
  return p;
}

template <class T, int N>
RECEPTIVE_FN bool any(Mask<T, N> m) {
  [[maybe_unused]] constexpr int bytes = static_cast<int>(sizeof(m.v));
#if defined(__AVX512F__)
  if constexpr (bytes == 64)
    return _mm512_test_epi64_mask(reinterpret_cast<__m512i>(m.v), reinterpret_cast<__m512i>(m.v)) != 0;
#endif
#if defined(__AVX__)
  if constexpr (bytes == 32) return !_mm256_testz_si256(reinterpret_cast<__m256i>(m.v), reinterpret_cast<__m256i>(m.v));
#endif
#if defined(__SSE2__)
  if constexpr (bytes == 16) return _mm_movemask_epi8(reinterpret_cast<__m128i>(m.v)) != 0;
#endif
  SignedOf<T> bits = 0;
  for (int i = 0; i < N; ++i) bits |= m.v[i];
  return bits != 0;
}

// Remembers whether any of the packs shown to it held a NaN: one comparison for two packs.
template <class T, int N>
class NanWatch {
 public:
#if defined(__AVX512F__)
  static constexpr bool kBits = sizeof(T) * N == 64 && sizeof(T) >= 4;
#else
  static constexpr bool kBits = false;
#endif

  RECEPTIVE_FN void see(Pack<T, N> a, Pack<T, N> b) {
#if defined(__AVX512F__)
    if constexpr (kBits && sizeof(T) == 4) {
      bits_ |= _mm512_cmp_ps_mask(reinterpret_cast<__m512>(a.v), reinterpret_cast<__m512>(b.v), _CMP_UNORD_Q);
      return;
    }
    if constexpr (kBits && sizeof(T) == 8) {
      bits_ |= _mm512_cmp_pd_mask(reinterpret_cast<__m512d>(a.v), reinterpret_cast<__m512d>(b.v), _CMP_UNORD_Q);
      return;
    }
#endif
    mask_ = mask_ | is_nan(a) | is_nan(b);
  }
  RECEPTIVE_FN void see(Pack<T, N> a) { see(a, a); }

  RECEPTIVE_FN bool any() const {
    if constexpr (kBits) return bits_ != 0;
    return receptive::RECEPTIVE_TARGET::any(mask_);
  }

 private:
  unsigned bits_ = 0;
  Mask<T, N> mask_{};
};

template <class T, int N>
RECEPTIVE_FN bool all(Mask<T, N> m) {
  return !any(~m);
}

template <class T, int N>
RECEPTIVE_FN Pack<T, N> abs(Pack<T, N> a) {
  if constexpr (static_cast<T>(0.5) != T{}) {  // floating point: clear the sign bit
    using U = typename IntOfSize<sizeof(T)>::Unsigned;
    return bit_cast<T>(bit_cast<U>(a) & static_cast<U>(~U{} >> 1));
  } else {
    return select(a < Pack<T, N>(T{}), -a, a);
  }
}

// Correctly rounded. There is no generic vector square root; lanes are left to the compiler where no intrinsic fits.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> sqrt(Pack<T, N> a) {
  [[maybe_unused]] constexpr int bytes = static_cast<int>(sizeof(a.v));
  using Vector [[maybe_unused]] = typename Pack<T, N>::Vector;
#if defined(__AVX512F__)
  if constexpr (bytes == 64 && sizeof(T) == 4)
    return Pack<T, N>(reinterpret_cast<Vector>(_mm512_maskz_sqrt_ps(0xffff, reinterpret_cast<__m512>(a.v))));
  if constexpr (bytes == 64 && sizeof(T) == 8)
    return Pack<T, N>(reinterpret_cast<Vector>(_mm512_maskz_sqrt_pd(0xff, reinterpret_cast<__m512d>(a.v))));
#endif
#if defined(__AVX__)
  if constexpr (bytes == 32 && sizeof(T) == 4)
    return Pack<T, N>(reinterpret_cast<Vector>(_mm256_sqrt_ps(reinterpret_cast<__m256>(a.v))));
  if constexpr (bytes == 32 && sizeof(T) == 8)
    return Pack<T, N>(reinterpret_cast<Vector>(_mm256_sqrt_pd(reinterpret_cast<__m256d>(a.v))));
#endif
#if defined(__SSE2__)
  if constexpr (bytes == 16 && sizeof(T) == 4)
    return Pack<T, N>(reinterpret_cast<Vector>(_mm_sqrt_ps(reinterpret_cast<__m128>(a.v))));
  if constexpr (bytes == 16 && sizeof(T) == 8)
    return Pack<T, N>(reinterpret_cast<Vector>(_mm_sqrt_pd(reinterpret_cast<__m128d>(a.v))));
#endif
  Pack<T, N> r;
  for (int i = 0; i < N; ++i) {
    if constexpr (sizeof(T) == 4) {
      r.v[i] = __builtin_sqrtf(a.v[i]);
    } else {
      r.v[i] = __builtin_sqrt(a.v[i]);
    }
  }
  return r;
}

// Whether scaled() below is one instruction.
template <class T, int N>
#if defined(__AVX512F__)
inline constexpr bool kScales = sizeof(T) * N == 64 && sizeof(T) >= 4;
#else
inline constexpr bool kScales = false;
#endif

// a 2^k for integers k, rounded once: of float packs, where kScales.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> scaled(Pack<T, N> a, [[maybe_unused]] Pack<T, N> k) {
#if defined(__AVX512F__)
  using Vector = typename Pack<T, N>::Vector;
  if constexpr (sizeof(T) == 4) {
    const auto x = reinterpret_cast<__m512>(a.v), e = reinterpret_cast<__m512>(k.v);
    return Pack<T, N>(reinterpret_cast<Vector>(_mm512_maskz_scalef_ps(0xffff, x, e)));
  } else {
    const auto x = reinterpret_cast<__m512d>(a.v), e = reinterpret_cast<__m512d>(k.v);
    return Pack<T, N>(reinterpret_cast<Vector>(_mm512_maskz_scalef_pd(0xff, x, e)));
  }
#else
  return a;
#endif
}

}  // namespace receptive::RECEPTIVE_TARGET

#include "pack_mask.h"
#include "pack_multiply.h"
