// Linked into every kernel test: exits with CTest's "skipped" where the processor cannot run the test's target.
#include <unistd.h>

#include "cpu/cpu_level.h"

namespace {

bool supported() {
#if defined(RECEPTIVE_TARGET_x86_64_v3)
  return receptive::supports_x86_64_v3();
#elif defined(RECEPTIVE_TARGET_x86_64_v4)
  return receptive::supports_x86_64_v4();
#else
  return true;
#endif
}

// Before the constructors of the test, which may use the target's instructions.
__attribute__((constructor(101))) void guard() {
  if (!supported()) _exit(77);
}

}  // namespace
