// Host memory for the caching allocator.
#pragma once

#include "../core/allocator.h"

namespace receptive {

MemorySource host_memory();

}  // namespace receptive
