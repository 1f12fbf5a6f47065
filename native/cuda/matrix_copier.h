// How matrices are copied into the stages of gemm_kernel.h.
#pragma once

#include "gemm_kernel.h"

namespace receptive::RECEPTIVE_TARGET {

struct NoTable {};

// Copies 16 bytes at a time of a matrix whose rows (elements of one step) are contiguous and aligned, and of a multiple
// of 16 bytes.
template <class Side>
class VectorCopier {
 public:
  using T = typename Side::Element;

  __device__ VectorCopier(const T* matrix, std::int64_t step_stride, std::int64_t origin, std::int64_t extent,
                          std::int64_t first)
      : stride_(step_stride) {
    const int thread = static_cast<int>(threadIdx.x);
    k_ = thread / kAcross;
    const int j = thread % kAcross * Side::kVector;
    to_ = (k_ * Side::kPitch + j) * static_cast<int>(sizeof(T));
    // Beyond the edge it copies what is before it: nobody looks at those results.
    from_ = matrix + (first + k_) * step_stride + (origin + j < extent ? origin + j : extent - Side::kVector);
  }

  template <bool kMasked>
  __device__ __forceinline__ void copy(std::uint32_t stage, int steps) {
#pragma unroll
    for (int i = 0; i < Side::kVectors; ++i) {
      const std::uint32_t to = stage + to_ + i * kDown * Side::kPitch * static_cast<int>(sizeof(T));
      const T* from = from_ + i * kDown * stride_;
      if constexpr (kMasked) {
        copy_async<16>(to, from, k_ + i * kDown < steps);
      } else {
        copy_async<16>(to, from);
      }
    }
    from_ += steps * stride_;
  }

 private:
  static constexpr int kAcross = Side::kWidth / Side::kVector;  // threads along a row of the stage
  static constexpr int kDown = Side::kThreads / kAcross;
  const T* from_;
  std::int64_t stride_;
  int to_, k_;
};

// Copies element by element. Neighbouring threads are neighbours along the steps (kAlongSteps: step_stride is 1), eight
// steps by four, which are 32 different banks; or along the width.
template <class Side, bool kAlongSteps>
class ElementCopier {
 public:
  using T = typename Side::Element;

  __device__ ElementCopier(const T* matrix, std::int64_t step_stride, std::int64_t stride, std::int64_t origin,
                           std::int64_t extent, std::int64_t first)
      : step_(kAlongSteps ? kAcross * stride : kDown * step_stride), advance_(step_stride) {
    const int thread = static_cast<int>(threadIdx.x);
    k_ = kAlongSteps ? thread % 8 + thread / 32 % 2 * 8 : thread / Side::kWidth;
    const int j = kAlongSteps ? thread % 32 / 8 + thread / 64 * 4 : thread % Side::kWidth;
    to_ = (k_ * Side::kPitch + j) * static_cast<int>(sizeof(T));
    const std::int64_t inside = extent - origin - j;  // of the width, from the thread's first on
    inside_ = inside <= 0                              ? 0
              : !kAlongSteps || inside >= Side::kWidth ? Side::kElements
                                                       : (static_cast<int>(inside) + kAcross - 1) / kAcross;
    from_ = matrix + (first + k_) * step_stride + (inside > 0 ? origin + j : 0) * stride;
  }

  template <bool kMasked>
  __device__ __forceinline__ void copy(std::uint32_t stage, int steps) {
    const T* from = from_;
#pragma unroll
    for (int i = 0; i < Side::kElements; ++i) {
      const std::uint32_t to = stage + to_ + i * kToStep;
      const bool inside = i < inside_ && (!kMasked || k_ + i * kDown < steps);
      copy_async<static_cast<int>(sizeof(T))>(to, from, inside);
      from += step_;
    }
    from_ += kAlongSteps ? steps : steps * advance_;
  }

 private:
  // From one of the thread's elements to its next.
  static constexpr int kAcross = kAlongSteps ? Side::kThreads / kGemmSteps : 0;
  static constexpr int kDown = kAlongSteps ? 0 : Side::kThreads / Side::kWidth;
  static constexpr int kToStep = (kDown * Side::kPitch + kAcross) * static_cast<int>(sizeof(T));
  const T* from_;
  std::int64_t step_, advance_;
  int to_, k_, inside_;
};

}  // namespace receptive::RECEPTIVE_TARGET
