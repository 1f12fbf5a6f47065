#include "health.h"

#include "../core/allocator.h"
#include "../core/error.h"

namespace receptive {

void DeviceHealth::expect_alive() const {
  if (!lost()) return;
  const std::lock_guard lock(mutex_);
  throw Error(ErrorCode::deviceLost, failure_->message);
}

bool DeviceHealth::latch(cudaError_t status, const char* what) noexcept {
  if (lost()) return true;
  cudaGetLastError();  // forgets an error that is about one call
  // Freeing nothing does nothing but tell whether the context still lives.
  if (cudaFree(nullptr) == cudaSuccess) return false;
  const std::lock_guard lock(mutex_);
  if (failure_ == nullptr) {
    failure_ = std::make_shared<Failure>(
        ErrorCode::deviceLost, text_of("device '", id_, "' is lost: ", what, ": ", cudaGetErrorString(status), " (",
                                       cudaGetErrorName(status), "); it can be used again in a new process"));
  }
  lost_.store(true, std::memory_order_release);
  return true;
}

void DeviceHealth::check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  if (latch(status, what)) expect_alive();
  throw Error(
      status == cudaErrorMemoryAllocation ? ErrorCode::memory : ErrorCode::general,
      text_of(what, " on device '", id_, "': ", cudaGetErrorString(status), " (", cudaGetErrorName(status), ")"));
}

namespace {

void* allocate_device(int ordinal, std::size_t bytes) {
  void* data = nullptr;
  if (use_device(ordinal) == cudaSuccess && cudaMalloc(&data, bytes) == cudaSuccess) return data;
  cudaGetLastError();
  return nullptr;
}

void release_device(int ordinal, void* data, std::size_t) {
  if (use_device(ordinal) == cudaSuccess) cudaFree(data);
  cudaGetLastError();
}

void* allocate_pinned(int ordinal, std::size_t bytes) {
  void* data = nullptr;
  if (use_device(ordinal) == cudaSuccess && cudaHostAlloc(&data, bytes, cudaHostAllocDefault) == cudaSuccess)
    return data;
  cudaGetLastError();
  return nullptr;
}

void release_pinned(int ordinal, void* data, std::size_t) {
  if (use_device(ordinal) == cudaSuccess) cudaFreeHost(data);
  cudaGetLastError();
}

}  // namespace

MemorySource device_memory(int ordinal) { return {allocate_device, release_device, ordinal}; }
MemorySource pinned_memory(int ordinal) { return {allocate_pinned, release_pinned, ordinal}; }

}  // namespace receptive
