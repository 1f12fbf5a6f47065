// The convolution family: conv2d and its gradients by input and by weight, each by two algorithms, and im2col and
// col2im as ops.
//   implicit: a GEMM whose operand is packed straight from the image (conv_operands.h); no column buffer.
//   im2col:   the textbook one: columns of one image and group are written to the workspace, then multiplied.
// Weights are [filters, channels / groups, R, S] in both layouts. Gradients by weight sum over images and pixels in a
// fixed order.
#pragma once

#include "conv_operands.h"
#include "im2col.h"

namespace receptive::RECEPTIVE_TARGET {

struct ConvAttrs {
  std::int64_t batch;
  std::int64_t channels;
  std::int64_t height;
  std::int64_t width;
  std::int64_t filters;
  Pair kernel;
  Pair output;
  Pair stride;
  std::int64_t padding[4];  // top, bottom, left, right
  Pair dilation;
  std::int64_t groups;
  bool nhwc;
  std::int64_t algorithm;  // 0 implicit, 1 im2col
};

enum class ConvAlgorithm : std::int64_t { implicit, im2col };

// What the attributes mean in memory, for one layout.
struct ConvShape {
  Axis y, x;
  std::int64_t images, groups;
  std::int64_t channels, filters;  // of one group
  std::int64_t taps;               // R * S
  std::int64_t in_pixels, out_pixels;
  std::int64_t in_channel_stride, in_pixel_stride, out_channel_stride, out_pixel_stride;

  RECEPTIVE_FN explicit ConvShape(const ConvAttrs& a)
      : y{a.height, a.output.h, a.kernel.h, a.stride.h, a.padding[0], a.padding[1], a.dilation.h},
        x{a.width, a.output.w, a.kernel.w, a.stride.w, a.padding[2], a.padding[3], a.dilation.w},
        images(a.batch),
        groups(a.groups),
        channels(a.channels / a.groups),
        filters(a.filters / a.groups),
        taps(a.kernel.h * a.kernel.w),
        in_pixels(a.height * a.width),
        out_pixels(a.output.h * a.output.w),
        in_channel_stride(a.nhwc ? 1 : in_pixels),
        in_pixel_stride(a.nhwc ? a.channels : 1),
        out_channel_stride(a.nhwc ? 1 : out_pixels),
        out_pixel_stride(a.nhwc ? a.filters : 1) {}

  RECEPTIVE_FN std::int64_t products() const { return channels * taps; }  // C/groups * R * S

  template <class T>
  RECEPTIVE_FN Planes<T> input(const T* base) const {
    return Planes<T>{
        base, groups, groups * channels * in_pixels, channels * in_channel_stride, in_channel_stride, in_pixel_stride};
  }
  template <class T>
  RECEPTIVE_FN Planes<T> output(const T* base) const {
    return Planes<T>{base,
                     groups,
                     groups * filters * out_pixels,
                     filters * out_channel_stride,
                     out_channel_stride,
                     out_pixel_stride};
  }
  // A 1x1 convolution that reads each pixel once: its input is the matrix already.
  RECEPTIVE_FN bool is_pointwise() const {
    return taps == 1 && y.stride == 1 && x.stride == 1 && y.before == 0 && x.before == 0 && y.input == y.output &&
           x.input == x.output;
  }
};

RECEPTIVE_FN std::int64_t saturating_product(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? INT64_MAX / 64 : product;
}

// Schema, guard and cost that all ops of the family share.
struct ConvBase {
  using Attrs = ConvAttrs;
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(ConvAttrs, batch),    RECEPTIVE_INTEGER(ConvAttrs, channels),
                                     RECEPTIVE_INTEGER(ConvAttrs, height),   RECEPTIVE_INTEGER(ConvAttrs, width),
                                     RECEPTIVE_INTEGER(ConvAttrs, filters),  RECEPTIVE_INTEGER(ConvAttrs, kernel),
                                     RECEPTIVE_INTEGER(ConvAttrs, output),   RECEPTIVE_INTEGER(ConvAttrs, stride),
                                     RECEPTIVE_INTEGER(ConvAttrs, padding),  RECEPTIVE_INTEGER(ConvAttrs, dilation),
                                     RECEPTIVE_INTEGER(ConvAttrs, groups),   RECEPTIVE_FLAG(ConvAttrs, nhwc),
                                     RECEPTIVE_INTEGER(ConvAttrs, algorithm)};

  static const char* check_window(const ConvAttrs& a) {
    if (a.groups <= 0 || a.channels < 0 || a.filters < 0 || a.channels % a.groups != 0 || a.filters % a.groups != 0) {
      return "channels and filters must be multiples of groups";
    }
    if (!small_count(a.channels) || !small_count(a.filters) || !small_count(a.batch)) return "a count is out of range";
    const std::int64_t factors[] = {a.height, a.width, a.kernel.h, a.kernel.w, a.output.h, a.output.w};
    for (const std::int64_t factor : factors) {  // before ConvShape multiplies them
      if (!small_count(factor)) return "a size is out of range";
    }
    const ConvShape shape(a);
    if (!valid_axis(shape.y) || !valid_axis(shape.x)) return "a window number is out of range";
    if (a.algorithm != 0 && a.algorithm != 1) return "unknown algorithm";
    return nullptr;
  }

  static const char* check_tensors(const OpCall& call, const View& input, const View& weight, const View& output) {
    const auto& a = attrs_of<ConvAttrs>(call);
    if (const char* wrong = check_window(a)) return wrong;
    if (!is_float(input.dtype) || weight.dtype != input.dtype || output.dtype != input.dtype) {
      return "tensors must all be float32 or all float64";
    }
    if (!fits(input.size, a.batch, a.channels, a.height, a.width))
      return "the input has not batch * channels * height * width elements";
    if (!fits(weight.size, a.filters, a.channels / a.groups, a.kernel.h, a.kernel.w)) {
      return "the weight has not filters * channels / groups * R * S elements";
    }
    if (!fits(output.size, a.batch, a.filters, a.output.h, a.output.w))
      return "the output has not batch * filters * OH * OW elements";
    return nullptr;
  }

  static Cost cost(const OpCall& call) {
    const auto& a = attrs_of<ConvAttrs>(call);
    const double products = static_cast<double>(a.channels / a.groups * a.kernel.h) * static_cast<double>(a.kernel.w);
    const double outputs = static_cast<double>(a.batch * a.filters) * static_cast<double>(a.output.h * a.output.w);
    const double inputs = static_cast<double>(a.batch * a.channels) * static_cast<double>(a.height * a.width);
    const double weights = static_cast<double>(a.filters) * products;
    return Cost{2 * outputs * products,
                (inputs + outputs + weights) * static_cast<double>(element_bytes(call.outputs[0].dtype))};
  }

  // Bytes of one image's and group's columns, where the algorithm writes them.
  static std::int64_t column_bytes(const OpCall& call) {
    const auto& a = attrs_of<ConvAttrs>(call);
    if (static_cast<ConvAlgorithm>(a.algorithm) != ConvAlgorithm::im2col) return 0;
    const ConvShape shape(a);
    return round_up(saturating_product(shape.products(),
                                       saturating_product(shape.out_pixels, element_bytes(call.outputs[0].dtype))),
                    64);
  }

  template <class Size>
  static std::int64_t workspace_of(const OpCall& call, Size&& gemm_bytes) {
    std::int64_t bytes = 0;
    dispatch_float(call.outputs[0].dtype, [&](auto tag) { bytes = gemm_bytes(tag); });
    return column_bytes(call) + bytes;
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

  static std::int64_t workspace(const OpCall& call, int threads) {
    const auto& a = attrs_of<ConvAttrs>(call);
    const ConvShape s(a);
    const std::int64_t items = a.algorithm == 1 ? 1 : s.images * s.groups;
    return workspace_of(call, [&](auto tag) {
      using T = decltype(tag);
      return a.nhwc ? gemm_workspace<T>(s.out_pixels, s.filters, s.products(), items, items, threads)
                    : gemm_workspace<T>(s.filters, s.out_pixels, s.products(), items, a.algorithm == 1 ? 1 : s.groups,
                                        threads);
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
      if (static_cast<ConvAlgorithm>(a.algorithm) == ConvAlgorithm::im2col) {
        by_columns(executor, a, input, weight, bias, output, column_bytes(call));
      } else {
        implicitly(executor, a, input, weight, bias, output);
      }
    });
  }

 private:
  template <class T>
  static void implicitly(X& executor, const ConvAttrs& a, const T* input, const T* weight, const T* bias, T* output) {
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
                           s.filters};
    const WindowOperand<T, false> windows{in, s.y, s.x};
    const PixelOperand<T, false> pixels{in, s.channels, s.y, s.x};
    const MatrixOperand<T> rows{weight, s.groups, 0, per_group, 1, s.products()};
    const MatrixOperand<T> plain{input, s.groups, in.image_stride, in.group_stride, in.channel_stride, in.pixel_stride};
    const WeightOperand<T> columns{weight, s.groups, per_group, s.channels, 1, s.taps, s.products()};
    if (a.nhwc) {
      gemm(
          executor,
          GemmProblem<T>{s.out_pixels, s.filters, s.products(), items, items,
                         s.is_pointwise() ? operand<T>(plain) : operand<T>(pixels), operand<T>(columns), result, false},
          executor.workspace());
    } else {
      gemm(executor,
           GemmProblem<T>{s.filters, s.out_pixels, s.products(), items, s.groups, operand<T>(rows),
                          s.is_pointwise() ? operand<T>(plain) : operand<T>(windows), result, false},
           executor.workspace());
    }
  }

  template <class T>
  static void by_columns(X& executor, const ConvAttrs& a, const T* input, const T* weight, const T* bias, T* output,
                         std::int64_t bytes) {
    const ConvShape s(a);
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
      const GemmProblem<T> problem = a.nhwc ? GemmProblem<T>{s.out_pixels,
                                                             s.filters,
                                                             s.products(),
                                                             1,
                                                             1,
                                                             m,
                                                             f,
                                                             {to, 1, 0, 0, a.filters, nullptr, item_bias, 0},
                                                             false}
                                            : GemmProblem<T>{s.filters,
                                                             s.out_pixels,
                                                             s.products(),
                                                             1,
                                                             1,
                                                             f,
                                                             m,
                                                             {to, 1, 0, 0, s.out_pixels, item_bias, nullptr, 0},
                                                             false};
      gemm(executor, problem, executor.workspace() + bytes);
    }
  }
};

template <class X>
struct Conv2dInputOp : ConvBase {
  static constexpr const char* name = "conv2dInput";
  static constexpr int minInputs = 2, maxInputs = 2, outputs = 1;

  static const char* check(const OpCall& call) {
    return check_tensors(call, call.outputs[0], call.inputs[0], call.inputs[1]);
  }

  static std::int64_t workspace(const OpCall& call, int threads) {
    const auto& a = attrs_of<ConvAttrs>(call);
    const ConvShape s(a);
    return workspace_of(call, [&](auto tag) {
      using T = decltype(tag);
      if (a.algorithm == 1) return gemm_workspace<T>(s.products(), s.out_pixels, s.filters, 1, 1, threads);
      const std::int64_t items = s.images * s.groups, steps = s.filters * s.taps;
      return a.nhwc ? gemm_workspace<T>(s.in_pixels, s.channels, steps, items, items, threads)
                    : gemm_workspace<T>(s.channels, s.in_pixels, steps, items, s.groups, threads);
    });
  }

  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto& a = attrs_of<ConvAttrs>(call);
      const auto* weight = static_cast<const T*>(call.inputs[0].data);
      const auto* gradient = static_cast<const T*>(call.inputs[1].data);
      auto* output = static_cast<T*>(call.outputs[0].data);
      if (static_cast<ConvAlgorithm>(a.algorithm) == ConvAlgorithm::im2col) {
        by_columns(executor, a, weight, gradient, output, column_bytes(call));
      } else {
        implicitly(executor, a, weight, gradient, output);
      }
    });
  }

 private:
  template <class T>
  static void implicitly(X& executor, const ConvAttrs& a, const T* weight, const T* gradient, T* output) {
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
      gemm(
          executor,
          GemmProblem<T>{s.in_pixels, s.channels, steps, items, items,
                         s.is_pointwise() ? operand<T>(plain) : operand<T>(pixels), operand<T>(weights), result, false},
          executor.workspace());
    } else {  // k = (filter, r, s)
      const WeightOperand<T> weights{weight, s.groups, per_group, s.taps, s.products(), 1, s.taps};
      gemm(executor,
           GemmProblem<T>{s.channels, s.in_pixels, steps, items, s.groups, operand<T>(weights),
                          s.is_pointwise() ? operand<T>(plain) : operand<T>(windows), result, false},
           executor.workspace());
    }
  }

  template <class T>
  static void by_columns(X& executor, const ConvAttrs& a, const T* weight, const T* gradient, T* output,
                         std::int64_t bytes) {
    const ConvShape s(a);
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
};

template <class X>
struct Conv2dWeightOp : ConvBase {
  static constexpr const char* name = "conv2dWeight";
  static constexpr int minInputs = 2, maxInputs = 2, outputs = 1;

  static const char* check(const OpCall& call) {
    return check_tensors(call, call.inputs[0], call.outputs[0], call.inputs[1]);
  }

  static std::int64_t workspace(const OpCall& call, int threads) {
    const auto& a = attrs_of<ConvAttrs>(call);
    const ConvShape s(a);
    const bool columns = a.algorithm == 1;
    return workspace_of(call, [&](auto tag) {
      using T = decltype(tag);
      return gemm_workspace<T>(s.filters, s.products(), columns ? s.out_pixels : s.images * s.out_pixels,
                               columns ? 1 : s.groups, columns ? 1 : s.groups, threads);
    });
  }

  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto& a = attrs_of<ConvAttrs>(call);
      const auto* input = static_cast<const T*>(call.inputs[0].data);
      const auto* gradient = static_cast<const T*>(call.inputs[1].data);
      auto* output = static_cast<T*>(call.outputs[0].data);
      if (static_cast<ConvAlgorithm>(a.algorithm) == ConvAlgorithm::im2col && a.batch > 0) {
        by_columns(executor, a, input, gradient, output, column_bytes(call));
      } else {
        implicitly(executor, a, input, gradient, output);
      }
    });
  }

 private:
  template <class T>
  static void implicitly(X& executor, const ConvAttrs& a, const T* input, const T* gradient, T* output) {
    const ConvShape s(a);
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

  template <class T>
  static void by_columns(X& executor, const ConvAttrs& a, const T* input, const T* gradient, T* output,
                         std::int64_t bytes) {
    const ConvShape s(a);
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
};

// im2col and col2im as ops read batch, channels, height, width and the window; filters, groups and algorithm must be
// valid.
template <class X, bool kBack>
struct Im2ColOp : ConvBase {
  static constexpr const char* name = kBack ? "col2im" : "im2col";
  static constexpr int minInputs = 1, maxInputs = 1, outputs = 1;

  static const char* check(const OpCall& call) {
    const auto& a = attrs_of<ConvAttrs>(call);
    if (const char* wrong = check_window(a)) return wrong;
    const View& image = kBack ? call.outputs[0] : call.inputs[0];
    const View& columns = kBack ? call.inputs[0] : call.outputs[0];
    if (a.nhwc) return "columns have no NHWC form";
    if (!is_float(image.dtype) || columns.dtype != image.dtype) return "tensors must both be float32 or both float64";
    if (!fits(image.size, a.batch, a.channels, a.height, a.width))
      return "the image has not batch * channels * height * width elements";
    std::int64_t taps = 0;
    if (__builtin_mul_overflow(a.kernel.h, a.kernel.w, &taps) || !small_count(taps))
      return "a window number is out of range";
    std::int64_t rows = 0;
    if (__builtin_mul_overflow(a.channels, taps, &rows) || !small_count(rows)) return "too many column rows";
    return fits(columns.size, a.batch, rows, a.output.h, a.output.w)
               ? nullptr
               : "the columns have not batch * C*R*S * OH*OW elements";
  }

  static Cost cost(const OpCall& call) {
    const double bytes = static_cast<double>(element_bytes(call.outputs[0].dtype));
    return Cost{0, static_cast<double>(call.inputs[0].size + call.outputs[0].size) * bytes};
  }

  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto& a = attrs_of<ConvAttrs>(call);
      const ConvShape s(a);
      const auto* from = static_cast<const T*>(call.inputs[0].data);
      auto* to = static_cast<T*>(call.outputs[0].data);
      if constexpr (kBack) {
        col2im(executor, from, to, a.batch, a.channels, a.channels * s.in_pixels, s.in_pixels, 1, s.y, s.x);
      } else {
        im2col(executor, from, to, a.batch, a.channels, a.channels * s.in_pixels, s.in_pixels, 1, s.y, s.x);
      }
    });
  }
};

template <class X>
using Conv2dFamily = Family<X, Conv2dOp<X>, Conv2dInputOp<X>, Conv2dWeightOp<X>, Im2ColOp<X, false>, Im2ColOp<X, true>>;

}  // namespace receptive::RECEPTIVE_TARGET
