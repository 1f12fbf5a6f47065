#include "targets.h"

#include <cstdlib>

#include "../core/error.h"
#include "cpu_level.h"
#include "cpu_targets.h"

namespace receptive {

#define RECEPTIVE_DECLARE_TARGET(target, name) \
  namespace target {                           \
  OpTable op_table();                          \
  }
RECEPTIVE_CPU_TARGETS(RECEPTIVE_DECLARE_TARGET)
#undef RECEPTIVE_DECLARE_TARGET

namespace {

// By namespace; NEON and SSE2 are part of their architectures. Unused where the build leaves that target out.
#if defined(__x86_64__)
[[maybe_unused]] bool supports_x86_64() { return true; }
#else
[[maybe_unused]] bool supports_arm64() { return true; }
#endif

std::string names_of(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

const std::vector<CpuTarget>& cpu_targets() {
  static const auto& targets = *new std::vector<CpuTarget>{
#define RECEPTIVE_TARGET_ROW(target, name) {name, supports_##target, target::op_table},
      RECEPTIVE_CPU_TARGETS(RECEPTIVE_TARGET_ROW)
#undef RECEPTIVE_TARGET_ROW
  };
  return targets;
}

std::vector<std::string> supported_targets() {
  std::vector<std::string> names;
  for (const CpuTarget& target : cpu_targets()) {
    if (target.supported()) names.emplace_back(target.name);
  }
  return names;
}

const CpuTarget& selected_target() {
  const char* wanted = std::getenv("RECEPTIVE_CPU_TARGET");
  const bool any = wanted == nullptr || *wanted == '\0';
  for (const CpuTarget& target : cpu_targets()) {
    if (target.supported() && (any || std::string(wanted) == target.name)) return target;
  }
  throw Error(ErrorCode::argument, text_of("RECEPTIVE_CPU_TARGET is '", wanted == nullptr ? "" : wanted,
                                           "'; this processor supports: ", names_of(supported_targets())));
}

}  // namespace receptive
