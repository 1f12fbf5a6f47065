// The algorithms of conv2d and its gradients on a CPU: all of them.
#pragma once

#include "../ops/conv_columns.h"
#include "../ops/conv_winograd.h"
#include "conv_direct_weight.h"
#include "conv_implicit.h"

namespace receptive::RECEPTIVE_TARGET {

// Why no algorithm of the backend computes a problem whose numbers fit each other; null: it is computed.
RECEPTIVE_FN const char* conv_refused(const ConvAttrs&) { return nullptr; }

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
    result.key = pack_key(call, a, back, weight, taps);
    return result;
  }
};

template <class T, class X>
struct ConvAlgorithms {
  static std::int64_t forward_workspace(const ConvAttrs& a, int threads) {
    if (is_direct(a)) return DirectSums<T, false, X>::workspace(a, threads);
    if (is_winograd(a)) return winograd_workspace<T, X>(a, false, threads);
    if (is_columns(a)) return columns_forward_workspace<T>(a, threads);
    return implicit_forward_workspace<T, X>(a, threads);
  }

  static void forward(X& executor, const ConvAttrs& a, const T* input, const T* weight, const T* bias, T* output) {
    if (is_winograd(a)) {
      if (a.batch > 0) winograd_convolution(executor, a, false, input, weight, bias, output);
    } else if (is_direct(a)) {
      DirectSums<T, false, X>(executor, a, input, weight, bias, output).run();
    } else if (is_columns(a)) {
      columns_forward(executor, a, input, weight, bias, output);
    } else {
      implicit_forward(executor, a, input, weight, bias, output);
    }
  }

  static std::int64_t input_workspace(const ConvAttrs& a, int threads) {
    if (is_direct(a)) return DirectSums<T, true, X>::workspace(a, threads);
    if (is_winograd(a)) return winograd_workspace<T, X>(a, true, threads);
    if (is_columns(a)) return columns_input_workspace<T>(a, threads);
    return implicit_input_workspace<T, X>(a, threads);
  }

  static void input(X& executor, const ConvAttrs& a, const T* weight, const T* gradient, T* output) {
    if (is_winograd(a)) {
      if (a.batch > 0) winograd_convolution<T>(executor, a, true, gradient, weight, nullptr, output);
    } else if (is_direct(a)) {
      DirectSums<T, true, X>(executor, a, gradient, weight, nullptr, output).run();
    } else if (is_columns(a)) {
      columns_input(executor, a, weight, gradient, output);
    } else {
      implicit_input(executor, a, weight, gradient, output);
    }
  }

  static std::int64_t weight_workspace(const ConvAttrs& a, int threads) {
    if (is_direct(a)) return DirectWeight<T, X>::workspace(a, threads);
    if (is_tiled(a)) return winograd_weight_workspace<T, X>(a, threads);
    return is_columns(a) ? columns_weight_workspace<T>(a, threads) : implicit_weight_workspace<T, X>(a, threads);
  }

  static void weight(X& executor, const ConvAttrs& a, const T* input, const T* gradient, T* output) {
    if (is_direct(a)) {
      DirectWeight<T, X>(executor, a, input, gradient, output).run();
    } else if (is_tiled(a)) {
      winograd_weight(executor, a, input, gradient, output);
    } else if (is_columns(a) && a.batch > 0) {
      columns_weight(executor, a, input, gradient, output);
    } else {
      implicit_weight(executor, a, input, gradient, output);
    }
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
