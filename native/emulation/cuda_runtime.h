// The slice of the CUDA runtime that native/cuda/ uses, on the host: the same sources, compiled by the host's compiler,
// make a device of the CPU. For tests wherever there is no GPU, under sanitizers too; its times mean nothing.
//
// Kernels run at their launch, on the calling thread, block after block; emulator.h says how the threads of a block do.
// Device memory is host memory, streams and events are therefore done when they are asked, and errors come at the call.
// RECEPTIVE_EMULATION_DEVICES (2), _MEMORY (bytes of each, 4 GiB), _SEED (0: in order) and _FAIL set what it pretends;
// _REPORT names a file that says at the end what failed so, and what was not given back.
#pragma once

#include <cstddef>
#include <cstdint>

#define RECEPTIVE_EMULATED 1
#define __host__
#define __device__
#define __global__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __restrict__
// Blocks of one thread follow each other, so they may share what is theirs.
#define __shared__ static thread_local

#define CUDART_VERSION 13000

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr dim3() = default;
  constexpr dim3(unsigned x_, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct alignas(8) int2 {
  int x, y;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(16) double2 {
  double x, y;
};

extern thread_local uint3 threadIdx;
extern thread_local uint3 blockIdx;
extern thread_local dim3 blockDim;
extern thread_local dim3 gridDim;
inline constexpr int warpSize = 32;

// Rows: name, number in CUDA, whether it is the end of the context, text.
#define RECEPTIVE_EMULATED_ERRORS(X)                                                      \
  X(cudaSuccess, 0, false, "no error")                                                    \
  X(cudaErrorInvalidValue, 1, false, "invalid argument")                                  \
  X(cudaErrorMemoryAllocation, 2, false, "out of memory")                                 \
  X(cudaErrorInvalidConfiguration, 9, false, "invalid configuration argument")            \
  X(cudaErrorInsufficientDriver, 35, false, "CUDA driver version is insufficient")        \
  X(cudaErrorNoDevice, 100, false, "no CUDA-capable device is detected")                  \
  X(cudaErrorInvalidDevice, 101, false, "invalid device ordinal")                         \
  X(cudaErrorECCUncorrectable, 214, true, "uncorrectable ECC error encountered")          \
  X(cudaErrorNvlinkUncorrectable, 220, true, "uncorrectable NVLink error")                \
  X(cudaErrorInvalidResourceHandle, 400, false, "invalid resource handle")                \
  X(cudaErrorNotReady, 600, false, "device not ready")                                    \
  X(cudaErrorIllegalAddress, 700, true, "an illegal memory access was encountered")       \
  X(cudaErrorLaunchOutOfResources, 701, false, "too many resources requested for launch") \
  X(cudaErrorLaunchTimeout, 702, true, "the launch timed out")                            \
  X(cudaErrorAssert, 710, true, "device-side assert triggered")                           \
  X(cudaErrorHardwareStackError, 714, true, "hardware stack error")                       \
  X(cudaErrorIllegalInstruction, 715, true, "an illegal instruction was encountered")     \
  X(cudaErrorMisalignedAddress, 716, true, "misaligned address")                          \
  X(cudaErrorInvalidAddressSpace, 717, true, "operation not supported on address space")  \
  X(cudaErrorInvalidPc, 718, true, "invalid program counter")                             \
  X(cudaErrorLaunchFailure, 719, true, "unspecified launch failure")                      \
  X(cudaErrorUnknown, 999, false, "unknown error")

enum cudaError_t {
#define RECEPTIVE_EMULATED_ERROR(name, number, sticky, text) name = number,
  RECEPTIVE_EMULATED_ERRORS(RECEPTIVE_EMULATED_ERROR)
#undef RECEPTIVE_EMULATED_ERROR
};

enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2, cudaMemcpyDeviceToDevice = 3 };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
inline constexpr unsigned cudaStreamNonBlocking = 1;
inline constexpr unsigned cudaEventBlockingSync = 1, cudaEventDisableTiming = 2;
inline constexpr unsigned cudaHostAllocDefault = 0;

typedef struct EmulatedStream* cudaStream_t;
typedef struct EmulatedEvent* cudaEvent_t;

struct cudaDeviceProp {
  char name[256];
  std::size_t totalGlobalMem;
  int major, minor;
  int multiProcessorCount;
};

cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaSetDevice(int device);
const char* cudaGetErrorString(cudaError_t error);
const char* cudaGetErrorName(cudaError_t error);
cudaError_t cudaGetLastError();
cudaError_t cudaPeekAtLastError();

cudaError_t cudaMalloc(void** data, std::size_t bytes);
cudaError_t cudaFree(void* data);
cudaError_t cudaHostAlloc(void** data, std::size_t bytes, unsigned flags);
cudaError_t cudaFreeHost(void* data);
cudaError_t cudaMemcpyAsync(void* target, const void* source, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* target, int value, std::size_t bytes, cudaStream_t stream);

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaEventCreate(cudaEvent_t* event);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t stop);
template <class Kernel>
cudaError_t cudaFuncSetAttribute(Kernel*, cudaFuncAttribute, int) {
  return cudaSuccess;
}

#include "emulator.h"
