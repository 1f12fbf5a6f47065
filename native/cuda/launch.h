// Everything of CUDA C++ that is no plain C++, so that native/emulation/ can stand in for it: launches, memory shared
// by a block, and the instructions that have no function.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "../core/target.h"

namespace receptive::RECEPTIVE_TARGET {

#if defined(__CUDA_ARCH__) || defined(RECEPTIVE_EMULATED)
#define RECEPTIVE_DEVICE_CODE 1  // the half of a host and device function that runs on the device
#endif

#ifdef RECEPTIVE_EMULATED

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared, cudaStream_t,
            const Arguments&... arguments) {
  const auto thread = [&] { kernel(static_cast<Parameters>(arguments)...); };
  emulation::launch(grid, block, shared,
                    {[](const void* closure) { (*static_cast<decltype(thread)*>(closure))(); }, &thread});
}

// The block's memory of the size that its launch named.
inline std::byte* shared_memory() { return emulation::shared_memory(); }

#else

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared, cudaStream_t stream,
            const Arguments&... arguments) {
  // clang-format off
  kernel<<<grid, block, shared, stream>>>(arguments...);
  // clang-format on
}

__device__ __forceinline__ std::byte* shared_memory() {
  extern __shared__ __align__(16) unsigned char receptive_shared_memory[];
  return reinterpret_cast<std::byte*>(receptive_shared_memory);
}

#endif

}  // namespace receptive::RECEPTIVE_TARGET
