// The algorithms of conv2d and its gradients on a GPU: implicit, im2col and direct.
#pragma once

#include "../ops/conv_columns.h"
#include "conv_direct.h"
#include "conv_implicit.h"
#include "conv_weight.h"

namespace receptive::RECEPTIVE_TARGET {

// Why no algorithm of the backend computes a problem whose numbers fit each other; null: it is computed. Kernels count
// pixels, steps and positions in 32 bits.
RECEPTIVE_HOST_FN const char* conv_refused(const ConvAttrs& a) {
  if (is_winograd(a)) return "CUDA devices have no winograd";
  constexpr std::int64_t kMost = std::int64_t{1} << 30;
  const auto far = [](std::int64_t input, std::int64_t output, std::int64_t kernel, std::int64_t stride,
                      std::int64_t before, std::int64_t after, std::int64_t dilation) {
    return input + before + after >= kMost || saturating_product(kernel, dilation) >= kMost ||
           saturating_product(output, stride) >= 2 * kMost;
  };
  if (far(a.height, a.output.h, a.kernel.h, a.stride.h, a.padding[0], a.padding[1], a.dilation.h) ||
      far(a.width, a.output.w, a.kernel.w, a.stride.w, a.padding[2], a.padding[3], a.dilation.w)) {
    return "an axis and its padding, or a window, is too long for a CUDA device (2^30)";
  }
  const std::int64_t larger = max_of(a.channels, a.filters) / a.groups;
  if (saturating_product(a.batch, a.output.h * a.output.w) >= 2 * kMost ||
      saturating_product(a.batch, a.height * a.width) >= 2 * kMost ||
      saturating_product(larger, a.kernel.h * a.kernel.w) >= 2 * kMost) {
    return "too many pixels, or weights of a filter, for a CUDA device (2^31)";
  }
  return nullptr;
}

template <class X>
struct ConvPacking {
  static PackRequest request(const OpCall& call, bool back, std::int32_t weight) {
    const auto& a = attrs_of<ConvAttrs>(call);
    PackRequest result{0, weight, {}};
    if (a.batch == 0 || static_cast<ConvAlgorithm>(a.algorithm) != ConvAlgorithm::implicit) return result;
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const PackedWeights<T> form(ConvShape(a), back);
      if (ImplicitProduct<T, X>::fits(a, back) && form.kept()) result.bytes = form.bytes();
    });
    result.key = pack_key(call, a, back, weight, back && few_phases(a) ? classes_of_taps(a) : 0);
    return result;
  }
};

template <class T, class X>
struct ConvAlgorithms {
  static std::int64_t forward_workspace(const ConvAttrs& a, int threads) {
    if (is_direct(a)) return 0;
    return is_columns(a) ? columns_forward_workspace<T>(a, threads) : ImplicitProduct<T, X>::workspace(a, false);
  }

  static void forward(X& executor, const ConvAttrs& a, const T* input, const T* weight, const T* bias, T* output) {
    if (is_direct(a)) {
      direct_convolution<false>(executor, a, input, weight, bias, output);
    } else if (is_columns(a)) {
      columns_forward(executor, a, input, weight, bias, output);
    } else {
      ImplicitProduct<T, X>(a, false).run(executor, input, weight, bias, output);
    }
  }

  static std::int64_t input_workspace(const ConvAttrs& a, int threads) {
    if (is_columns(a)) return columns_input_workspace<T>(a, threads);
    return is_direct_input(a) ? 0 : ImplicitProduct<T, X>::workspace(a, true);
  }

  static void input(X& executor, const ConvAttrs& a, const T* weight, const T* gradient, T* output) {
    if (is_columns(a)) {
      columns_input(executor, a, weight, gradient, output);
    } else if (is_direct_input(a)) {
      direct_convolution<true, T>(executor, a, gradient, weight, nullptr, output);
    } else {
      ImplicitProduct<T, X>(a, true).run(executor, gradient, weight, nullptr, output);
    }
  }

  static std::int64_t weight_workspace(const ConvAttrs& a, int threads) {
    if (is_direct(a)) return 0;
    return is_columns(a) ? columns_weight_workspace<T>(a, threads) : WeightProduct<T, X>::workspace(a);
  }

  static void weight(X& executor, const ConvAttrs& a, const T* input, const T* gradient, T* output) {
    if (is_direct(a)) {
      direct_weight(executor, a, input, gradient, output);
    } else if (is_columns(a) && a.batch > 0) {
      columns_weight(executor, a, input, gradient, output);
    } else {
      WeightProduct<T, X>(a).run(executor, input, gradient, output);
    }
  }

 private:
  static bool is_direct_input(const ConvAttrs& a) { return is_direct(a) || !ImplicitProduct<T, X>::fits(a, true); }
};

}  // namespace receptive::RECEPTIVE_TARGET
