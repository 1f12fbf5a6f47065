// What a C++ test needs: EXPECT(condition, "format", …) counts and prints failures, report() is the exit status.
#pragma once

#include <atomic>
#include <cstdio>

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

inline int report(const char* name) {
  std::printf("%s: %s\n", name, failures == 0 ? "ok" : "FAILED");
  return failures == 0 ? 0 : 1;
}

}  // namespace harness
