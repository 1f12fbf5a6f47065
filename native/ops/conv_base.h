// Schema, guard and cost that the ops of the convolution family share.
#pragma once

#include "conv_algorithms.h"

namespace receptive::RECEPTIVE_TARGET {

struct ConvBase {
  using Attrs = ConvAttrs;
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(ConvAttrs, batch),     RECEPTIVE_INTEGER(ConvAttrs, channels),
                                     RECEPTIVE_INTEGER(ConvAttrs, height),    RECEPTIVE_INTEGER(ConvAttrs, width),
                                     RECEPTIVE_INTEGER(ConvAttrs, filters),   RECEPTIVE_INTEGER(ConvAttrs, kernel),
                                     RECEPTIVE_INTEGER(ConvAttrs, output),    RECEPTIVE_INTEGER(ConvAttrs, stride),
                                     RECEPTIVE_INTEGER(ConvAttrs, padding),   RECEPTIVE_INTEGER(ConvAttrs, dilation),
                                     RECEPTIVE_INTEGER(ConvAttrs, groups),    RECEPTIVE_FLAG(ConvAttrs, nhwc),
                                     RECEPTIVE_INTEGER(ConvAttrs, algorithm), RECEPTIVE_INTEGER(ConvAttrs, activation)};

  static const char* check_window(const ConvAttrs& a) {
    if (a.groups <= 0 || a.channels < 0 || a.filters < 0 || a.channels % a.groups != 0 || a.filters % a.groups != 0) {
      return "channels and filters must be multiples of groups";
    }
    if (!small_count(a.channels) || !small_count(a.filters) || !small_count(a.batch)) return "a count is out of range";
    const std::int64_t factors[] = {a.height, a.width, a.kernel.h, a.kernel.w, a.output.h, a.output.w};
    for (const std::int64_t factor : factors) {  // before ConvShape multiplies them
      if (!small_count(factor)) return "a size is out of range";
    }
    const ConvShape shape(a);
    if (!valid_axis(shape.y) || !valid_axis(shape.x)) return "a window number is out of range";
    if (a.activation < 0 || a.activation >= kConvActivations) return "unknown activation";
    if (a.algorithm < 0 || a.algorithm >= kConvAlgorithms) return "unknown algorithm";
    if (is_winograd(a) && !fits_winograd(a)) return "winograd needs a 3x3 kernel, stride 1, dilation 1 and NCHW";
    if (is_direct(a) && !fits_direct(a)) return "direct needs few channels per group, windows of short reach and NCHW";
    return nullptr;
  }

  static const char* check_tensors(const OpCall& call, const View& input, const View& weight, const View& output) {
    const auto& a = attrs_of<ConvAttrs>(call);
    if (const char* wrong = check_window(a)) return wrong;
    if (const char* why = conv_refused(a)) return why;
    if (!is_float(input.dtype) || weight.dtype != input.dtype || output.dtype != input.dtype) {
      return "tensors must all be float32 or all float64";
    }
    if (!fits(input.size, a.batch, a.channels, a.height, a.width))
      return "the input has not batch * channels * height * width elements";
    if (!fits(weight.size, a.filters, a.channels / a.groups, a.kernel.h, a.kernel.w)) {
      return "the weight has not filters * channels / groups * R * S elements";
    }
    if (!fits(output.size, a.batch, a.filters, a.output.h, a.output.w))
      return "the output has not batch * filters * OH * OW elements";
    return nullptr;
  }

  // f(T{}) for the op's element type, which check() has seen to be a float.
  template <class F>
  static std::int64_t for_dtype(const OpCall& call, F&& f) {
    std::int64_t result = 0;
    dispatch_float(call.outputs[0].dtype, [&](auto tag) { result = f(tag); });
    return result;
  }

  // The attributes alone, for questions without tensors: no size passes 2^53 elements.
  static const char* check_sizes(const OpCall& call) {
    const auto& a = attrs_of<ConvAttrs>(call);
    if (const char* wrong = check_window(a)) return wrong;
    if (const char* why = conv_refused(a)) return why;
    if (!is_float(call.outputs[0].dtype)) return "the element type must be float32 or float64";
    const std::int64_t sizes[3][4] = {{a.batch, a.channels, a.height, a.width},
                                      {a.filters, a.channels / a.groups, a.kernel.h, a.kernel.w},
                                      {a.batch, a.filters, a.output.h, a.output.w}};
    for (const auto& size : sizes) {
      std::int64_t product = 1;
      for (const std::int64_t factor : size) {
        if (__builtin_mul_overflow(product, factor, &product) || product > std::int64_t{1} << 53) {
          return "a size is out of range";
        }
      }
    }
    return nullptr;
  }

  template <class Op>
  static const char* needs_of(const OpCall& call, int threads, OpNeeds& needs) {
    if (const char* wrong = check_sizes(call)) return wrong;
    needs = OpNeeds{Op::workspace(call, threads), 0};
    if constexpr (requires { Op::packs(call); }) needs.packedBytes = Op::packs(call).bytes;
    return nullptr;
  }

  static Cost cost(const OpCall& call) {
    const auto& a = attrs_of<ConvAttrs>(call);
    const double products = static_cast<double>(a.channels / a.groups * a.kernel.h) * static_cast<double>(a.kernel.w);
    const double outputs = static_cast<double>(a.batch * a.filters) * static_cast<double>(a.output.h * a.output.w);
    const double inputs = static_cast<double>(a.batch * a.channels) * static_cast<double>(a.height * a.width);
    const double weights = static_cast<double>(a.filters) * products;
    return Cost{2 * outputs * products,
                (inputs + outputs + weights) * static_cast<double>(element_bytes(call.outputs[0].dtype))};
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
