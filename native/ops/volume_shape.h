// The attributes of a convolution over volumes, and what they mean in memory.
#pragma once

#include "tap_class.h"

namespace receptive::RECEPTIVE_TARGET {

struct Conv3dAttrs {
  std::int64_t batch;
  std::int64_t channels;
  std::int64_t input[3];  // depth, height, width; so are the next
  std::int64_t filters;
  std::int64_t kernel[3];
  std::int64_t output[3];
  std::int64_t stride[3];
  std::int64_t padding[6];  // front, back, top, bottom, left, right
  std::int64_t dilation[3];
  std::int64_t groups;
  std::int64_t activation;  // of the forward pass: 0 none, 1 relu, 2 relu6

  RECEPTIVE_FN Axis axis(int i) const {
    return Axis{input[i], output[i], kernel[i], stride[i], padding[2 * i], padding[2 * i + 1], dilation[i]};
  }

  // The convolution of two axes, by `implicit` in NCHW.
  RECEPTIVE_FN ConvAttrs planar(const Axis& y, const Axis& x) const {
    return ConvAttrs{batch,
                     channels,
                     y.input,
                     x.input,
                     filters,
                     {y.kernel, x.kernel},
                     {y.output, x.output},
                     {y.stride, x.stride},
                     {y.before, y.after, x.before, x.after},
                     {y.dilation, x.dilation},
                     groups,
                     false,
                     static_cast<std::int64_t>(ConvAlgorithm::implicit),
                     activation};
  }

  // Windows of one pixel, each of which is read once: height and width are then one axis, and a volume is a plane of
  // depth and that.
  RECEPTIVE_FN bool is_flat() const {
    const auto once = [](const Axis& a) RECEPTIVE_INLINE_LAMBDA {
      return a.kernel == 1 && a.stride == 1 && a.before == 0 && a.after == 0;
    };
    return once(axis(1)) && once(axis(2)) && small_count(input[1] * input[2]);
  }
  RECEPTIVE_COLD ConvAttrs flat() const {
    const std::int64_t pixels = input[1] * input[2];
    return planar(axis(0), Axis{pixels, pixels, 1, 1, 0, 0, 1});
  }
  RECEPTIVE_COLD ConvShape volume() const {
    const Axis z = axis(0);
    return ConvShape(planar(axis(1), axis(2)), &z);
  }
};

// The key of weights in packed form; those of conv2d have a first word below 2^40. `taps`: the classes that they are
// in, if any, 16 bits of an axis.
RECEPTIVE_HOST_FN PackKey pack_key(const OpCall& call, const Conv3dAttrs& a, bool back, bool flat, std::int32_t weight,
                                   std::uint64_t taps) {
  const auto word = [](std::int64_t high, std::int64_t low) {
    return static_cast<std::uint64_t>(high) << 32 | static_cast<std::uint64_t>(low);
  };
  const std::uint64_t form = 4 + (back ? 2 : 0) + (flat ? 1 : 0);
  return PackKey{{form << 56 | static_cast<std::uint64_t>(call.outputs[0].dtype) << 48 | taps,
                  word(a.filters, a.channels), word(a.kernel[1], a.kernel[2]), word(a.kernel[0], a.groups),
                  reinterpret_cast<std::uint64_t>(call.inputs[weight].data)}};
}
RECEPTIVE_FN std::uint64_t classes_of_taps(const Conv3dAttrs& a) {
  std::uint64_t taps = 0;
  for (int i = 0; i < 3; ++i) taps = taps << 16 | classes_of_taps(a.stride[i], a.dilation[i]);
  return taps;
}

}  // namespace receptive::RECEPTIVE_TARGET
