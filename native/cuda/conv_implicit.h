// The `implicit` convolution and its gradient by input: a product of packed weights (conv_packing.h) and of the image
// as its windows see it (conv_gather.h). The pixels of all images are one axis of the product: its columns in NCHW, its
// rows in NHWC, so that results are written as they lie in memory. Items of the product are group * phases + phase.
//
// With strides, the gradient by input has a phase of pixels for each class of taps (ops/tap_class.h), as an item of its
// own.
#pragma once

#include "conv_gather.h"
#include "conv_packing.h"

namespace receptive::RECEPTIVE_TARGET {

// Along both axes; what few_phases() allows.
inline constexpr int kMostAxes = 65;

// Where results of NCHW go: rows are channels, columns the pixels of a phase.
template <class T>
struct PlanesPlace {
  static constexpr int kVector = 16 / static_cast<int>(sizeof(T));
  T* base;
  const T* bias;
  std::int64_t image_stride, channel_stride;
  int width, pixels;
  const GatherAxis& y;
  const GatherAxis& x;
  Clamp<T> clamp;

  struct Column {
    std::int64_t at[kVector];
  };
  struct Row {
    T* to;
    T bias;
  };
  __device__ Row row(std::int64_t i) const { return Row{base + i * channel_stride, bias != nullptr ? bias[i] : T{0}}; }
  __device__ __forceinline__ Column column(std::int64_t j) const {
    Column column;
#pragma unroll
    for (int v = 0; v < kVector; ++v) {
      const int q = static_cast<int>(j) + v < pixels ? static_cast<int>(j) + v : pixels - 1;
      const int line = x.pixels.quotient(q), image = y.pixels.quotient(line);
      const int at_y = y.first + (line - image * y.pixels.size()) * y.stride;
      const int at_x = x.first + (q - line * x.pixels.size()) * x.stride;
      column.at[v] = image * image_stride + std::int64_t{at_y} * width + at_x;
    }
    return column;
  }
  __device__ __forceinline__ void put(const Row& row, const Column& column, Vector<T> sums, int count) const {
#pragma unroll
    for (int v = 0; v < kVector; ++v) {
      const T sum = sums.v[v] + row.bias;
      sums.v[v] = clamp.any ? clamp(Pack<T, 1>(sum)).v : sum;
    }
    T* to = row.to + column.at[0];
    if (count == kVector && column.at[kVector - 1] - column.at[0] == kVector - 1 &&
        reinterpret_cast<std::uintptr_t>(to) % 16 == 0) {
      *reinterpret_cast<Vector<T>*>(to) = sums;
      return;
    }
#pragma unroll
    for (int v = 0; v < kVector; ++v) {
      if (v < count) row.to[column.at[v]] = sums.v[v];
    }
  }
};

// Where results of NHWC go: rows are pixels, columns channels.
template <class T>
struct PixelsPlace : MatrixPlace<T> {
  std::int64_t image_stride, pixel_stride;
  int width;
  const GatherAxis& y;
  const GatherAxis& x;

  __device__ PixelsPlace(T* base, const T* bias, Clamp<T> clamp, std::int64_t image, std::int64_t pixel, int columns,
                         const GatherAxis& of_y, const GatherAxis& of_x)
      : MatrixPlace<T>{base, 0, nullptr, bias, clamp, false},
        image_stride(image),
        pixel_stride(pixel),
        width(columns),
        y(of_y),
        x(of_x) {}

  __device__ typename MatrixPlace<T>::Row row(std::int64_t i) const {
    const int q = static_cast<int>(i);
    const int line = x.pixels.quotient(q), image = y.pixels.quotient(line);
    const int at_y = y.first + (line - image * y.pixels.size()) * y.stride;
    const int at_x = x.first + (q - line * x.pixels.size()) * x.stride;
    return {this->base + image * image_stride + (std::int64_t{at_y} * width + at_x) * pixel_stride, T{0}};
  }
};

// kNhwc: pixels are rows. kWhole: see PixelCopier.
template <class T, bool kNhwc, bool kWhole>
struct ConvProblem {
  Gather<T> gather;
  const T* weights;
  std::int64_t group_weights, padded;  // elements of a group; of a step
  T* output;
  const T* bias;
  std::int64_t image_stride, group_stride, channel_stride, pixel_stride;  // of the output
  int width;
  int images, channels;  // of the result, in a group
  int row_taps;          // S
  Clamp<T> clamp;
  int phases, phases_x;
  GatherAxis axes[kMostAxes];  // of the phases along y, then along x

  RECEPTIVE_FN const GatherAxis& y(std::int64_t item) const { return axes[static_cast<int>(item % phases) / phases_x]; }
  RECEPTIVE_FN const GatherAxis& x(std::int64_t item) const {
    return axes[phases / phases_x + static_cast<int>(item % phases) % phases_x];
  }
  RECEPTIVE_FN Extent extent(std::int64_t item) const {
    const GatherAxis &down = y(item), &across = x(item);
    const std::int64_t pixels = std::int64_t{images} * down.pixels.size() * across.pixels.size();
    const std::int64_t steps = std::int64_t{down.tap_count} * across.tap_count * gather.channels.size();
    return kNhwc ? Extent{pixels, channels, steps} : Extent{channels, pixels, steps};
  }
  RECEPTIVE_FN const ConvProblem& a_source() const { return *this; }
  RECEPTIVE_FN const ConvProblem& b_source() const { return *this; }

  // The weights of an item's class of taps.
  __device__ const T* item_weights(std::int64_t item) const {
    const GatherAxis &down = y(item), &across = x(item);
    const std::int64_t taps = std::int64_t{down.before} * row_taps + std::int64_t{down.tap_count} * across.before;
    return weights + item / phases * group_weights + taps * gather.channels.size() * padded;
  }

  struct Weights {
    static constexpr bool kHasTable = false;
    template <class Side>
    using Table = NoTable;
    template <class Side>
    struct Copier : VectorCopier<Side> {
      __device__ Copier(const ConvProblem& p, std::int64_t item, std::int64_t origin, std::int64_t, std::int64_t first,
                        NoTable&)
          : VectorCopier<Side>(p.item_weights(item), p.padded, origin, p.padded, first) {}
    };
  };
  struct Windows {
    static constexpr bool kHasTable = !kWhole;
    template <class Side>
    using Table = typename PixelCopier<Side, kWhole>::Table;
    template <class Side>
    struct Copier : PixelCopier<Side, kWhole> {
      __device__ Copier(const ConvProblem& p, std::int64_t item, std::int64_t origin, std::int64_t extent,
                        std::int64_t first, Table<Side>& table)
          : PixelCopier<Side, kWhole>(p.gather, p.y(item), p.x(item), item / p.phases, origin, extent, first, table) {}
    };
  };
  struct WindowRows {
    static constexpr bool kHasTable = true;
    template <class Side>
    using Table = GatherTable<Side>;
    template <class Side>
    struct Copier : StepCopier<Side, false> {
      __device__ Copier(const ConvProblem& p, std::int64_t item, std::int64_t origin, std::int64_t extent,
                        std::int64_t first, Table<Side>& table)
          : StepCopier<Side, false>(p.gather, p.y(item), p.x(item), item / p.phases, origin, extent, first, table) {}
    };
  };
  using A = std::conditional_t<kNhwc, WindowRows, Weights>;
  using B = std::conditional_t<kNhwc, Weights, Windows>;

  __device__ auto place(std::int64_t item) const {
    const std::int64_t group = item / phases;
    T* to = output + group * group_stride;
    const T* group_bias = bias != nullptr ? bias + group * channels : nullptr;
    if constexpr (kNhwc) {
      return PixelsPlace<T>(to, group_bias, clamp, image_stride, pixel_stride, width, y(item), x(item));
    } else {
      const int pixels = images * y(item).pixels.size() * x(item).pixels.size();
      return PlanesPlace<T>{to, group_bias, image_stride, channel_stride, width, pixels, y(item), x(item), clamp};
    }
  }
};

template <class T, class X>
class ImplicitProduct {
 public:
  // Whether the gradient by input has few enough phases; always, of the forward pass.
  static bool fits(const ConvAttrs& a, bool back) { return !back || few_phases(a); }

  static std::int64_t workspace(const ConvAttrs& a, bool back) {
    const ImplicitProduct product(a, back);
    return PackedWeights<T>(product.shape_, back).workspace() +
           product.splits().template workspace<T>(product.shape_.groups, product.rows(), product.columns());
  }

  ImplicitProduct(const ConvAttrs& a, bool back) : shape_(a), back_(back), clamp_(clamp_of<T>(a)) {}

  // `source`: the input, or the gradient.
  void run(const X& executor, const T* source, const T* weight, const T* bias, T* output) const {
    if (rows() == 0 || columns() == 0 || shape_.groups == 0) return;
    const PackedWeights<T> form(shape_, back_);
    const T* packed =
        form.bytes() == 0 ? weight : packed_weights<T>(executor, shape_, back_, weight, executor.workspace());
    std::byte* partial = executor.workspace() + form.workspace();
    if (shape_.nhwc) {
      start<true, false>(executor, form, source, packed, bias, output, partial);
    } else if (depth() % kGemmSteps == 0) {
      start<false, true>(executor, form, source, packed, bias, output, partial);
    } else {
      start<false, false>(executor, form, source, packed, bias, output, partial);
    }
  }

 private:
  // Of the usual batch, wherever a split would depend on it.
  static constexpr std::int64_t kUsualImages = 4;

  std::int64_t depth() const { return back_ ? shape_.filters : shape_.channels; }
  std::int64_t channels() const { return back_ ? shape_.channels : shape_.filters; }
  bool phased() const { return back_ && shape_.y.stride * shape_.x.stride > 1; }
  // Of the largest phase, for one image.
  std::int64_t pixels() const {
    if (!back_) return shape_.out_pixels;
    return ceil_div(shape_.y.input, shape_.y.stride) * ceil_div(shape_.x.input, shape_.x.stride);
  }
  std::int64_t rows() const { return shape_.nhwc ? shape_.images * pixels() : channels(); }
  std::int64_t columns() const { return shape_.nhwc ? channels() : shape_.images * pixels(); }
  GemmSplits splits() const {
    const std::int64_t steps = depth() * shape_.taps;
    if (phased()) return GemmSplits(INT64_MAX, steps);  // phases have sums of different lengths: none is cut
    return GemmSplits(GemmSplits::tiles(channels(), kUsualImages * pixels()) * shape_.groups, steps);
  }

  GatherAxis axis(const Axis& a, std::int64_t phase) const {
    const auto number = [](std::int64_t n) { return static_cast<int>(n); };
    if (!back_) {
      return {FastDivider::by(a.output),
              FastDivider::by(a.kernel),
              number(a.stride),
              number(-a.before),
              number(a.dilation),
              0,
              1,
              number(a.kernel),
              0};
    }
    const TapClass taps(a, (phase + a.before) % a.stride);
    const std::int64_t pixels = ceil_div(a.input - phase, a.stride);
    const Axis of = taps.axis(a, phase, pixels);
    return {FastDivider::by(pixels),
            FastDivider::by(max_of(1, taps.count)),
            1,
            number(of.before),
            number(-of.dilation),
            number(phase),
            number(a.stride),
            number(taps.count),
            number(taps.before)};
  }

  template <bool kNhwc, bool kWhole>
  void start(const X& executor, const PackedWeights<T>& form, const T* source, const T* packed, const T* bias,
             T* output, std::byte* partial) const {
    const Planes<T> from = back_ ? shape_.output(source) : shape_.input(source);
    const T* result = output;
    const Planes<T> to = back_ ? shape_.input(result) : shape_.output(result);
    const Axis &y = shape_.y, &x = shape_.x;
    ConvProblem<T, kNhwc, kWhole> problem{};
    problem.gather = {from.base,
                      from.image_stride,
                      from.group_stride,
                      from.channel_stride,
                      from.pixel_stride,
                      static_cast<int>(back_ ? y.output : y.input),
                      static_cast<int>(back_ ? x.output : x.input),
                      FastDivider::by(max_of(1, depth())),
                      FastDivider::by(shape_.taps)};
    problem.weights = packed;
    problem.group_weights = form.group_elements();
    problem.padded = form.padded;
    problem.output = output;
    problem.bias = bias;
    problem.image_stride = to.image_stride;
    problem.group_stride = to.group_stride;
    problem.channel_stride = to.channel_stride;
    problem.pixel_stride = to.pixel_stride;
    problem.width = static_cast<int>(back_ ? x.input : x.output);
    problem.images = static_cast<int>(shape_.images);
    problem.channels = static_cast<int>(channels());
    problem.row_taps = static_cast<int>(x.kernel);
    problem.clamp = clamp_;
    const std::int64_t phases_y = back_ ? min_of(y.stride, y.input) : 1,
                       phases_x = back_ ? min_of(x.stride, x.input) : 1;
    problem.phases = static_cast<int>(phases_y * phases_x);
    problem.phases_x = static_cast<int>(phases_x);
    for (std::int64_t i = 0; i < phases_y; ++i) problem.axes[i] = axis(y, i);
    for (std::int64_t i = 0; i < phases_x; ++i) problem.axes[phases_y + i] = axis(x, i);
    if (depth() == 0) {
      for (GatherAxis& axis : problem.axes) axis.tap_count = 0;
    }
    multiply_tiles<T>(executor, problem, shape_.groups * problem.phases, rows(), columns(), splits(), partial);
  }

  ConvShape shape_;
  bool back_;
  Clamp<T> clamp_;
};

}  // namespace receptive::RECEPTIVE_TARGET
