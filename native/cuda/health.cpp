#include "health.h"

#include "../core/allocator.h"
#include "../core/error.h"

namespace receptive {

namespace {

// Errors after which every call fails, as the runtime documents them.
bool ends_the_context(cudaError_t status) {
  switch (status) {
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
      return true;
    default:
      return false;
  }
}

}  // namespace

void DeviceHealth::expect_alive() const {
  if (!lost()) return;
  const std::lock_guard lock(mutex_);
  throw Error(ErrorCode::deviceLost, failure_->message);
}

bool DeviceHealth::latch(cudaError_t status, const char* what) noexcept {
  if (lost()) return true;
  cudaGetLastError();  // forgets an error that is about one call
  // Freeing nothing does nothing but tell whether the context still lives.
  if (!ends_the_context(status) && cudaFree(nullptr) == cudaSuccess) return false;
  lose(status, what);
  return true;
}

void DeviceHealth::lose(cudaError_t status, const char* what) noexcept {
  const std::lock_guard lock(mutex_);
  if (failure_ == nullptr) {
    failure_ = std::make_shared<Failure>(
        ErrorCode::deviceLost, text_of("device '", id_, "' is lost: ", what, ": ", cudaGetErrorString(status), " (",
                                       cudaGetErrorName(status), "); it can be used again in a new process"));
  }
  lost_.store(true, std::memory_order_release);
}

void DeviceHealth::check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  if (latch(status, what)) expect_alive();
  throw Error(
      status == cudaErrorMemoryAllocation ? ErrorCode::memory : ErrorCode::general,
      text_of(what, " on device '", id_, "': ", cudaGetErrorString(status), " (", cudaGetErrorName(status), ")"));
}

namespace {

DeviceHealth& health_of(void* owner) { return *static_cast<DeviceHealth*>(owner); }

// Null when there is no memory; whatever else is wrong with the device must not look like that.
void* allocated(void* owner, cudaError_t (*allocate)(void** data, std::size_t bytes), std::size_t bytes,
                const char* what) {
  DeviceHealth& health = health_of(owner);
  health.check(use_device(health.ordinal()), "cudaSetDevice");
  void* data = nullptr;
  const cudaError_t status = allocate(&data, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return nullptr;
  }
  health.check(status, what);
  return data;
}

void* allocate_device(void* owner, std::size_t bytes) {
  return allocated(
      owner, [](void** data, std::size_t size) { return cudaMalloc(data, size); }, bytes, "cudaMalloc");
}

void release_device(void* owner, void* data, std::size_t) {
  if (use_device(health_of(owner).ordinal()) == cudaSuccess) cudaFree(data);
  cudaGetLastError();
}

void* allocate_pinned(void* owner, std::size_t bytes) {
  return allocated(
      owner, [](void** data, std::size_t size) { return cudaHostAlloc(data, size, cudaHostAllocDefault); }, bytes,
      "cudaHostAlloc");
}

void release_pinned(void* owner, void* data, std::size_t) {
  if (use_device(health_of(owner).ordinal()) == cudaSuccess) cudaFreeHost(data);
  cudaGetLastError();
}

}  // namespace

MemorySource device_memory(DeviceHealth& health) { return {allocate_device, release_device, &health}; }
MemorySource pinned_memory(DeviceHealth& health) { return {allocate_pinned, release_pinned, &health}; }

}  // namespace receptive
