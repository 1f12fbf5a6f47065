// The `im2col` convolution, the textbook one: the columns of one image and group are written to the workspace, then
// multiplied.
#pragma once

#include "conv_shape.h"
#include "im2col.h"
#include "matrix_operand.h"

namespace receptive::RECEPTIVE_TARGET {

// Bytes of one image's and group's columns.
template <class T>
std::int64_t column_bytes(const ConvShape& s) {
  return round_up(saturating_product(s.products(), saturating_product(s.out_pixels, sizeof(T))), 64);
}

template <class T>
std::int64_t columns_forward_workspace(const ConvAttrs& a, int threads) {
  const ConvShape s(a);
  const std::int64_t product = a.nhwc ? gemm_workspace<T>(s.out_pixels, s.filters, s.products(), 1, 1, threads)
                                      : gemm_workspace<T>(s.filters, s.out_pixels, s.products(), 1, 1, threads);
  return column_bytes<T>(s) + product;
}
template <class T>
std::int64_t columns_input_workspace(const ConvAttrs& a, int threads) {
  const ConvShape s(a);
  return column_bytes<T>(s) + gemm_workspace<T>(s.products(), s.out_pixels, s.filters, 1, 1, threads);
}
template <class T>
std::int64_t columns_weight_workspace(const ConvAttrs& a, int threads) {
  const ConvShape s(a);
  return column_bytes<T>(s) + gemm_workspace<T>(s.filters, s.products(), s.out_pixels, 1, 1, threads);
}

template <class T, class X>
void columns_forward(X& executor, const ConvAttrs& a, const T* input, const T* weight, const T* bias, T* output) {
  const ConvShape s(a);
  const std::int64_t bytes = column_bytes<T>(s);
  const Planes<T> in = s.input(input);
  const Planes<T> out = s.output(static_cast<const T*>(output));
  T* columns = reinterpret_cast<T*>(executor.workspace());
  for (std::int64_t item = 0; item < s.images * s.groups; ++item) {
    const std::int64_t group = item % s.groups;
    im2col(executor, in.item(item), columns, 1, s.channels, 0, in.channel_stride, in.pixel_stride, s.y, s.x);
    const MatrixOperand<T> matrix{columns, 1, 0, 0, s.out_pixels, 1};
    const MatrixOperand<T> filters{weight + group * s.filters * s.products(), 1, 0, 0, 1, s.products()};
    const T* item_bias = bias == nullptr ? nullptr : bias + group * s.filters;
    T* to = output + (out.item(item) - out.base);
    const Operand<T> m = operand<T>(matrix), f = operand<T>(filters);
    const GemmProblem<T> problem =
        a.nhwc ? GemmProblem<T>{s.out_pixels,
                                s.filters,
                                s.products(),
                                1,
                                1,
                                m,
                                f,
                                {to, 1, 0, 0, a.filters, nullptr, item_bias, 0, clamp_of<T>(a)},
                                false}
               : GemmProblem<T>{s.filters,
                                s.out_pixels,
                                s.products(),
                                1,
                                1,
                                f,
                                m,
                                {to, 1, 0, 0, s.out_pixels, item_bias, nullptr, 0, clamp_of<T>(a)},
                                false};
    gemm(executor, problem, executor.workspace() + bytes);
  }
}

template <class T, class X>
void columns_input(X& executor, const ConvAttrs& a, const T* weight, const T* gradient, T* output) {
  const ConvShape s(a);
  const std::int64_t bytes = column_bytes<T>(s);
  const Planes<T> out = s.output(gradient);
  const Planes<T> in = s.input(static_cast<const T*>(output));
  T* columns = reinterpret_cast<T*>(executor.workspace());
  for (std::int64_t item = 0; item < s.images * s.groups; ++item) {
    const MatrixOperand<T> weights{weight + item % s.groups * s.filters * s.products(), 1, 0, 0, s.products(), 1};
    const MatrixOperand<T> gradients{out.item(item), 1, 0, 0, out.channel_stride, out.pixel_stride};
    gemm(executor,
         GemmProblem<T>{s.products(),
                        s.out_pixels,
                        s.filters,
                        1,
                        1,
                        operand<T>(weights),
                        operand<T>(gradients),
                        {columns, 1, 0, 0, s.out_pixels, nullptr, nullptr, 0},
                        false},
         executor.workspace() + bytes);
    col2im(executor, static_cast<const T*>(columns), output + (in.item(item) - in.base), 1, s.channels, 0,
           in.channel_stride, in.pixel_stride, s.y, s.x);
  }
}

template <class T, class X>
void columns_weight(X& executor, const ConvAttrs& a, const T* input, const T* gradient, T* output) {
  const ConvShape s(a);
  const std::int64_t bytes = column_bytes<T>(s);
  const Planes<T> in = s.input(input);
  const Planes<T> out = s.output(gradient);
  T* columns = reinterpret_cast<T*>(executor.workspace());
  for (std::int64_t item = 0; item < s.images * s.groups; ++item) {
    im2col(executor, in.item(item), columns, 1, s.channels, 0, in.channel_stride, in.pixel_stride, s.y, s.x);
    const MatrixOperand<T> gradients{out.item(item), 1, 0, 0, out.pixel_stride, out.channel_stride};
    const MatrixOperand<T> matrix{columns, 1, 0, 0, 1, s.out_pixels};
    T* to = output + item % s.groups * s.filters * s.products();
    gemm(executor,
         GemmProblem<T>{s.filters,
                        s.products(),
                        s.out_pixels,
                        1,
                        1,
                        operand<T>(gradients),
                        operand<T>(matrix),
                        {to, 1, 0, 0, s.products(), nullptr, nullptr, 0},
                        item >= s.groups},
         executor.workspace() + bytes);
  }
}

}  // namespace receptive::RECEPTIVE_TARGET
