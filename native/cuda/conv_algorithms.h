// The algorithms of conv2d and its gradients on a GPU: all of them.
#pragma once

#include "../ops/conv_columns.h"
#include "../ops/conv_winograd.h"
#include "conv_direct.h"
#include "conv_implicit.h"
#include "conv_limits.h"
#include "conv_weight.h"

namespace receptive::RECEPTIVE_TARGET {

// Why no algorithm of the backend computes a problem whose numbers fit each other; null: it is computed.
RECEPTIVE_HOST_FN const char* conv_refused(const ConvAttrs& a) { return too_large(ConvShape(a)); }

template <class X>
struct ConvPacking {
  static PackRequest request(const OpCall& call, bool back, std::int32_t weight) {
    const auto& a = attrs_of<ConvAttrs>(call);
    PackRequest result{0, weight, {}};
    if (a.batch == 0) return result;
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      if (is_winograd(a)) {
        result.bytes = winograd_packed<T, X>(a, back);
      } else if (static_cast<ConvAlgorithm>(a.algorithm) == ConvAlgorithm::implicit) {
        const PackedWeights<T> form(ConvShape(a), back);
        if (ImplicitProduct<T, X>::fits(ConvShape(a), back) && form.kept()) result.bytes = form.bytes();
      }
    });
    result.key = pack_key(call, a, back, weight, back && few_phases(a) ? classes_of_taps(a) : 0);
    return result;
  }
};

template <class T, class X>
struct ConvAlgorithms {
  static std::int64_t forward_workspace(const ConvAttrs& a, int threads) {
    if (is_direct(a)) return 0;
    if (is_winograd(a)) return winograd_workspace<T, X>(a, false, threads);
    return is_columns(a) ? columns_forward_workspace<T>(a, threads)
                         : ImplicitProduct<T, X>::workspace(ConvShape(a), false);
  }

  static void forward(X& executor, const ConvAttrs& a, const T* input, const T* weight, const T* bias, T* output) {
    if (is_winograd(a)) {
      if (a.batch > 0) winograd_convolution(executor, a, false, input, weight, bias, output);
    } else if (is_direct(a)) {
      direct_convolution<false>(executor, a, input, weight, bias, output);
    } else if (is_columns(a)) {
      columns_forward(executor, a, input, weight, bias, output);
    } else {
      ImplicitProduct<T, X>(ConvShape(a), false, clamp_of<T>(a)).run(executor, input, weight, bias, output);
    }
  }

  static std::int64_t input_workspace(const ConvAttrs& a, int threads) {
    if (is_winograd(a)) return winograd_workspace<T, X>(a, true, threads);
    if (is_columns(a)) return columns_input_workspace<T>(a, threads);
    return is_direct_input(a) ? 0 : ImplicitProduct<T, X>::workspace(ConvShape(a), true);
  }

  static void input(X& executor, const ConvAttrs& a, const T* weight, const T* gradient, T* output) {
    if (is_winograd(a)) {
      if (a.batch > 0) winograd_convolution<T>(executor, a, true, gradient, weight, nullptr, output);
    } else if (is_columns(a)) {
      columns_input(executor, a, weight, gradient, output);
    } else if (is_direct_input(a)) {
      direct_convolution<true, T>(executor, a, gradient, weight, nullptr, output);
    } else {
      ImplicitProduct<T, X>(ConvShape(a), true).run(executor, gradient, weight, nullptr, output);
    }
  }

  static std::int64_t weight_workspace(const ConvAttrs& a, int threads) {
    if (is_direct(a)) return 0;
    if (is_tiled(a)) return winograd_weight_workspace<T, X>(a, threads);
    return is_columns(a) ? columns_weight_workspace<T>(a, threads) : WeightProduct<T, X>::workspace(ConvShape(a));
  }

  static void weight(X& executor, const ConvAttrs& a, const T* input, const T* gradient, T* output) {
    if (is_direct(a)) {
      direct_weight(executor, a, input, gradient, output);
    } else if (is_tiled(a)) {
      winograd_weight(executor, a, input, gradient, output);
    } else if (is_columns(a) && a.batch > 0) {
      columns_weight(executor, a, input, gradient, output);
    } else {
      WeightProduct<T, X>(ConvShape(a)).run(executor, input, gradient, output);
    }
  }

 private:
  static bool is_direct_input(const ConvAttrs& a) {
    return is_direct(a) || !ImplicitProduct<T, X>::fits(ConvShape(a), true);
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
