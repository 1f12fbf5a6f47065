// The `implicit` convolution: a GEMM whose operand is packed straight from the image (conv_operands.h), without a
// column buffer. Gradients by weight sum over images and pixels in a fixed order.
#pragma once

#include "conv_phases.h"
#include "conv_pixels.h"
#include "conv_weight.h"

namespace receptive::RECEPTIVE_TARGET {

// The weights are packed whole where that is not too much to keep: as the product's rows in NCHW, as its columns in
// NHWC.
template <class T, class X>
std::int64_t packed_weights_bytes(const ConvAttrs& a, bool back) {
  if (a.nhwc) return PixelProduct<T, X>::packed_bytes(a, back);
  const ConvShape s(a);
  return back ? PackedRows<T>::bytes(s.channels, s.filters * s.taps, s.groups)
              : PackedRows<T>::bytes(s.filters, s.products(), s.groups);
}
template <class T, class X>
bool packs_weights(const ConvAttrs& a, bool back) {
  return (!a.nhwc || PixelProduct<T, X>::fits(a, back)) && a.batch > 0 &&
         packed_weights_bytes<T, X>(a, back) <= kMostPackedBytes;
}
template <class T, class X>
PackedRows<T> packed_weights(const X& executor, const ConvAttrs& a, bool back) {
  if (!packs_weights<T, X>(a, back)) return {};
  return {reinterpret_cast<T*>(executor.packed()), executor.packed_ready()};
}

// NHWC, with its weights packed.
template <class T, class X>
bool in_pixels(const ConvAttrs& a, bool back) {
  return a.nhwc && packs_weights<T, X>(a, back);
}

// The phases want their weights packed whole.
template <class T, class X>
bool in_phases(const ConvAttrs& a) {
  return packs_weights<T, X>(a, true) && PhasedInput<T, X>::fits(ConvShape(a));
}

template <class T, class X>
std::int64_t implicit_forward_workspace(const ConvAttrs& a, int threads) {
  if (in_pixels<T, X>(a, false)) return PixelProduct<T, X>::workspace(a, false, threads);
  const ConvShape s(a);
  const std::int64_t items = s.images * s.groups;
  return a.nhwc ? gemm_workspace<T>(s.out_pixels, s.filters, s.products(), items, items, threads)
                : gemm_workspace<T>(s.filters, s.out_pixels, s.products(), items, s.groups, threads,
                                    packs_weights<T, X>(a, false));
}
template <class T, class X>
std::int64_t implicit_input_workspace(const ConvAttrs& a, int threads) {
  if (in_phases<T, X>(a)) return PhasedInput<T, X>::workspace(ConvShape(a), threads);
  if (in_pixels<T, X>(a, true)) return PixelProduct<T, X>::workspace(a, true, threads);
  const ConvShape s(a);
  const std::int64_t items = s.images * s.groups, steps = s.filters * s.taps;
  return a.nhwc ? gemm_workspace<T>(s.in_pixels, s.channels, steps, items, items, threads)
                : gemm_workspace<T>(s.channels, s.in_pixels, steps, items, s.groups, threads,
                                    packs_weights<T, X>(a, true));
}
template <class T, class X>
std::int64_t implicit_weight_workspace(const ConvAttrs& a, int threads) {
  const ConvShape s(a);
  if (fits_tap_rows<T>(s)) return WeightGradient<T, X>::workspace(s, threads);
  return gemm_workspace<T>(s.filters, s.products(), s.images * s.out_pixels, s.groups, s.groups, threads);
}

template <class T, class X>
void implicit_forward(X& executor, const ConvAttrs& a, const T* input, const T* weight, const T* bias, T* output) {
  if (in_pixels<T, X>(a, false)) {
    return PixelProduct<T, X>(executor, a, false, input, weight, bias, output, packed_weights<T>(executor, a, false))
        .run();
  }
  const ConvShape s(a);
  const std::int64_t items = s.images * s.groups, per_group = s.filters * s.products();
  const Planes<T> in = s.input(input);
  const Planes<T> out = s.output(static_cast<const T*>(output));
  const Result<T> result{output,
                         s.groups,
                         out.image_stride,
                         out.group_stride,
                         a.nhwc ? a.filters : s.out_pixels,
                         a.nhwc ? nullptr : bias,
                         a.nhwc ? bias : nullptr,
                         s.filters,
                         clamp_of<T>(a)};
  const WindowOperand<T, false> windows{in, s.y, s.x};
  const PixelOperand<T, false> pixels{in, s.channels, s.y, s.x};
  const MatrixOperand<T> rows{weight, s.groups, 0, per_group, 1, s.products()};
  const MatrixOperand<T> plain{input, s.groups, in.image_stride, in.group_stride, in.channel_stride, in.pixel_stride};
  const WeightOperand<T> columns{weight, s.groups, per_group, s.channels, 1, s.taps, s.products()};
  if (a.nhwc) {
    gemm(executor,
         GemmProblem<T>{s.out_pixels, s.filters, s.products(), items, items,
                        s.is_pointwise() ? operand<T>(plain) : operand<T>(pixels), operand<T>(columns), result, false},
         executor.workspace());
  } else {
    gemm(executor,
         GemmProblem<T>{s.filters, s.out_pixels, s.products(), items, s.groups, operand<T>(rows),
                        s.is_pointwise() ? operand<T>(plain) : operand<T>(windows), result, false},
         executor.workspace(), packed_weights<T>(executor, a, false));
  }
}

template <class T, class X>
void implicit_input(X& executor, const ConvAttrs& a, const T* weight, const T* gradient, T* output) {
  if (in_phases<T, X>(a)) {
    return PhasedInput<T, X>(executor, ConvShape(a), weight, gradient, output, packed_weights<T>(executor, a, true))
        .run();
  }
  if (in_pixels<T, X>(a, true)) {
    return PixelProduct<T, X>(executor, a, true, gradient, weight, nullptr, output,
                              packed_weights<T>(executor, a, true))
        .run();
  }
  const ConvShape s(a);
  const std::int64_t items = s.images * s.groups, per_group = s.filters * s.products(), steps = s.filters * s.taps;
  const Planes<T> out = s.output(gradient);
  const Planes<T> in = s.input(static_cast<const T*>(output));
  const Result<T> result{
      output, s.groups, in.image_stride, in.group_stride, a.nhwc ? a.channels : s.in_pixels, nullptr, nullptr, 0};
  const WindowOperand<T, true> windows{out, s.y, s.x};
  const PixelOperand<T, true> pixels{out, s.filters, s.y, s.x};
  const MatrixOperand<T> plain{gradient,         s.groups,           out.image_stride,
                               out.group_stride, out.channel_stride, out.pixel_stride};
  if (a.nhwc) {  // k = (r, s, filter)
    const WeightOperand<T> weights{weight, s.groups, per_group, s.filters, 1, s.products(), s.taps};
    gemm(executor,
         GemmProblem<T>{s.in_pixels, s.channels, steps, items, items,
                        s.is_pointwise() ? operand<T>(plain) : operand<T>(pixels), operand<T>(weights), result, false},
         executor.workspace());
  } else {  // k = (filter, r, s)
    const WeightOperand<T> weights{weight, s.groups, per_group, s.taps, s.products(), 1, s.taps};
    gemm(executor,
         GemmProblem<T>{s.channels, s.in_pixels, steps, items, s.groups, operand<T>(weights),
                        s.is_pointwise() ? operand<T>(plain) : operand<T>(windows), result, false},
         executor.workspace(), packed_weights<T>(executor, a, true));
  }
}

template <class T, class X>
void implicit_weight(X& executor, const ConvAttrs& a, const T* input, const T* gradient, T* output) {
  const ConvShape s(a);
  if (fits_tap_rows<T>(s)) return WeightGradient<T, X>(executor, s, input, gradient, output).run();
  const Planes<T> out = s.output(gradient);
  const TapOperand<T> taps{s.input(input), s.y, s.x};
  const ImagesOperand<T> images{out, s.out_pixels};
  const MatrixOperand<T> pixels{gradient, s.groups, 0, out.group_stride, out.pixel_stride, 1};
  gemm(executor,
       GemmProblem<T>{s.filters,
                      s.products(),
                      s.images * s.out_pixels,
                      s.groups,
                      s.groups,
                      a.nhwc ? operand<T>(pixels) : operand<T>(images),
                      operand<T>(taps),
                      {output, s.groups, 0, s.filters * s.products(), s.products(), nullptr, nullptr, 0},
                      false},
       executor.workspace());
}

}  // namespace receptive::RECEPTIVE_TARGET
