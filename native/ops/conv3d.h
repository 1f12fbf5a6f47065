// conv3d and its gradients by input and by weight (conv_volume.h). Weights are [filters, channels / groups, T, R, S].
#pragma once

#include "conv_volume.h"

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

struct Conv3dBase {
  using Attrs = Conv3dAttrs;
  static constexpr Field fields[] = {
      RECEPTIVE_INTEGER(Conv3dAttrs, batch),     RECEPTIVE_INTEGER(Conv3dAttrs, channels),
      RECEPTIVE_INTEGER(Conv3dAttrs, input),     RECEPTIVE_INTEGER(Conv3dAttrs, filters),
      RECEPTIVE_INTEGER(Conv3dAttrs, kernel),    RECEPTIVE_INTEGER(Conv3dAttrs, output),
      RECEPTIVE_INTEGER(Conv3dAttrs, stride),    RECEPTIVE_INTEGER(Conv3dAttrs, padding),
      RECEPTIVE_INTEGER(Conv3dAttrs, dilation),  RECEPTIVE_INTEGER(Conv3dAttrs, groups),
      RECEPTIVE_INTEGER(Conv3dAttrs, activation)};

  // Whether outer * inner * sizes make `size` elements, and no more than 2^53 where outer is 0.
  static bool holds(std::int64_t size, std::int64_t outer, std::int64_t inner, const std::int64_t (&sizes)[3]) {
    std::int64_t product = inner;
    for (const std::int64_t extent : sizes) {
      if (__builtin_mul_overflow(product, extent, &product) || product > std::int64_t{1} << 53) return false;
    }
    return !__builtin_mul_overflow(product, outer, &product) && product == size;
  }

  static const char* check_tensors(const OpCall& call, const View& input, const View& weight, const View& output) {
    const auto& a = attrs_of<Conv3dAttrs>(call);
    if (!is_float(input.dtype) || weight.dtype != input.dtype || output.dtype != input.dtype) {
      return "tensors must all be float32 or all float64";
    }
    if (!small_count(a.groups) || !small_count(a.channels) || !small_count(a.filters) || !small_count(a.batch)) {
      return "a count is out of range";
    }
    if (a.groups == 0 || a.channels % a.groups != 0 || a.filters % a.groups != 0) {
      return "channels and filters must be multiples of groups";
    }
    for (int i = 0; i < 3; ++i) {
      if (!valid_axis(a.axis(i))) return "a window number is out of range";
    }
    if (a.activation < 0 || a.activation >= kConvActivations) return "unknown activation";
    if (!holds(input.size, a.batch, a.channels, a.input)) {
      return "the input has not batch * channels * D * H * W elements";
    }
    if (!holds(weight.size, a.filters, a.channels / a.groups, a.kernel)) {
      return "the weight has not filters * channels / groups * T * R * S elements";
    }
    if (!holds(output.size, a.batch, a.filters, a.output)) {
      return "the output has not batch * filters * OD * OH * OW elements";
    }
    return nullptr;
  }

  static Cost cost(const OpCall& call) {
    const auto& a = attrs_of<Conv3dAttrs>(call);
    const auto product = [](std::int64_t count, const std::int64_t(&sizes)[3]) {
      return static_cast<double>(count) * static_cast<double>(sizes[0]) * static_cast<double>(sizes[1]) *
             static_cast<double>(sizes[2]);
    };
    const double products = product(a.channels / a.groups, a.kernel);
    const double outputs = product(a.batch * a.filters, a.output), inputs = product(a.batch * a.channels, a.input);
    const double weights = static_cast<double>(a.filters) * products;
    return Cost{2 * outputs * products,
                (inputs + outputs + weights) * static_cast<double>(element_bytes(call.outputs[0].dtype))};
  }

  // f(T{}) for the op's element type, which check() has seen to be a float.
  template <class F>
  static std::int64_t for_dtype(const OpCall& call, F&& f) {
    std::int64_t result = 0;
    dispatch_float(call.outputs[0].dtype, [&](auto tag) { result = f(tag); });
    return result;
  }

  // The weights in packed form; forms of conv2d have other keys, their first word is less than 2^40.
  template <class X>
  static PackRequest packs_of(const OpCall& call, bool back, std::int32_t weight) {
    const auto& a = attrs_of<Conv3dAttrs>(call);
    std::uint64_t taps = 0;  // their classes, where the gradient by input is in phases
    const std::int64_t bytes = for_dtype(call, [&](auto tag) -> std::int64_t {
      using T = decltype(tag);
      if (a.is_flat()) {
        const ConvAttrs flat = a.flat();
        if (back && in_phases<T, X>(flat)) taps = classes_of_taps(flat);
        return packs_weights<T, X>(flat, back) ? packed_weights_bytes<T, X>(flat, back) : 0;
      }
      const ConvShape s = a.volume();
      if (back && Volume<T, X>::in_phases(s)) {
        for (int i = 0; i < 3; ++i) taps = taps << 16 | classes_of_taps(a.stride[i], a.dilation[i]);
      }
      return Volume<T, X>::packed_bytes(s, back);
    });
    const auto word = [](std::int64_t high, std::int64_t low) {
      return static_cast<std::uint64_t>(high) << 32 | static_cast<std::uint64_t>(low);
    };
    const std::uint64_t form = 4 + (back ? 2 : 0) + (a.is_flat() ? 1 : 0);
    return PackRequest{
        bytes, weight,
        PackKey{{form << 56 | static_cast<std::uint64_t>(call.outputs[0].dtype) << 48 | taps,
                 word(a.filters, a.channels), word(a.kernel[1], a.kernel[2]), word(a.kernel[0], a.groups),
                 reinterpret_cast<std::uint64_t>(call.inputs[weight].data)}}};
  }
};

template <class X>
struct Conv3dOp : Conv3dBase {
  static constexpr const char* name = "conv3d";
  static constexpr int minInputs = 2, maxInputs = 3, outputs = 1;

  static const char* check(const OpCall& call) {
    if (call.inputCount == 3 &&
        (call.inputs[2].dtype != call.inputs[0].dtype || call.inputs[2].size != attrs_of<Conv3dAttrs>(call).filters)) {
      return "the bias must have one element per filter and the input's dtype";
    }
    return check_tensors(call, call.inputs[0], call.inputs[1], call.outputs[0]);
  }
  static PackRequest packs(const OpCall& call) { return packs_of<X>(call, false, 1); }

  static std::int64_t workspace(const OpCall& call, int threads) {
    const auto& a = attrs_of<Conv3dAttrs>(call);
    return for_dtype(call, [&](auto tag) -> std::int64_t {
      using T = decltype(tag);
      return a.is_flat() ? implicit_forward_workspace<T, X>(a.flat(), threads)
                         : Volume<T, X>::forward_workspace(a.volume(), threads);
    });
  }

  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto& a = attrs_of<Conv3dAttrs>(call);
      const auto* input = static_cast<const T*>(call.inputs[0].data);
      const auto* weight = static_cast<const T*>(call.inputs[1].data);
      const auto* bias = call.inputCount == 3 ? static_cast<const T*>(call.inputs[2].data) : nullptr;
      auto* output = static_cast<T*>(call.outputs[0].data);
      if (a.is_flat()) return implicit_forward(executor, a.flat(), input, weight, bias, output);
      Volume<T, X>::forward(executor, a.volume(), clamp_of<T>(a.planar(a.axis(1), a.axis(2))), input, weight, bias,
                            output);
    });
  }
};

template <class X>
struct Conv3dInputOp : Conv3dBase {
  static constexpr const char* name = "conv3dInput";
  static constexpr int minInputs = 2, maxInputs = 2, outputs = 1;

  static const char* check(const OpCall& call) {
    if (attrs_of<Conv3dAttrs>(call).activation != 0) return "gradients have no activation";
    return check_tensors(call, call.outputs[0], call.inputs[0], call.inputs[1]);
  }
  static PackRequest packs(const OpCall& call) { return packs_of<X>(call, true, 0); }

  static std::int64_t workspace(const OpCall& call, int threads) {
    const auto& a = attrs_of<Conv3dAttrs>(call);
    return for_dtype(call, [&](auto tag) -> std::int64_t {
      using T = decltype(tag);
      return a.is_flat() ? implicit_input_workspace<T, X>(a.flat(), threads)
                         : Volume<T, X>::input_workspace(a.volume(), threads);
    });
  }

  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto& a = attrs_of<Conv3dAttrs>(call);
      const auto* weight = static_cast<const T*>(call.inputs[0].data);
      const auto* gradient = static_cast<const T*>(call.inputs[1].data);
      auto* output = static_cast<T*>(call.outputs[0].data);
      if (a.is_flat()) return implicit_input(executor, a.flat(), weight, gradient, output);
      Volume<T, X>::input(executor, a.volume(), weight, gradient, output);
    });
  }
};

template <class X>
struct Conv3dWeightOp : Conv3dBase {
  static constexpr const char* name = "conv3dWeight";
  static constexpr int minInputs = 2, maxInputs = 2, outputs = 1;

  static const char* check(const OpCall& call) {
    if (attrs_of<Conv3dAttrs>(call).activation != 0) return "gradients have no activation";
    return check_tensors(call, call.inputs[0], call.outputs[0], call.inputs[1]);
  }

  static std::int64_t workspace(const OpCall& call, int threads) {
    const auto& a = attrs_of<Conv3dAttrs>(call);
    return for_dtype(call, [&](auto tag) -> std::int64_t {
      using T = decltype(tag);
      return a.is_flat() ? implicit_weight_workspace<T, X>(a.flat(), threads)
                         : Volume<T, X>::weight_workspace(a.volume(), threads);
    });
  }

  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto& a = attrs_of<Conv3dAttrs>(call);
      const auto* input = static_cast<const T*>(call.inputs[0].data);
      const auto* gradient = static_cast<const T*>(call.inputs[1].data);
      auto* output = static_cast<T*>(call.outputs[0].data);
      if (a.is_flat()) return implicit_weight(executor, a.flat(), input, gradient, output);
      Volume<T, X>::weight(executor, a.volume(), input, gradient, output);
    });
  }
};

template <class X>
using Conv3dFamily = Family<X, Conv3dOp<X>, Conv3dInputOp<X>, Conv3dWeightOp<X>>;

}  // namespace receptive::RECEPTIVE_TARGET
