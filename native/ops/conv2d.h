// The convolution family: conv2d and its gradients by input and by weight, each by several algorithms (a header each),
// and im2col and col2im as ops. Weights are [filters, channels / groups, R, S] in both layouts.
#pragma once

#include "conv_columns.h"
#include "conv_direct_weight.h"
#include "conv_implicit.h"
#include "conv_winograd.h"
#include "im2col_ops.h"

namespace receptive::RECEPTIVE_TARGET {

// The form of the weights that an algorithm keeps from call to call.
template <class X>
struct ConvPacking {
  static PackRequest request(const OpCall& call, bool back, std::int32_t weight) {
    const auto& a = attrs_of<ConvAttrs>(call);
    PackRequest result{0, weight, {}};
    std::uint64_t taps = 0;
    if (a.batch == 0) return result;
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      if (is_winograd(a)) {
        result.bytes = winograd_packed<T, X>(a, back);
      } else if (static_cast<ConvAlgorithm>(a.algorithm) == ConvAlgorithm::implicit && packs_weights<T, X>(a, back)) {
        result.bytes = packed_weights_bytes<T, X>(a, back);
        if (back && (in_phases<T, X>(a) || a.nhwc)) taps = classes_of_taps(a);
      }
    });
    const auto word = [](std::int64_t high, std::int64_t low) {
      return static_cast<std::uint64_t>(high) << 32 | static_cast<std::uint64_t>(low);
    };
    result.key = PackKey{
        {word(a.algorithm * 4 + (back ? 2 : 0) + (a.nhwc ? 1 : 0), static_cast<std::int64_t>(call.outputs[0].dtype)),
         word(a.filters, a.channels), word(a.kernel.h, a.kernel.w), taps << 32 | static_cast<std::uint64_t>(a.groups),
         reinterpret_cast<std::uint64_t>(call.inputs[weight].data)}};
    return result;
  }
};

template <class X>
struct Conv2dOp : ConvBase {
  static constexpr const char* name = "conv2d";
  static constexpr int minInputs = 2, maxInputs = 3, outputs = 1;

  static const char* check(const OpCall& call) {
    if (call.inputCount == 3 &&
        (call.inputs[2].dtype != call.inputs[0].dtype || call.inputs[2].size != attrs_of<ConvAttrs>(call).filters)) {
      return "the bias must have one element per filter and the input's dtype";
    }
    return check_tensors(call, call.inputs[0], call.inputs[1], call.outputs[0]);
  }

  static PackRequest packs(const OpCall& call) { return ConvPacking<X>::request(call, false, 1); }

  static const char* needs(const OpCall& call, int threads, OpNeeds& needs) {
    return needs_of<Conv2dOp>(call, threads, needs);
  }

  static std::int64_t workspace(const OpCall& call, int threads) {
    const auto& a = attrs_of<ConvAttrs>(call);
    return for_dtype(call, [&](auto tag) -> std::int64_t {
      using T = decltype(tag);
      if (is_direct(a)) return DirectSums<T, false, X>::workspace(a, threads);
      if (is_winograd(a)) return winograd_workspace<T, X>(a, false, threads);
      if (is_columns(a)) return columns_forward_workspace<T>(a, threads);
      return implicit_forward_workspace<T, X>(a, threads);
    });
  }

  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto& a = attrs_of<ConvAttrs>(call);
      const auto* input = static_cast<const T*>(call.inputs[0].data);
      const auto* weight = static_cast<const T*>(call.inputs[1].data);
      const auto* bias = call.inputCount == 3 ? static_cast<const T*>(call.inputs[2].data) : nullptr;
      auto* output = static_cast<T*>(call.outputs[0].data);
      if (is_winograd(a)) {
        if (a.batch > 0) winograd_convolution(executor, a, false, input, weight, bias, output);
      } else if (is_direct(a)) {
        DirectSums<T, false, X>(executor, a, input, weight, bias, output).run();
      } else if (is_columns(a)) {
        columns_forward(executor, a, input, weight, bias, output);
      } else {
        implicit_forward(executor, a, input, weight, bias, output);
      }
    });
  }
};

template <class X>
struct Conv2dInputOp : ConvBase {
  static constexpr const char* name = "conv2dInput";
  static constexpr int minInputs = 2, maxInputs = 2, outputs = 1;

  static const char* check(const OpCall& call) {
    if (attrs_of<ConvAttrs>(call).activation != 0) return "gradients have no activation";
    return check_tensors(call, call.outputs[0], call.inputs[0], call.inputs[1]);
  }

  static PackRequest packs(const OpCall& call) { return ConvPacking<X>::request(call, true, 0); }

  static const char* needs(const OpCall& call, int threads, OpNeeds& needs) {
    return needs_of<Conv2dInputOp>(call, threads, needs);
  }

  static std::int64_t workspace(const OpCall& call, int threads) {
    const auto& a = attrs_of<ConvAttrs>(call);
    return for_dtype(call, [&](auto tag) -> std::int64_t {
      using T = decltype(tag);
      if (is_direct(a)) return DirectSums<T, true, X>::workspace(a, threads);
      if (is_winograd(a)) return winograd_workspace<T, X>(a, true, threads);
      if (is_columns(a)) return columns_input_workspace<T>(a, threads);
      return implicit_input_workspace<T, X>(a, threads);
    });
  }

  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto& a = attrs_of<ConvAttrs>(call);
      const auto* weight = static_cast<const T*>(call.inputs[0].data);
      const auto* gradient = static_cast<const T*>(call.inputs[1].data);
      auto* output = static_cast<T*>(call.outputs[0].data);
      if (is_winograd(a)) {
        if (a.batch > 0) winograd_convolution<T>(executor, a, true, gradient, weight, nullptr, output);
      } else if (is_direct(a)) {
        DirectSums<T, true, X>(executor, a, gradient, weight, nullptr, output).run();
      } else if (is_columns(a)) {
        columns_input(executor, a, weight, gradient, output);
      } else {
        implicit_input(executor, a, weight, gradient, output);
      }
    });
  }
};

template <class X>
struct Conv2dWeightOp : ConvBase {
  static constexpr const char* name = "conv2dWeight";
  static constexpr int minInputs = 2, maxInputs = 2, outputs = 1;

  static const char* check(const OpCall& call) {
    if (attrs_of<ConvAttrs>(call).activation != 0) return "gradients have no activation";
    return check_tensors(call, call.inputs[0], call.outputs[0], call.inputs[1]);
  }

  static const char* needs(const OpCall& call, int threads, OpNeeds& needs) {
    return needs_of<Conv2dWeightOp>(call, threads, needs);
  }

  // Where there are no pixels, there are no tiles.
  static bool is_tiled(const ConvAttrs& a) { return is_winograd(a) && a.batch * a.output.h * a.output.w > 0; }

  static std::int64_t workspace(const OpCall& call, int threads) {
    const auto& a = attrs_of<ConvAttrs>(call);
    return for_dtype(call, [&](auto tag) -> std::int64_t {
      using T = decltype(tag);
      if (is_direct(a)) return DirectWeight<T, X>::workspace(a, threads);
      if (is_tiled(a)) return winograd_weight_workspace<T, X>(a, threads);
      return is_columns(a) ? columns_weight_workspace<T>(a, threads) : implicit_weight_workspace<T, X>(a, threads);
    });
  }

  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto& a = attrs_of<ConvAttrs>(call);
      const auto* input = static_cast<const T*>(call.inputs[0].data);
      const auto* gradient = static_cast<const T*>(call.inputs[1].data);
      auto* output = static_cast<T*>(call.outputs[0].data);
      if (is_direct(a)) {
        DirectWeight<T, X>(executor, a, input, gradient, output).run();
      } else if (is_tiled(a)) {
        winograd_weight(executor, a, input, gradient, output);
      } else if (is_columns(a) && a.batch > 0) {
        columns_weight(executor, a, input, gradient, output);
      } else {
        implicit_weight(executor, a, input, gradient, output);
      }
    });
  }
};

template <class X>
using Conv2dFamily = Family<X, Conv2dOp<X>, Conv2dInputOp<X>, Conv2dWeightOp<X>, Im2ColOp<X, false>, Im2ColOp<X, true>>;

}  // namespace receptive::RECEPTIVE_TARGET
