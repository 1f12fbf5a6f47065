// The convolution family: conv2d and its gradients by input and by weight, each by several algorithms (of the backend:
// conv_algorithms.h), and im2col and col2im as ops. Weights are [filters, channels / groups, R, S] in both layouts.
#pragma once

#include "conv_algorithms.h"
#include "im2col_ops.h"

namespace receptive::RECEPTIVE_TARGET {

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
      return ConvAlgorithms<decltype(tag), X>::forward_workspace(a, threads);
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
      ConvAlgorithms<T, X>::forward(executor, a, input, weight, bias, output);
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
    return for_dtype(
        call, [&](auto tag) -> std::int64_t { return ConvAlgorithms<decltype(tag), X>::input_workspace(a, threads); });
  }

  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto& a = attrs_of<ConvAttrs>(call);
      const auto* weight = static_cast<const T*>(call.inputs[0].data);
      const auto* gradient = static_cast<const T*>(call.inputs[1].data);
      auto* output = static_cast<T*>(call.outputs[0].data);
      ConvAlgorithms<T, X>::input(executor, a, weight, gradient, output);
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

  static std::int64_t workspace(const OpCall& call, int threads) {
    const auto& a = attrs_of<ConvAttrs>(call);
    return for_dtype(
        call, [&](auto tag) -> std::int64_t { return ConvAlgorithms<decltype(tag), X>::weight_workspace(a, threads); });
  }

  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto& a = attrs_of<ConvAttrs>(call);
      const auto* input = static_cast<const T*>(call.inputs[0].data);
      const auto* gradient = static_cast<const T*>(call.inputs[1].data);
      auto* output = static_cast<T*>(call.outputs[0].data);
      ConvAlgorithms<T, X>::weight(executor, a, input, gradient, output);
    });
  }
};

template <class X>
using Conv2dFamily = Family<X, Conv2dOp<X>, Conv2dInputOp<X>, Conv2dWeightOp<X>, Im2ColOp<X, false>, Im2ColOp<X, true>>;

}  // namespace receptive::RECEPTIVE_TARGET
