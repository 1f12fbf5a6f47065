// The CPU targets that this build has, and the choice among them.
#pragma once

#include <string>
#include <vector>

#include "../core/op.h"

namespace receptive {

struct CpuTarget {
  const char* name;     // 'x86-64-v4'
  bool (*supported)();  // by this processor and its operating system
  OpTable (*table)();
};

// Best first.
const std::vector<CpuTarget>& cpu_targets();

// Names of those this processor supports, best first.
std::vector<std::string> supported_targets();

// RECEPTIVE_CPU_TARGET's, else the best that is supported. An unknown or unsupported one is an Error that lists the
// others.
const CpuTarget& selected_target();

}  // namespace receptive
