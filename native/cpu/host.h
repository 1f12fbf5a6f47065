// What this process may use of the machine: processors, memory, and the limits that containers set.
#pragma once

#include <cstdint>
#include <string>

namespace receptive {

// Processors that the affinity mask and the cgroup's quota leave to this process; at least 1. `root` is put before
// /proc and /sys, for tests.
int usable_processors(const std::string& root = "");

// The smaller of physical memory and the cgroup's limit, in bytes.
std::int64_t usable_memory(const std::string& root = "");

// The largest cache of a processor, in bytes; 0 where the system does not say.
std::int64_t last_cache_bytes(const std::string& root = "");

// The processor's model name.
std::string processor_name(const std::string& root = "");

}  // namespace receptive
