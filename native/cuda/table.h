// The op table of the CUDA backend, generated like those of the CPU targets (cmake/kernels.cmake).
#pragma once

#include "../core/op.h"

namespace receptive::cuda {

OpTable op_table();

}  // namespace receptive::cuda
