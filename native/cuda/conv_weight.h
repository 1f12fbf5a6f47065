// The `implicit` gradient by weight: a product of the gradient and of the image as its windows see it (conv_gather.h),
// summed over the pixels of all images. Rows are filters, columns taps in the order of the weights.
#pragma once

#include "../ops/conv_shape.h"
#include "conv_gather.h"

namespace receptive::RECEPTIVE_TARGET {

// Pixels of all images as steps, channels of planes across.
template <class Side>
class PlaneCopier {
 public:
  using T = typename Side::Element;

  __device__ PlaneCopier(const Planes<T>& planes, std::int64_t group, const FastDivider& pixels, std::int64_t origin,
                         std::int64_t extent, std::int64_t first)
      : planes_(planes), pixels_(pixels), step_(static_cast<int>(first)) {
    const int thread = static_cast<int>(threadIdx.x);
    k_ = thread % 8 + thread / 32 % 2 * 8;
    const int j = thread % 32 / 8 + thread / 64 * 4;
    to_ = (k_ * Side::kPitch + j) * static_cast<int>(sizeof(T));
    const std::int64_t inside = extent - origin - j;
    inside_ = inside <= 0              ? 0
              : inside >= Side::kWidth ? Side::kElements
                                       : (static_cast<int>(inside) + kAcross - 1) / kAcross;
    base_ = planes.base + group * planes.group_stride + (inside > 0 ? origin + j : 0) * planes.channel_stride;
  }

  template <bool kMasked>
  __device__ __forceinline__ void copy(std::uint32_t stage, int steps) {
    const int q = step_ + k_, image = pixels_.quotient(q);
    const T* from = base_ + image * planes_.image_stride + (q - image * pixels_.size());
#pragma unroll
    for (int i = 0; i < Side::kElements; ++i) {
      const bool inside = i < inside_ && (!kMasked || k_ < steps);
      copy_async<static_cast<int>(sizeof(T))>(stage + to_ + i * kAcross * static_cast<int>(sizeof(T)), from, inside);
      from += kAcross * planes_.channel_stride;
    }
    step_ += steps;
  }

 private:
  static constexpr int kAcross = Side::kThreads / kGemmSteps;
  const Planes<T>& planes_;
  const FastDivider& pixels_;
  const T* base_;
  int step_, k_, to_, inside_;
};

template <class T, bool kNhwc, bool kDeep>
struct WeightProblem {
  Gather<T, kDeep> image;
  GatherAxis y, x, z;  // z: where kDeep
  Planes<T> gradient;
  FastDivider pixels;  // of an image of the gradient
  T* output;
  int filters, taps;  // of a group; (channel, r, s)
  std::int64_t steps;

  RECEPTIVE_FN Extent extent(std::int64_t) const { return {filters, taps, steps}; }
  RECEPTIVE_FN const WeightProblem& a_source() const { return *this; }
  RECEPTIVE_FN const WeightProblem& b_source() const { return *this; }

  struct GradientPlanes {
    static constexpr bool kHasTable = false;
    template <class Side>
    using Table = NoTable;
    template <class Side>
    struct Copier : PlaneCopier<Side> {
      __device__ Copier(const WeightProblem& p, std::int64_t item, std::int64_t origin, std::int64_t extent,
                        std::int64_t first, NoTable&)
          : PlaneCopier<Side>(p.gradient, item, p.pixels, origin, extent, first) {}
    };
  };
  struct GradientPixels {
    static constexpr bool kHasTable = false;
    template <class Side>
    using Table = NoTable;
    template <class Side>
    struct Copier : ElementCopier<Side, false> {
      __device__ Copier(const WeightProblem& p, std::int64_t item, std::int64_t origin, std::int64_t extent,
                        std::int64_t first, NoTable&)
          : ElementCopier<Side, false>(p.gradient.base + item * p.gradient.group_stride, p.gradient.pixel_stride, 1,
                                       origin, extent, first) {}
    };
  };
  struct Windows {
    static constexpr bool kHasTable = true;
    template <class Side>
    using Table = GatherTable<Side, kDeep>;
    template <class Side>
    struct Copier : StepCopier<Side, true, kDeep> {
      __device__ Copier(const WeightProblem& p, std::int64_t item, std::int64_t origin, std::int64_t extent,
                        std::int64_t first, Table<Side>& table)
          : StepCopier<Side, true, kDeep>(p.image, {p.y, p.x, p.z}, item, origin, extent, first, table) {}
    };
  };
  using A = std::conditional_t<kNhwc, GradientPixels, GradientPlanes>;
  using B = Windows;

  __device__ MatrixPlace<T> place(std::int64_t item) const {
    return {output + item * filters * taps, taps, nullptr, nullptr, Clamp<T>{}, false};
  }
};

// kDeep: of volumes.
template <class T, class X, bool kDeep = false>
class WeightProduct {
 public:
  static std::int64_t workspace(const ConvShape& s) {
    return WeightProduct(s).splits().template workspace<T>(s.groups, s.filters, s.deep_products());
  }

  explicit WeightProduct(const ConvShape& shape) : shape_(shape) {}

  void run(const X& executor, const T* input, const T* gradient, T* output) const {
    if constexpr (!kDeep) {
      if (shape_.nhwc) return start<true>(executor, input, gradient, output);
    }
    start<false>(executor, input, gradient, output);
  }

 private:
  std::int64_t pixels() const { return shape_.out_pixels * shape_.z.output; }
  std::int64_t steps() const { return shape_.images * pixels(); }
  GemmSplits splits() const {
    return GemmSplits(GemmSplits::tiles(shape_.filters, shape_.deep_products()) * shape_.groups, steps());
  }

  template <bool kNhwc>
  void start(const X& executor, const T* input, const T* gradient, T* output) const {
    const ConvShape& s = shape_;
    const WeightProblem<T, kNhwc, kDeep> problem{
        gather_of<kDeep>(s.input(input), s.z.input, s.y.input, s.x.input, s.channels, s.deep_taps()),
        GatherAxis::of(s.y),
        GatherAxis::of(s.x),
        GatherAxis::of(s.z),
        s.output(gradient),
        FastDivider::by(max_of(1, pixels())),
        output,
        static_cast<int>(s.filters),
        static_cast<int>(s.deep_products()),
        steps()};
    multiply_tiles<T>(executor, problem, s.groups, s.filters, s.deep_products(), splits(), executor.workspace());
  }

  ConvShape shape_;
};

}  // namespace receptive::RECEPTIVE_TARGET
