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

// Along all axes together; what few_phases() allows.
template <bool kDeep>
inline constexpr int kMostAxes = kDeep ? 66 : 65;

// The pixels of a phase in the result.
template <bool kDeep>
struct PhasePixels {
  GatherAxes<kDeep> axes;
  Box<kDeep> box;

  struct Place {
    int image;
    std::int64_t index;
  };
  __device__ __forceinline__ Place operator()(int q) const {
    const auto pixel = axes.pixel(q);
    const auto at = axes.map(pixel.at, [](const GatherAxis& a, int i) { return a.first + i * a.stride; });
    return {pixel.image, box.index(at)};
  }
};

// Where results of NCHW go: rows are channels, columns the pixels of a phase.
template <class T, bool kDeep>
struct PlanesPlace {
  static constexpr int kVector = 16 / static_cast<int>(sizeof(T));
  T* base;
  const T* bias;
  std::int64_t image_stride, channel_stride;
  PhasePixels<kDeep> place;
  int pixels;
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
      const auto pixel = place(q);
      column.at[v] = pixel.image * image_stride + pixel.index;
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
template <class T, bool kDeep>
struct PixelsPlace : MatrixPlace<T> {
  std::int64_t image_stride, pixel_stride;
  PhasePixels<kDeep> place;

  __device__ PixelsPlace(T* base, const T* bias, Clamp<T> clamp, std::int64_t image, std::int64_t pixel,
                         const PhasePixels<kDeep>& pixels)
      : MatrixPlace<T>{base, 0, nullptr, bias, clamp, false}, image_stride(image), pixel_stride(pixel), place(pixels) {}

  __device__ typename MatrixPlace<T>::Row row(std::int64_t i) const {
    const auto pixel = place(static_cast<int>(i));
    return {this->base + pixel.image * image_stride + pixel.index * pixel_stride, T{0}};
  }
};

// kNhwc: pixels are rows. kWhole: see PixelCopier. kDeep: of volumes.
template <class T, bool kNhwc, bool kWhole, bool kDeep>
struct ConvProblem {
  Gather<T, kDeep> gather;
  const T* weights;
  std::int64_t group_weights, padded;  // elements of a group; of a step
  T* output;
  const T* bias;
  std::int64_t image_stride, group_stride, channel_stride, pixel_stride;  // of the output
  Box<kDeep> box;                                                         // of it, too
  int images, channels;                                                   // of the result, in a group
  int row_taps, plane_taps;                                               // S; R * S, where kDeep
  Clamp<T> clamp;
  int phases, phases_x, phases_plane;  // of all axes; along x; along y and x, where kDeep
  GatherAxis axes[kMostAxes<kDeep>];   // of the phases along z where kDeep, then along y, then along x

  RECEPTIVE_FN GatherAxes<kDeep> axes_of(std::int64_t item) const {
    const int phase = static_cast<int>(item % phases);
    if constexpr (kDeep) {
      const int phases_z = phases / phases_plane, z = phase / phases_plane, in_plane = phase - z * phases_plane;
      return {axes[phases_z + in_plane / phases_x], axes[phases_z + phases_plane / phases_x + in_plane % phases_x],
              axes[z]};
    } else {
      return {axes[phase / phases_x], axes[phases / phases_x + phase % phases_x], axes[0]};
    }
  }
  RECEPTIVE_FN Extent extent(std::int64_t item) const {
    const GatherAxes<kDeep> of = axes_of(item);
    std::int64_t pixels = std::int64_t{images} * of.y.pixels.size() * of.x.pixels.size();
    std::int64_t steps = std::int64_t{of.y.tap_count} * of.x.tap_count * gather.channels.size();
    if constexpr (kDeep) pixels *= of.z.pixels.size(), steps *= of.z.tap_count;
    return kNhwc ? Extent{pixels, channels, steps} : Extent{channels, pixels, steps};
  }
  RECEPTIVE_FN const ConvProblem& a_source() const { return *this; }
  RECEPTIVE_FN const ConvProblem& b_source() const { return *this; }

  // The weights of an item's class of taps.
  __device__ const T* item_weights(std::int64_t item) const {
    const GatherAxes<kDeep> of = axes_of(item);
    std::int64_t lines = of.y.tap_count, taps = std::int64_t{of.y.before} * row_taps;
    if constexpr (kDeep) {
      lines *= of.z.tap_count;
      taps = taps * of.z.tap_count + std::int64_t{of.z.before} * plane_taps;
    }
    taps += lines * of.x.before;
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
    using Table = typename PixelCopier<Side, kWhole, kDeep>::Table;
    template <class Side>
    struct Copier : PixelCopier<Side, kWhole, kDeep> {
      __device__ Copier(const ConvProblem& p, std::int64_t item, std::int64_t origin, std::int64_t extent,
                        std::int64_t first, Table<Side>& table)
          : PixelCopier<Side, kWhole, kDeep>(p.gather, p.axes_of(item), item / p.phases, origin, extent, first, table) {
      }
    };
  };
  struct WindowRows {
    static constexpr bool kHasTable = true;
    template <class Side>
    using Table = GatherTable<Side, kDeep>;
    template <class Side>
    struct Copier : StepCopier<Side, false, kDeep> {
      __device__ Copier(const ConvProblem& p, std::int64_t item, std::int64_t origin, std::int64_t extent,
                        std::int64_t first, Table<Side>& table)
          : StepCopier<Side, false, kDeep>(p.gather, p.axes_of(item), item / p.phases, origin, extent, first, table) {}
    };
  };
  using A = std::conditional_t<kNhwc, WindowRows, Weights>;
  using B = std::conditional_t<kNhwc, Weights, Windows>;

  __device__ auto place(std::int64_t item) const {
    const std::int64_t group = item / phases;
    T* to = output + group * group_stride;
    const T* group_bias = bias != nullptr ? bias + group * channels : nullptr;
    const PhasePixels<kDeep> place{axes_of(item), box};
    if constexpr (kNhwc) {
      return PixelsPlace<T, kDeep>(to, group_bias, clamp, image_stride, pixel_stride, place);
    } else {
      int pixels = images * place.axes.y.pixels.size() * place.axes.x.pixels.size();
      if constexpr (kDeep) pixels *= place.axes.z.pixels.size();
      return PlanesPlace<T, kDeep>{to, group_bias, image_stride, channel_stride, place, pixels, clamp};
    }
  }
};

// kDeep: of volumes.
template <class T, class X, bool kDeep = false>
class ImplicitProduct {
 public:
  // Whether the gradient by input has few enough phases; always, of the forward pass.
  static bool fits(const ConvShape& s, bool back) { return !back || few_phases(s.z.stride, s.y.stride, s.x.stride); }

  static std::int64_t workspace(const ConvShape& s, bool back) {
    const ImplicitProduct product(s, back);
    return PackedWeights<T>(s, back).workspace() +
           product.splits().template workspace<T>(s.groups, product.rows(), product.columns());
  }

  ImplicitProduct(const ConvShape& shape, bool back, Clamp<T> clamp = {}) : shape_(shape), back_(back), clamp_(clamp) {}

  // `source`: the input, or the gradient.
  void run(const X& executor, const T* source, const T* weight, const T* bias, T* output) const {
    if (rows() == 0 || columns() == 0 || shape_.groups == 0) return;
    const PackedWeights<T> form(shape_, back_);
    const T* packed =
        form.bytes() == 0 ? weight : packed_weights<kDeep>(executor, shape_, back_, weight, executor.workspace());
    std::byte* partial = executor.workspace() + form.workspace();
    if constexpr (!kDeep) {
      if (shape_.nhwc) return start<true, false>(executor, form, source, packed, bias, output, partial);
    }
    if (depth() % kGemmSteps == 0) {
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
  bool phased() const { return back_ && shape_.z.stride * shape_.y.stride * shape_.x.stride > 1; }
  // Of the largest phase, for one image.
  std::int64_t pixels() const {
    if (!back_) return shape_.z.output * shape_.out_pixels;
    const auto along = [](const Axis& a) { return ceil_div(a.input, a.stride); };
    return along(shape_.z) * along(shape_.y) * along(shape_.x);
  }
  std::int64_t rows() const { return shape_.nhwc ? shape_.images * pixels() : channels(); }
  std::int64_t columns() const { return shape_.nhwc ? channels() : shape_.images * pixels(); }
  GemmSplits splits() const {
    const std::int64_t steps = depth() * shape_.deep_taps();
    if (phased()) return GemmSplits::none(steps);  // phases have sums of different lengths: none is cut
    return GemmSplits(GemmSplits::tiles(channels(), kUsualImages * pixels()) * shape_.groups, steps);
  }

  GatherAxis axis(const Axis& a, std::int64_t phase) const {
    if (!back_) return GatherAxis::of(a);
    const auto number = [](std::int64_t n) { return static_cast<int>(n); };
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
    const Axis &z = shape_.z, &y = shape_.y, &x = shape_.x;
    ConvProblem<T, kNhwc, kWhole, kDeep> problem{};
    problem.gather = back_ ? gather_of<kDeep>(from, z.output, y.output, x.output, depth(), shape_.deep_taps())
                           : gather_of<kDeep>(from, z.input, y.input, x.input, depth(), shape_.deep_taps());
    problem.weights = packed;
    problem.group_weights = form.group_elements();
    problem.padded = form.padded;
    problem.output = output;
    problem.bias = bias;
    problem.image_stride = to.image_stride;
    problem.group_stride = to.group_stride;
    problem.channel_stride = to.channel_stride;
    problem.pixel_stride = to.pixel_stride;
    const auto box = [](std::int64_t depth, std::int64_t height, std::int64_t width) {
      return Box<kDeep>{static_cast<int>(height), static_cast<int>(width), static_cast<int>(depth)};
    };
    problem.box = back_ ? box(z.input, y.input, x.input) : box(z.output, y.output, x.output);
    problem.images = static_cast<int>(shape_.images);
    problem.channels = static_cast<int>(channels());
    problem.row_taps = static_cast<int>(x.kernel);
    problem.plane_taps = static_cast<int>(shape_.taps);
    problem.clamp = clamp_;
    const auto phases = [&](const Axis& a) { return back_ ? min_of(a.stride, a.input) : 1; };
    problem.phases_x = static_cast<int>(phases(x));
    problem.phases_plane = static_cast<int>(phases(y) * phases(x));
    problem.phases = static_cast<int>(phases(z)) * problem.phases_plane;
    const Axis* const along[] = {&z, &y, &x};
    GatherAxis* next = problem.axes;
    for (int d = kDeep ? 0 : 1; d < 3; ++d) {
      for (std::int64_t i = 0; i < phases(*along[d]); ++i) *next++ = axis(*along[d], i);
    }
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
