// The environment variables of the CPU backend. An illegal value is an Error that lists what is allowed.
#pragma once

#include <cstdint>

namespace receptive {

// RECEPTIVE_NUM_THREADS, else OMP_NUM_THREADS, else usable_processors().
int default_threads();

// RECEPTIVE_MEMORY_LIMIT (bytes, or with a suffix k, m, g), else 80% of usable_memory().
std::int64_t default_memory_limit();

}  // namespace receptive
