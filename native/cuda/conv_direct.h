// The `direct` convolution on a GPU: a thread computes a result as the plain sum over its window, where a matrix
// product would share nothing because groups have few channels. It also computes the gradient by input where strides
// make more phases than `implicit` has items for.
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

  // Backward: channel `channel` of a group at input (at_y, at_x); of all taps, those that read it.
  RECEPTIVE_FN T backward(std::int64_t image, std::int64_t group, std::int64_t channel, std::int64_t at_y,
                          std::int64_t at_x) const {
    const Axis &y = shape.y, &x = shape.x;
    const T* from = source.base + image * source.image_stride + group * source.group_stride;
    const T* taps = weight + (group * shape.filters * shape.channels + channel) * shape.taps;
    T sum{0};
    for (std::int64_t f = 0; f < shape.filters; ++f, from += source.channel_stride, taps += shape.products()) {
      for (std::int64_t r = 0; r < y.kernel; ++r) {
        const std::int64_t up = at_y + y.before - r * y.dilation, oy = up / y.stride;
        if (up < 0) break;
        if (oy * y.stride != up) continue;
        for (std::int64_t s = 0; s < x.kernel; ++s) {
          const std::int64_t left = at_x + x.before - s * x.dilation, ox = left / x.stride;
          if (left < 0) break;
          if (ox * x.stride != left) continue;
          const bool inside = oy < y.output && ox < x.output;
          sum += taps[r * x.kernel + s] * (inside ? from[(oy * x.output + ox) * source.pixel_stride] : T{0});
        }
      }
    }
    return sum;
  }
};

// Planes are the channels of all images.
template <class T, bool kBack>
struct DirectPlanes {
  using Element = T;
  static constexpr bool kOverlap = true;
  DirectSum<T> sum;

  struct Plane {
    std::int64_t image, group, channel;
    T* to;
  };
  struct Row {
    Plane plane;
    std::int64_t y;
    T* to;
  };
  RECEPTIVE_FN Plane plane(std::int64_t index) const {
    const std::int64_t channels = kBack ? sum.shape.channels : sum.shape.filters;
    const std::int64_t channel = index % channels, of = index / channels;
    const std::int64_t image = of / sum.shape.groups, group = of - image * sum.shape.groups;
    return Plane{image, group, channel,
                 sum.output + image * sum.result.image_stride + group * sum.result.group_stride +
                     channel * sum.result.channel_stride};
  }
  RECEPTIVE_FN Row row(const Plane& plane, std::int64_t y) const {
    return Row{plane, y, plane.to + y * (kBack ? sum.shape.x.input : sum.shape.x.output)};
  }
  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t begin, P p) const {
    const auto& [image, group, channel, to] = row.plane;
    p.store(row.to + begin, Pack<T, 1>(kBack ? sum.backward(image, group, channel, row.y, begin)
                                             : sum.forward(image, group, channel, row.y, begin)));
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
    p.store(row.to + begin, Pack<T, 1>(kBack ? sum.backward(row.image, group, channel, row.y, row.x)
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
