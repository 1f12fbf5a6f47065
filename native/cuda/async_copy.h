// Copies from global to shared memory that run beside the arithmetic: cp.async from compute capability 8.0 on; before
// that, through a register.
#pragma once

#include <cstdint>

#include "launch.h"

namespace receptive::RECEPTIVE_TARGET {

// Where something lies in shared memory, as the instructions have it.
__device__ __forceinline__ std::uint32_t shared_address(const void* at) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(at));
}

// kBytes: 4, 8 or 16, and both sides are aligned to them.
template <int kBytes>
__device__ __forceinline__ void copy_async(std::uint32_t to, const void* from) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  if constexpr (kBytes == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from));
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2;" ::"r"(to), "l"(from), "n"(kBytes));
  }
#else
  if constexpr (kBytes == 16) {
    *static_cast<uint4*>(__cvta_shared_to_generic(to)) = *static_cast<const uint4*>(from);
  } else if constexpr (kBytes == 8) {
    *static_cast<uint2*>(__cvta_shared_to_generic(to)) = *static_cast<const uint2*>(from);
  } else {
    *static_cast<unsigned*>(__cvta_shared_to_generic(to)) = *static_cast<const unsigned*>(from);
  }
#endif
}

// Zeros where it is not `inside`; `from` is then not read.
template <int kBytes>
__device__ __forceinline__ void copy_async(std::uint32_t to, const void* from, bool inside) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  const int bytes = inside ? kBytes : 0;
  if constexpr (kBytes == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes));
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(to), "l"(from), "n"(kBytes), "r"(bytes));
  }
#else
  if (inside) {
    copy_async<kBytes>(to, from);
  } else if constexpr (kBytes == 16) {
    *static_cast<uint4*>(__cvta_shared_to_generic(to)) = uint4{0, 0, 0, 0};
  } else if constexpr (kBytes == 8) {
    *static_cast<uint2*>(__cvta_shared_to_generic(to)) = uint2{0, 0};
  } else {
    *static_cast<unsigned*>(__cvta_shared_to_generic(to)) = 0;
  }
#endif
}

// Waits for the calling thread's copies; what other threads copied is there after a barrier.
__device__ __forceinline__ void wait_for_copies() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}

}  // namespace receptive::RECEPTIVE_TARGET
