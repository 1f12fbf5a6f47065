// Whether this processor, and its operating system, run the code of an x86-64 level (x86-64 psABI, table 3.1). Levels
// include the ones before them; the features tested are those that some processor has without the others.
#pragma once

#if defined(__x86_64__)
#include <cpuid.h>

namespace receptive {

// A feature of general registers: no support by the operating system is needed.
inline bool cpuid_bit(unsigned leaf, int bitOfEcx) {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid(leaf, &a, &b, &c, &d) != 0 && (c >> bitOfEcx & 1) != 0;
}

// The builtin also asks, by XGETBV, whether the operating system saves the vector registers.
inline bool supports_x86_64_v3() {
  __builtin_cpu_init();
  const bool vectors = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  const bool f16c = cpuid_bit(1, 29);
  const bool movbe = cpuid_bit(1, 22);
  const bool lzcnt = cpuid_bit(0x80000001u, 5);
  const bool bits = __builtin_cpu_supports("bmi") != 0 && __builtin_cpu_supports("bmi2") != 0;
  return vectors && f16c && movbe && lzcnt && bits;
}

inline bool supports_x86_64_v4() {
  return supports_x86_64_v3() && __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512cd") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
         __builtin_cpu_supports("avx512vl") != 0;
}

}  // namespace receptive
#endif
