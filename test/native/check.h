// What a C++ test needs: EXPECT(condition, "format", …) counts and prints failures, report() is the exit status.
#pragma once

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace harness {

inline std::atomic<int> failures{0};

#define EXPECT(condition, ...)                                    \
  do {                                                            \
    if (!(condition)) {                                           \
      ++harness::failures;                                        \
      std::printf("%s:%d: %s: ", __FILE__, __LINE__, #condition); \
      std::printf(__VA_ARGS__);                                   \
      std::printf("\n");                                          \
    }                                                             \
  } while (false)

// How many of `count` random problems to try: the n-th part where RECEPTIVE_TEST_SHARE is n, for a processor that is
// emulated and as much slower.
inline int problems(int count) {
  const char* share = std::getenv("RECEPTIVE_TEST_SHARE");
  const int parts = share == nullptr ? 1 : std::atoi(share);
  return parts > 1 ? (count + parts - 1) / parts : count;
}

inline int report(const char* name) {
  std::printf("%s: %s\n", name, failures == 0 ? "ok" : "FAILED");
  return failures == 0 ? 0 : 1;
}

}  // namespace harness
