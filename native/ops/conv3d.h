// conv3d and its gradients by input and by weight, by the means of `implicit` (of the backend: volume_algorithms.h).
// Weights are [filters, channels / groups, T, R, S].
#pragma once

#include "volume_algorithms.h"

namespace receptive::RECEPTIVE_TARGET {

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
    return volume_refused(a);
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
  static PackRequest packs(const OpCall& call) { return VolumePacking<X>::request(call, false, 1); }

  static std::int64_t workspace(const OpCall& call, int threads) {
    const auto& a = attrs_of<Conv3dAttrs>(call);
    return for_dtype(call, [&](auto tag) -> std::int64_t {
      return VolumeAlgorithms<decltype(tag), X>::forward_workspace(a, threads);
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
      VolumeAlgorithms<T, X>::forward(executor, a, input, weight, bias, output);
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
  static PackRequest packs(const OpCall& call) { return VolumePacking<X>::request(call, true, 0); }

  static std::int64_t workspace(const OpCall& call, int threads) {
    const auto& a = attrs_of<Conv3dAttrs>(call);
    return for_dtype(call, [&](auto tag) -> std::int64_t {
      return VolumeAlgorithms<decltype(tag), X>::input_workspace(a, threads);
    });
  }

  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto& a = attrs_of<Conv3dAttrs>(call);
      const auto* weight = static_cast<const T*>(call.inputs[0].data);
      const auto* gradient = static_cast<const T*>(call.inputs[1].data);
      auto* output = static_cast<T*>(call.outputs[0].data);
      VolumeAlgorithms<T, X>::input(executor, a, weight, gradient, output);
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
      return VolumeAlgorithms<decltype(tag), X>::weight_workspace(a, threads);
    });
  }

  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto& a = attrs_of<Conv3dAttrs>(call);
      const auto* input = static_cast<const T*>(call.inputs[0].data);
      const auto* gradient = static_cast<const T*>(call.inputs[1].data);
      auto* output = static_cast<T*>(call.outputs[0].data);
      VolumeAlgorithms<T, X>::weight(executor, a, input, gradient, output);
    });
  }
};

template <class X>
using Conv3dFamily = Family<X, Conv3dOp<X>, Conv3dInputOp<X>, Conv3dWeightOp<X>>;

}  // namespace receptive::RECEPTIVE_TARGET
