// What the stream hands to kernels on CUDA, behind KernelContext::stream; plain data.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace receptive {

// The first failure that a task's data showed, in host memory that the device writes. The key has the position in its
// upper half and the value, which is an int32 or smaller, in the lower: the smallest key is the first position.
struct FaultSlot {
  unsigned long long key;
  unsigned long long limit;
};
inline constexpr unsigned long long kNoFault = ~0ull;

class StreamLibraries;  // stream_libraries.h

struct CudaContext {
  cudaStream_t stream;
  FaultSlot* fault;
  int multiprocessors;
  StreamLibraries* libraries;
};

}  // namespace receptive
