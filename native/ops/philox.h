// Philox-4x32-10, the counter-based generator of Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1,
// 2, 3", SC 2011: four 32-bit words that are a function of a 128-bit counter and a 64-bit key. Element i of a stream
// takes the counter (low 32 bits of i, high 32 bits of i, 0, 0) and the seed as key, so that it is the same wherever it
// is computed.
//
// A lane holds a 32-bit word in 64 bits, the form in which processors multiply 32 by 32 bits to 64. The upper halves of
// words may hold anything between steps; multiply_words() ignores them.
#pragma once

#include "executor.h"

namespace receptive::RECEPTIVE_TARGET {

// The four words of each lane; only the low 32 bits count.
template <int N>
struct PhiloxWords {
  Pack<std::uint64_t, N> w[4];

  // Words k and k + 1 as one 64-bit number, word k the lower half.
  RECEPTIVE_FN Pack<std::uint64_t, N> pair(int k) const {
    return (w[k] & std::uint64_t{0xffffffffu}) | (w[k + 1] << 32);
  }
};

// The keys of the ten rounds.
struct PhiloxKey {
  std::uint64_t low[10];
  std::uint64_t high[10];

  RECEPTIVE_FN PhiloxKey(std::uint32_t k0, std::uint32_t k1) {
    for (int round = 0; round < 10; ++round) {
      low[round] = k0;
      high[round] = k1;
      k0 += 0x9e3779b9u;
      k1 += 0xbb67ae85u;
    }
  }
};

template <int N>
RECEPTIVE_FN PhiloxWords<N> philox(PhiloxWords<N> c, const PhiloxKey& key) {
  using Word = Pack<std::uint64_t, N>;
  const Word m0(std::uint64_t{0xd2511f53u}), m1(std::uint64_t{0xcd9e8d57u});
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    const Word p0 = multiply_words(c.w[0], m0);
    const Word p1 = multiply_words(c.w[2], m1);
    c = PhiloxWords<N>{
        {(p1 >> 32) ^ c.w[1] ^ Word(key.low[round]), p1, (p0 >> 32) ^ c.w[3] ^ Word(key.high[round]), p0}};
  }
  return c;
}

// The words of N elements of a stream, `step` elements apart.
template <int N>
RECEPTIVE_FN PhiloxWords<N> philox_stream(const PhiloxKey& key, std::uint64_t first, std::uint64_t step) {
  using Word = Pack<std::uint64_t, N>;
  const Word index = iota<std::uint64_t, N>() * Word(step) + Word(first);
  return philox(PhiloxWords<N>{{index, index >> 32, Word(0), Word(0)}}, key);
}

}  // namespace receptive::RECEPTIVE_TARGET
