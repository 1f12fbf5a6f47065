// Errors of the CUDA runtime. Most are about one call; some ("sticky" ones: an illegal address in a kernel) are the end
// of the device's context, after which every call fails. Those latch the device as lost.
#pragma once

#include <cuda_runtime.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "../core/failure.h"

namespace receptive {

class DeviceHealth {
 public:
  DeviceHealth(std::string id, int ordinal) : id_(std::move(id)), ordinal_(ordinal) {}

  int ordinal() const { return ordinal_; }
  const std::string& id() const { return id_; }
  bool lost() const { return lost_.load(std::memory_order_acquire); }

  // The failure of a lost device; null while it is not.
  FailurePointer failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
  }

  // Throws Error(deviceLost) once the device is lost.
  void expect_alive() const;
  // Throws for every status but success: Error(memory), Error(deviceLost) after a sticky error, else Error(general).
  void check(cudaError_t status, const char* what);
  // Tells a sticky error from others, and latches it. True: the device is lost.
  bool latch(cudaError_t status, const char* what) noexcept;
  // Latches whatever error, where nothing is known of the device's work any more.
  void lose(cudaError_t status, const char* what) noexcept;

 private:
  const std::string id_;
  const int ordinal_;
  std::atomic<bool> lost_{false};
  mutable std::mutex mutex_;
  FailurePointer failure_;
};

// Makes a device the calling thread's, which is what most calls of the runtime mean.
inline cudaError_t use_device(int ordinal) {
  thread_local int current = -1;
  if (current == ordinal) return cudaSuccess;
  const cudaError_t status = cudaSetDevice(ordinal);
  if (status == cudaSuccess) current = ordinal;
  return status;
}

// Device memory, and host memory that a device reads and writes directly.
struct MemorySource;
MemorySource device_memory(DeviceHealth& health);
MemorySource pinned_memory(DeviceHealth& health);

}  // namespace receptive
