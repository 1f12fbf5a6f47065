// Masks of one lane size as masks of another, and as the bytes of boolean tensors. GCC 12 converts between vectors of
// 4- or 8-byte and 1-byte lanes through general registers, lane by lane, on AVX2 and SSE2 (measured: a comparison of
// float32 took 0.32 ns per element so, 0.08 with the instructions below); AVX-512's own code is good.
#pragma once

#include "pack.h"

namespace receptive::RECEPTIVE_TARGET {

namespace masks {

#if defined(__SSE2__)
// The low bytes of a register as a vector.
template <class Vector>
RECEPTIVE_FN Vector low_bytes(__m128i a) {
  Vector result;
  if constexpr (sizeof(Vector) == 8) {
    const long long bits = _mm_cvtsi128_si64(a);
    __builtin_memcpy(&result, &bits, sizeof(result));
  } else {
    const auto bits = static_cast<typename IntOfSize<sizeof(Vector)>::Unsigned>(_mm_cvtsi128_si32(a));
    __builtin_memcpy(&result, &bits, sizeof(result));
  }
  return result;
}
#endif

// A byte of ones or zeros for each lane.
template <class T, int N>
RECEPTIVE_FN typename VectorOf<std::int8_t, N>::type to_bytes(Mask<T, N> m) {
  using Bytes = typename VectorOf<std::int8_t, N>::type;
  [[maybe_unused]] constexpr int bytes = static_cast<int>(sizeof(m.v));
#if defined(__AVX2__) && !defined(__AVX512F__)
  if constexpr (bytes == 32 && sizeof(T) >= 4) {
    const auto v = reinterpret_cast<__m256i>(m.v);
    const __m128i low = _mm256_castsi256_si128(v);
    const __m128i high = _mm256_extracti128_si256(v, 1);
    __m128i words;
    if constexpr (sizeof(T) == 4) {
      words = _mm_packs_epi32(low, high);
    } else {
      const __m128i halves = _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(low), _mm_castsi128_ps(high), 0x88));
      words = _mm_packs_epi32(halves, halves);
    }
    return low_bytes<Bytes>(_mm_packs_epi16(words, words));
  }
#elif defined(__SSE2__) && !defined(__AVX512F__)
  if constexpr (bytes == 16 && sizeof(T) >= 4) {
    __m128i v = reinterpret_cast<__m128i>(m.v);
    if constexpr (sizeof(T) == 8) v = _mm_shuffle_epi32(v, 0x88);
    const __m128i words = _mm_packs_epi32(v, v);
    return low_bytes<Bytes>(_mm_packs_epi16(words, words));
  }
#endif
  return __builtin_convertvector(m.v, Bytes);
}

}  // namespace masks

// The mask of a comparison of U lanes, for a select of T lanes.
template <class T, class U, int N>
RECEPTIVE_FN Mask<T, N> convert_mask(Mask<U, N> m) {
#if defined(__SSE2__) && !defined(__AVX2__)
  if constexpr (sizeof(U) == 1 && sizeof(T) == 4 && N == 4) {
    int bits = 0;
    __builtin_memcpy(&bits, &m.v, sizeof(bits));
    __m128i v = _mm_cvtsi32_si128(bits);  // a lane's byte four times over is the wide lane's mask
    v = _mm_unpacklo_epi8(v, v);
    return {reinterpret_cast<typename Mask<T, N>::Vector>(_mm_unpacklo_epi16(v, v))};
  }
#endif
  if constexpr (sizeof(T) == sizeof(U)) {
    return {m.v};
  } else if constexpr (sizeof(T) == 1) {
    return {masks::to_bytes(m)};
  } else {
    return {__builtin_convertvector(m.v, typename Mask<T, N>::Vector)};
  }
}

// 1 and 0 as bytes, the representation of bool tensors.
template <class T, int N>
RECEPTIVE_FN Pack<std::uint8_t, N> to_bool(Mask<T, N> m) {
  return Pack<std::uint8_t, N>(reinterpret_cast<typename Pack<std::uint8_t, N>::Vector>(masks::to_bytes(m))) &
         std::uint8_t{1};
}

}  // namespace receptive::RECEPTIVE_TARGET
