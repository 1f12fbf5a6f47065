// A convolution's attributes and what they mean in memory, for both layouts and all algorithms.
#pragma once

#include "gemm_problem.h"
#include "window.h"

namespace receptive::RECEPTIVE_TARGET {

// A tensor of activations as seen by one item.
template <class T>
struct Planes {
  const T* base;
  std::int64_t groups;
  std::int64_t image_stride;
  std::int64_t group_stride;
  std::int64_t channel_stride;
  std::int64_t pixel_stride;

  RECEPTIVE_FN const T* item(std::int64_t item) const {
    return base + item / groups * image_stride + item % groups * group_stride;
  }
};

struct ConvAttrs {
  std::int64_t batch;
  std::int64_t channels;
  std::int64_t height;
  std::int64_t width;
  std::int64_t filters;
  Pair kernel;
  Pair output;
  Pair stride;
  std::int64_t padding[4];  // top, bottom, left, right
  Pair dilation;
  std::int64_t groups;
  bool nhwc;
  std::int64_t algorithm;   // a ConvAlgorithm
  std::int64_t activation;  // of the forward pass: 0 none, 1 relu, 2 relu6
};

inline constexpr std::int64_t kConvActivations = 3;

template <class T>
RECEPTIVE_FN Clamp<T> clamp_of(const ConvAttrs& a) {
  Clamp<T> clamp;
  clamp.any = a.activation > 0;
  if (a.activation > 0) clamp.low = T{0};
  if (a.activation == 2) clamp.high = T{6};
  return clamp;
}

// In the order of `algorithms` in lib/ops/convAlgorithm.ts.
enum class ConvAlgorithm : std::int64_t { implicit, im2col, winograd2, winograd4, direct };
inline constexpr std::int64_t kConvAlgorithms = 5;

// The third axis of a convolution over planes.
RECEPTIVE_FN Axis flat_axis() { return {1, 1, 1, 1, 0, 0, 1}; }

// What the attributes mean in memory, for one layout. A convolution over volumes [C, D, H, W] is one over planes,
// summed over the taps along z: its channels are D planes apart, all of them NCHW.
struct ConvShape {
  Axis z, y, x;
  bool volume;  // there is a z, else it is flat_axis()
  std::int64_t images, groups;
  std::int64_t channels, filters;  // of one group
  std::int64_t taps;               // R * S
  std::int64_t in_pixels, out_pixels;
  bool nhwc;
  bool channelwise;  // NHWC, and every channel a group of its own with one filter: nothing is summed over channels
  std::int64_t in_channel_stride, in_pixel_stride, out_channel_stride, out_pixel_stride;

  RECEPTIVE_COLD explicit ConvShape(const ConvAttrs& a, const Axis* depth = nullptr)
      : z(depth == nullptr ? flat_axis() : *depth),
        y{a.height, a.output.h, a.kernel.h, a.stride.h, a.padding[0], a.padding[1], a.dilation.h},
        x{a.width, a.output.w, a.kernel.w, a.stride.w, a.padding[2], a.padding[3], a.dilation.w},
        volume(depth != nullptr),
        images(a.batch),
        groups(a.groups),
        channels(a.channels / a.groups),
        filters(a.filters / a.groups),
        taps(a.kernel.h * a.kernel.w),
        in_pixels(a.height * a.width),
        out_pixels(a.output.h * a.output.w),
        nhwc(a.nhwc),
        channelwise(a.nhwc && groups > 1 && channels == 1 && filters == 1 && taps <= 128),
        in_channel_stride(a.nhwc ? 1 : in_pixels * z.input),
        in_pixel_stride(a.nhwc ? a.channels : 1),
        out_channel_stride(a.nhwc ? 1 : out_pixels * z.output),
        out_pixel_stride(a.nhwc ? a.filters : 1) {}

  RECEPTIVE_FN std::int64_t products() const { return channels * taps; }  // C/groups * R * S
  RECEPTIVE_FN std::int64_t deep_taps() const { return taps * z.kernel; }
  RECEPTIVE_FN std::int64_t deep_products() const { return channels * deep_taps(); }  // elements of a filter

  template <class T>
  RECEPTIVE_FN Planes<T> input(const T* base) const {
    return Planes<T>{base,
                     groups,
                     groups * channels * in_pixels * z.input,
                     channels * in_channel_stride,
                     in_channel_stride,
                     in_pixel_stride};
  }
  template <class T>
  RECEPTIVE_FN Planes<T> output(const T* base) const {
    return Planes<T>{base,
                     groups,
                     groups * filters * out_pixels * z.output,
                     filters * out_channel_stride,
                     out_channel_stride,
                     out_pixel_stride};
  }
  // A 1x1 convolution that reads each pixel once: its input is the matrix already.
  RECEPTIVE_FN bool is_pointwise() const {
    return !volume && taps == 1 && y.stride == 1 && x.stride == 1 && y.before == 0 && x.before == 0 &&
           y.input == y.output && x.input == x.output;
  }
};

RECEPTIVE_FN bool is_columns(const ConvAttrs& a) {
  return static_cast<ConvAlgorithm>(a.algorithm) == ConvAlgorithm::im2col;
}
RECEPTIVE_FN bool is_winograd(const ConvAttrs& a) {
  const auto algorithm = static_cast<ConvAlgorithm>(a.algorithm);
  return algorithm == ConvAlgorithm::winograd2 || algorithm == ConvAlgorithm::winograd4;
}
RECEPTIVE_FN bool is_direct(const ConvAttrs& a) {
  return static_cast<ConvAlgorithm>(a.algorithm) == ConvAlgorithm::direct;
}

RECEPTIVE_FN bool fits_winograd(const ConvAttrs& a) {
  return a.kernel.h == 3 && a.kernel.w == 3 && a.stride.h == 1 && a.stride.w == 1 && a.dilation.h == 1 &&
         a.dilation.w == 1 && !a.nhwc;
}

inline constexpr std::int64_t kDirectChannels = 8;  // of a group
inline constexpr std::int64_t kDirectReach = 128;   // rows and columns from a window's first tap to its last, strides

RECEPTIVE_FN bool fits_direct(const ConvAttrs& a) {
  const auto near = [](std::int64_t kernel, std::int64_t dilation, std::int64_t stride) {
    return kernel <= kDirectReach && (kernel - 1) * dilation < kDirectReach && stride <= kDirectReach;
  };
  return !a.nhwc && a.channels <= kDirectChannels * a.groups && near(a.kernel.h, a.dilation.h, a.stride.h) &&
         near(a.kernel.w, a.dilation.w, a.stride.w);
}

// Weights whose packed form takes more are packed at each call.
inline constexpr std::int64_t kMostPackedBytes = std::int64_t{64} << 20;

// The key of weights in packed form. `taps`: the classes that they are in, if any.
RECEPTIVE_HOST_FN PackKey pack_key(const OpCall& call, const ConvAttrs& a, bool back, std::int32_t weight,
                                   std::uint64_t taps) {
  const auto word = [](std::int64_t high, std::int64_t low) {
    return static_cast<std::uint64_t>(high) << 32 | static_cast<std::uint64_t>(low);
  };
  return PackKey{
      {word(a.algorithm * 4 + (back ? 2 : 0) + (a.nhwc ? 1 : 0), static_cast<std::int64_t>(call.outputs[0].dtype)),
       word(a.filters, a.channels), word(a.kernel.h, a.kernel.w), taps << 32 | static_cast<std::uint64_t>(a.groups),
       reinterpret_cast<std::uint64_t>(call.inputs[weight].data)}};
}

RECEPTIVE_HOST_FN std::int64_t saturating_product(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? INT64_MAX / 64 : product;
}

}  // namespace receptive::RECEPTIVE_TARGET
