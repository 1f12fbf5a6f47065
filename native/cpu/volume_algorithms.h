// How conv3d and its gradients are computed on a CPU: as planes where volumes are that, else by conv_volume.h.
#pragma once

#include "../ops/volume_shape.h"
#include "conv_volume.h"

namespace receptive::RECEPTIVE_TARGET {

// Why the backend does not compute a problem whose numbers fit each other; null: it does.
RECEPTIVE_FN const char* volume_refused(const Conv3dAttrs&) { return nullptr; }

// The form of the weights that is kept from call to call.
template <class X>
struct VolumePacking {
  static PackRequest request(const OpCall& call, bool back, std::int32_t weight) {
    const auto& a = attrs_of<Conv3dAttrs>(call);
    PackRequest result{0, weight, {}};
    std::uint64_t taps = 0;  // their classes, where the gradient by input is in phases
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      if (a.is_flat()) {
        const ConvAttrs flat = a.flat();
        if (back && in_phases<T, X>(flat)) taps = classes_of_taps(flat);
        if (packs_weights<T, X>(flat, back)) result.bytes = packed_weights_bytes<T, X>(flat, back);
      } else {
        const ConvShape s = a.volume();
        if (back && Volume<T, X>::in_phases(s)) taps = classes_of_taps(a);
        result.bytes = Volume<T, X>::packed_bytes(s, back);
      }
    });
    result.key = pack_key(call, a, back, a.is_flat(), weight, taps);
    return result;
  }
};

template <class T, class X>
struct VolumeAlgorithms {
  static std::int64_t forward_workspace(const Conv3dAttrs& a, int threads) {
    return a.is_flat() ? implicit_forward_workspace<T, X>(a.flat(), threads)
                       : Volume<T, X>::forward_workspace(a.volume(), threads);
  }

  static void forward(X& executor, const Conv3dAttrs& a, const T* input, const T* weight, const T* bias, T* output) {
    if (a.is_flat()) {
      implicit_forward(executor, a.flat(), input, weight, bias, output);
    } else {
      Volume<T, X>::forward(executor, a.volume(), clamp_of<T>(a.planar(a.axis(1), a.axis(2))), input, weight, bias,
                            output);
    }
  }

  static std::int64_t input_workspace(const Conv3dAttrs& a, int threads) {
    return a.is_flat() ? implicit_input_workspace<T, X>(a.flat(), threads)
                       : Volume<T, X>::input_workspace(a.volume(), threads);
  }

  static void input(X& executor, const Conv3dAttrs& a, const T* weight, const T* gradient, T* output) {
    if (a.is_flat()) {
      implicit_input(executor, a.flat(), weight, gradient, output);
    } else {
      Volume<T, X>::input(executor, a.volume(), weight, gradient, output);
    }
  }

  static std::int64_t weight_workspace(const Conv3dAttrs& a, int threads) {
    return a.is_flat() ? implicit_weight_workspace<T, X>(a.flat(), threads)
                       : Volume<T, X>::weight_workspace(a.volume(), threads);
  }

  static void weight(X& executor, const Conv3dAttrs& a, const T* input, const T* gradient, T* output) {
    if (a.is_flat()) {
      implicit_weight(executor, a.flat(), input, gradient, output);
    } else {
      Volume<T, X>::weight(executor, a.volume(), input, gradient, output);
    }
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
