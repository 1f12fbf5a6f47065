// The `direct` convolution on a GPU: a thread computes a result as the plain sum over its window, where a matrix
// product would share nothing because groups have few channels. It also computes the gradient by input where strides
// make more phases than `implicit` has items for; that of volumes (kDeep), too.
#pragma once

#include "../ops/conv_shape.h"
#include "executor.h"

namespace receptive::RECEPTIVE_TARGET {

// What all results have in common. Lanes lie along what is contiguous: columns of the image, or channels (NHWC).
template <class T>
struct DirectSum {
  ConvShape shape;
  Planes<T> source, result;
  const T* weight;
  const T* bias;
  T* output;
  Clamp<T> clamp;

  // Forward: filter `channel` of a group at output (at_y, at_x). In the order channel, r, s.
  RECEPTIVE_FN T forward(std::int64_t image, std::int64_t group, std::int64_t channel, std::int64_t at_y,
                         std::int64_t at_x) const {
    const Axis &y = shape.y, &x = shape.x;
    const T* from = source.base + image * source.image_stride + group * source.group_stride;
    const T* taps = weight + (group * shape.filters + channel) * shape.products();
    T sum{0};
    for (std::int64_t c = 0; c < shape.channels; ++c, from += source.channel_stride) {
      for (std::int64_t r = 0; r < y.kernel; ++r) {
        const std::int64_t iy = y.first(at_y) + r * y.dilation;
        for (std::int64_t s = 0; s < x.kernel; ++s, ++taps) {
          const std::int64_t ix = x.first(at_x) + s * x.dilation;
          const bool inside = iy >= 0 && iy < y.input && ix >= 0 && ix < x.input;
          sum += *taps * (inside ? from[(iy * x.input + ix) * source.pixel_stride] : T{0});
        }
      }
    }
    if (bias != nullptr) sum += bias[group * shape.filters + channel];
    return clamp(Pack<T, 1>(sum)).v;
  }

  // Backward: channel `channel` of a group at input (at_z, at_y, at_x), 0 along z but where kDeep; of all taps, those
  // that read it.
  template <bool kDeep>
  RECEPTIVE_FN T backward(std::int64_t image, std::int64_t group, std::int64_t channel, std::int64_t at_z,
                          std::int64_t at_y, std::int64_t at_x) const {
    const Axis &z = shape.z, &y = shape.y, &x = shape.x;
    const std::int64_t deep = kDeep ? z.kernel : 1, all = deep * shape.taps;
    const T* from = source.base + image * source.image_stride + group * source.group_stride;
    const T* taps = weight + (group * shape.filters * shape.channels + channel) * all;
    T sum{0};
    for (std::int64_t f = 0; f < shape.filters; ++f, from += source.channel_stride, taps += shape.channels * all) {
      for (std::int64_t t = 0; t < deep; ++t) {
        std::int64_t oz = 0;
        if constexpr (kDeep) {
          const std::int64_t back = at_z + z.before - t * z.dilation;
          if (back < 0) break;
          oz = back / z.stride;
          if (oz * z.stride != back) continue;
        }
        for (std::int64_t r = 0; r < y.kernel; ++r) {
          const std::int64_t up = at_y + y.before - r * y.dilation, oy = up / y.stride;
          if (up < 0) break;
          if (oy * y.stride != up) continue;
          for (std::int64_t s = 0; s < x.kernel; ++s) {
            const std::int64_t left = at_x + x.before - s * x.dilation, ox = left / x.stride;
            if (left < 0) break;
            if (ox * x.stride != left) continue;
            const bool inside = (!kDeep || oz < z.output) && oy < y.output && ox < x.output;
            const std::int64_t at = ((oz * y.output + oy) * x.output + ox) * source.pixel_stride;
            sum += taps[(t * y.kernel + r) * x.kernel + s] * (inside ? from[at] : T{0});
          }
        }
      }
    }
    return sum;
  }
};

// Planes are the channels of all images, each `depth` of them in a volume.
template <class T, bool kBack, bool kDeep = false>
struct DirectPlanes {
  static_assert(kBack || !kDeep);
  using Element = T;
  static constexpr bool kOverlap = true;
  DirectSum<T> sum;

  struct Plane {
    std::int64_t image, group, channel, z;
    T* to;
  };
  struct Row {
    Plane plane;
    std::int64_t y;
    T* to;
  };
  RECEPTIVE_FN Plane plane(std::int64_t index) const {
    const std::int64_t channels = kBack ? sum.shape.channels : sum.shape.filters;
    const std::int64_t depth = kDeep ? sum.shape.z.input : 1, line = index / depth, z = index - line * depth;
    const std::int64_t channel = line % channels, of = line / channels;
    const std::int64_t image = of / sum.shape.groups, group = of - image * sum.shape.groups;
    return Plane{image, group, channel, z,
                 sum.output + image * sum.result.image_stride + group * sum.result.group_stride +
                     channel * sum.result.channel_stride + z * sum.shape.in_pixels};
  }
  RECEPTIVE_FN Row row(const Plane& plane, std::int64_t y) const {
    return Row{plane, y, plane.to + y * (kBack ? sum.shape.x.input : sum.shape.x.output)};
  }
  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t begin, P p) const {
    const auto& [image, group, channel, z, to] = row.plane;
    if constexpr (kBack) {
      p.store(row.to + begin, Pack<T, 1>(sum.template backward<kDeep>(image, group, channel, z, row.y, begin)));
    } else {
      p.store(row.to + begin, Pack<T, 1>(sum.forward(image, group, channel, row.y, begin)));
    }
  }
};

// Rows are the pixels of all images.
template <class T, bool kBack>
struct DirectPixels {
  using Element = T;
  static constexpr bool kOverlap = true;
  DirectSum<T> sum;

  struct Row {
    std::int64_t image, y, x;
    T* to;
  };
  RECEPTIVE_FN Row row(std::int64_t index) const {
    const std::int64_t height = kBack ? sum.shape.y.input : sum.shape.y.output;
    const std::int64_t width = kBack ? sum.shape.x.input : sum.shape.x.output;
    const std::int64_t line = index / width, image = line / height;
    return Row{image, line - image * height, index - line * width, sum.output + index * sum.result.pixel_stride};
  }
  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t begin, P p) const {
    const std::int64_t channels = kBack ? sum.shape.channels : sum.shape.filters;
    const std::int64_t group = begin / channels, channel = begin - group * channels;
    p.store(row.to + begin, Pack<T, 1>(kBack ? sum.template backward<false>(row.image, group, channel, 0, row.y, row.x)
                                             : sum.forward(row.image, group, channel, row.y, row.x)));
  }
};

template <bool kBack, class T, class X>
void direct_convolution(const X& executor, const ConvAttrs& a, const T* from, const T* weight, const T* bias,
                        T* output) {
  const ConvShape s(a);
  const T* to = output;
  const DirectSum<T> sum{s,
                         kBack ? s.output(from) : s.input(from),
                         kBack ? s.input(to) : s.output(to),
                         weight,
                         bias,
                         output,
                         clamp_of<T>(a)};
  const std::int64_t channels = s.groups * (kBack ? s.channels : s.filters);
  const std::int64_t height = kBack ? s.y.input : s.y.output, width = kBack ? s.x.input : s.x.output;
  if (s.nhwc) {
    executor.rows(s.images * height * width, channels, DirectPixels<T, kBack>{sum});
  } else {
    executor.planes(s.images * channels, height, width, DirectPlanes<T, kBack>{sum});
  }
}

// The gradient by input of a convolution over volumes.
template <class T, class X>
void direct_volume_input(const X& executor, const ConvShape& s, const T* weight, const T* gradient, T* output) {
  const T* to = output;
  const DirectSum<T> sum{s, s.output(gradient), s.input(to), weight, nullptr, output, {}};
  executor.planes(s.images * s.groups * s.channels * s.z.input, s.y.input, s.x.input, DirectPlanes<T, true, true>{sum});
}

inline constexpr int kWeightThreads = 256;

// The gradient of a weight is a block's: its threads add pixels in turn, then each other's sums pairwise.
template <class T>
__global__ void __launch_bounds__(kWeightThreads)
    direct_weight_kernel(const __grid_constant__ ConvShape s, const Planes<T> input, const Planes<T> gradient,
                         T* output) {
  __shared__ T sums[kWeightThreads];
  const std::int64_t weights = s.groups * s.filters * s.products();
  const int thread = static_cast<int>(threadIdx.x);
  for (std::int64_t index = blockIdx.x; index < weights; index += gridDim.x) {
    const std::int64_t tap = index % s.taps, plane = index / s.taps;
    const std::int64_t channel = plane % s.channels, filter = plane / s.channels;
    const std::int64_t group = filter / s.filters;
    const T* from = input.base + group * input.group_stride + channel * input.channel_stride;
    const T* by =
        gradient.base + group * gradient.group_stride + (filter - group * s.filters) * gradient.channel_stride;
    const std::int64_t down = tap / s.x.kernel * s.y.dilation, across = tap % s.x.kernel * s.x.dilation;
    T sum{0};
    for (std::int64_t q = thread; q < s.images * s.out_pixels; q += kWeightThreads) {
      const std::int64_t line = q / s.x.output, image = line / s.y.output;
      const std::int64_t iy = s.y.first(line - image * s.y.output) + down,
                         ix = s.x.first(q - line * s.x.output) + across;
      const bool inside = iy >= 0 && iy < s.y.input && ix >= 0 && ix < s.x.input;
      const T pixel = inside ? from[image * input.image_stride + (iy * s.x.input + ix) * input.pixel_stride] : T{0};
      sum += by[image * gradient.image_stride + (q - image * s.out_pixels) * gradient.pixel_stride] * pixel;
    }
    __syncthreads();  // the sums of the weight before have been read
    sums[thread] = sum;
    for (int half = kWeightThreads / 2; half > 0; half /= 2) {
      __syncthreads();
      if (thread < half) sums[thread] += sums[thread + half];
    }
    if (thread == 0) output[index] = sums[0];
  }
}

template <class T, class X>
void direct_weight(const X& executor, const ConvAttrs& a, const T* input, const T* gradient, T* output) {
  const ConvShape s(a);
  const std::int64_t weights = s.groups * s.filters * s.products();
  if (weights == 0) return;
  const auto blocks = static_cast<unsigned>(min_of(weights, 0x7fffffff));
  launch(direct_weight_kernel<T>, blocks, kWeightThreads, 0, executor.stream(), s, s.input(input), s.output(gradient),
         output);
}

}  // namespace receptive::RECEPTIVE_TARGET
