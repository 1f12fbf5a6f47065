// A product that the compiler's vector types cannot ask for by an operator.
#pragma once

#include "pack.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace receptive::RECEPTIVE_TARGET {

// The full product of the low 32 bits of each lane. GCC 12 multiplies 64-bit lanes in full, which most targets do not
// have.
template <int N>
RECEPTIVE_FN Pack<std::uint64_t, N> multiply_words(Pack<std::uint64_t, N> a, Pack<std::uint64_t, N> b) {
  using Vector [[maybe_unused]] = typename Pack<std::uint64_t, N>::Vector;
#if defined(__AVX512F__)
  if constexpr (N == 8) {
    return Pack<std::uint64_t, N>(reinterpret_cast<Vector>(
        _mm512_maskz_mul_epu32(0xff, reinterpret_cast<__m512i>(a.v), reinterpret_cast<__m512i>(b.v))));
  }
#endif
#if defined(__AVX2__)
  if constexpr (N == 4) {
    return Pack<std::uint64_t, N>(
        reinterpret_cast<Vector>(_mm256_mul_epu32(reinterpret_cast<__m256i>(a.v), reinterpret_cast<__m256i>(b.v))));
  }
#endif
#if defined(__SSE2__)
  if constexpr (N == 2) {
    return Pack<std::uint64_t, N>(
        reinterpret_cast<Vector>(_mm_mul_epu32(reinterpret_cast<__m128i>(a.v), reinterpret_cast<__m128i>(b.v))));
  }
#elif defined(__aarch64__)
  if constexpr (N == 2) {
    return Pack<std::uint64_t, N>(reinterpret_cast<Vector>(
        vmull_u32(vmovn_u64(reinterpret_cast<uint64x2_t>(a.v)), vmovn_u64(reinterpret_cast<uint64x2_t>(b.v)))));
  }
#endif
  constexpr std::uint64_t low = 0xffffffffu;
  return (a & low) * (b & low);
}

}  // namespace receptive::RECEPTIVE_TARGET
