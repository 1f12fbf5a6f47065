// Convolution over volumes and its gradients, by the means of the one over planes: a product for each plane of the
// result, whose operand is packed from the planes that its taps read (conv_volume_operands.h). Gradients by input with
// a stride take its phases (conv_phases.h); those by weight see a volume's planes as images and channels
// (conv_weight.h).
#pragma once

#include "conv_implicit.h"
#include "conv_volume_operands.h"

namespace receptive::RECEPTIVE_TARGET {

template <class T, class X>
class Volume {
 public:
  // The weights are kept in packed form, as those of planes are.
  static std::int64_t packed_bytes(const ConvShape& s, bool back) {
    const std::int64_t bytes = back ? PackedRows<T>::bytes(s.channels, s.filters * s.deep_taps(), s.groups)
                                    : PackedRows<T>::bytes(s.filters, s.deep_products(), s.groups);
    return s.images > 0 && bytes <= kMostPackedBytes ? bytes : 0;
  }
  static bool in_phases(const ConvShape& s) { return packed_bytes(s, true) > 0 && PhasedInput<T, X>::fits(s); }

  static std::int64_t forward_workspace(const ConvShape& s, int threads) {
    return gemm_workspace<T>(s.filters, s.out_pixels, s.deep_products(), s.z.output * s.groups, s.groups, threads,
                             packed_bytes(s, false) > 0);
  }
  static std::int64_t input_workspace(const ConvShape& s, int threads) {
    if (in_phases(s)) return PhasedInput<T, X>::workspace(s, threads);
    return gemm_workspace<T>(s.channels, s.in_pixels, s.filters * s.deep_taps(), s.z.input * s.groups, s.groups,
                             threads, packed_bytes(s, true) > 0);
  }
  static std::int64_t weight_workspace(const ConvShape& s, int threads) {
    if (fits_tap_rows<T>(s)) return WeightGradient<T, X>::workspace(s, threads);
    return gemm_workspace<T>(s.filters, s.deep_products(), s.images * s.out_channel_stride, s.groups, s.groups,
                             threads);
  }

  static void forward(const X& executor, const ConvShape& s, Clamp<T> clamp, const T* input, const T* weight,
                      const T* bias, T* output) {
    const Planes<T> in = s.input(input), out = s.output(static_cast<const T*>(output));
    const DepthWeights<T> weights{
        {weight, s.groups, s.filters * s.deep_products(), s.taps, s.deep_taps(), 1, s.deep_products()},
        s.taps,
        s.products()};
    DepthOperand<T, false> windows{{in, s.y, s.x}, s.z, s.in_pixels, s.products()};
    PackedRows<T> packed = packed_rows(executor, s, false);
    for (std::int64_t image = 0; image < s.images; ++image) {
      windows.windows.planes.base = in.base + image * in.image_stride;
      gemm(executor,
           GemmProblem<T>{s.filters,
                          s.out_pixels,
                          s.deep_products(),
                          s.z.output * s.groups,
                          s.groups,
                          operand<T>(weights),
                          operand<T>(windows),
                          {output + image * out.image_stride, s.groups, s.out_pixels, out.group_stride,
                           out.channel_stride, bias, nullptr, s.filters, clamp},
                          false},
           executor.workspace(), packed);
      packed.ready = packed.data != nullptr;  // for the images that follow
    }
  }

  static void input(const X& executor, const ConvShape& s, const T* weight, const T* gradient, T* output) {
    PackedRows<T> packed = packed_rows(executor, s, true);
    if (in_phases(s)) return PhasedInput<T, X>(executor, s, weight, gradient, output, packed).run();
    const Planes<T> out = s.output(gradient), in = s.input(static_cast<const T*>(output));
    const std::int64_t steps = s.filters * s.taps;
    const DepthWeights<T> weights{
        {weight, s.groups, s.filters * s.deep_products(), s.taps, s.deep_products(), 1, s.deep_taps()}, s.taps, steps};
    DepthOperand<T, true> windows{{out, s.y, s.x}, s.z, s.out_pixels, steps};
    for (std::int64_t image = 0; image < s.images; ++image) {
      windows.windows.planes.base = out.base + image * out.image_stride;
      gemm(executor,
           GemmProblem<T>{s.channels,
                          s.in_pixels,
                          steps * s.z.kernel,
                          s.z.input * s.groups,
                          s.groups,
                          operand<T>(weights),
                          operand<T>(windows),
                          {output + image * in.image_stride, s.groups, s.in_pixels, in.group_stride, in.channel_stride,
                           nullptr, nullptr, 0},
                          false},
           executor.workspace(), packed);
      packed.ready = packed.data != nullptr;  // for the images that follow
    }
  }

  static void weight(const X& executor, const ConvShape& s, const T* input, const T* gradient, T* output) {
    if (fits_tap_rows<T>(s)) return WeightGradient<T, X>(executor, s, input, gradient, output).run();
    const VoxelOperand<T> taps{s.input(input), s.z, s.y, s.x};
    const ImagesOperand<T> images{s.output(gradient), s.out_channel_stride};
    gemm(executor,
         GemmProblem<T>{s.filters,
                        s.deep_products(),
                        s.images * s.out_channel_stride,
                        s.groups,
                        s.groups,
                        operand<T>(images),
                        operand<T>(taps),
                        {output, s.groups, 0, s.filters * s.deep_products(), s.deep_products(), nullptr, nullptr, 0},
                        false},
         executor.workspace());
  }

 private:
  static PackedRows<T> packed_rows(const X& executor, const ConvShape& s, bool back) {
    if (packed_bytes(s, back) == 0) return {};
    return {reinterpret_cast<T*>(executor.packed()), executor.packed_ready()};
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
