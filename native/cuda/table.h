// The op table of the CUDA backend.
#pragma once

#include "../core/op.h"

namespace receptive {

// Ops in the registry's order; those of families that the backend does not have yet have no run().
OpTable cuda_ops();

}  // namespace receptive
