// The handles that one stream has of the libraries beside the backend's own kernels, made at first use.
#pragma once

#include <optional>

#include "cublas.h"

namespace receptive {

class StreamLibraries {
 public:
  StreamLibraries(DeviceHealth& health, Stream& owner) : health_(health), owner_(owner) {}

  // Throws Error(unsupported) where the library is not used, and what making a handle throws.
  CublasHandle& blas(cudaStream_t stream) {
    if (!blas_) blas_.emplace(health_, owner_, stream);
    return *blas_;
  }

  // Once the stream is idle, and before it ends.
  void close() noexcept { blas_.reset(); }

 private:
  DeviceHealth& health_;
  Stream& owner_;
  std::optional<CublasHandle> blas_;
};

}  // namespace receptive
