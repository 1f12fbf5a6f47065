// How conv3d and its gradients are computed on a GPU: the products of conv_implicit.h and conv_weight.h with a third
// axis. Volumes that could be seen as planes (Conv3dAttrs::is_flat()) are none here: a third axis costs them a division
// per stage and a comparison per copy, and kernels for planes would double the machine code.
#pragma once

#include "../ops/volume_shape.h"
#include "conv_direct.h"
#include "conv_implicit.h"
#include "conv_limits.h"
#include "conv_weight.h"

namespace receptive::RECEPTIVE_TARGET {

// Why the backend does not compute a problem whose numbers fit each other; null: it does.
RECEPTIVE_HOST_FN const char* volume_refused(const Conv3dAttrs& a) { return too_large(a.volume()); }

// The form of the weights that is kept from call to call.
template <class X>
struct VolumePacking {
  static PackRequest request(const OpCall& call, bool back, std::int32_t weight) {
    const auto& a = attrs_of<Conv3dAttrs>(call);
    const ConvShape s = a.volume();
    const bool fits = a.batch > 0 && ImplicitProduct<float, X, true>::fits(s, back);
    PackRequest result{0, weight, {}};
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      const PackedWeights<decltype(tag)> form(s, back);
      if (fits && form.kept()) result.bytes = form.bytes();
    });
    result.key = pack_key(call, a, back, false, weight, back && fits ? classes_of_taps(a) : 0);
    return result;
  }
};

template <class T, class X>
struct VolumeAlgorithms {
  using Product = ImplicitProduct<T, X, true>;
  using ByWeight = WeightProduct<T, X, true>;

  static std::int64_t forward_workspace(const Conv3dAttrs& a, int) { return Product::workspace(a.volume(), false); }

  static void forward(X& executor, const Conv3dAttrs& a, const T* input, const T* weight, const T* bias, T* output) {
    Product(a.volume(), false, clamp_of<T>(a.planar(a.axis(1), a.axis(2)))).run(executor, input, weight, bias, output);
  }

  static std::int64_t input_workspace(const Conv3dAttrs& a, int) {
    const ConvShape s = a.volume();
    return Product::fits(s, true) ? Product::workspace(s, true) : 0;
  }

  static void input(X& executor, const Conv3dAttrs& a, const T* weight, const T* gradient, T* output) {
    const ConvShape s = a.volume();
    if (Product::fits(s, true)) {
      Product(s, true).run(executor, gradient, weight, nullptr, output);
    } else {
      direct_volume_input(executor, s, weight, gradient, output);
    }
  }

  static std::int64_t weight_workspace(const Conv3dAttrs& a, int) { return ByWeight::workspace(a.volume()); }

  static void weight(X& executor, const Conv3dAttrs& a, const T* input, const T* gradient, T* output) {
    ByWeight(a.volume()).run(executor, input, gradient, output);
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
