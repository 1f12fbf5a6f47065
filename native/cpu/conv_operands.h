// The matrices of a convolution as operands of gemm(): im2col without a column buffer. Index arithmetic is done while a
// panel is packed, for a run of pixels at a time, so that the inner loops copy.
//
// The product is over k = (channel, r, s) in NCHW and k = (r, s, channel) in NHWC, whatever is contiguous; weights are
// always [filters, channels / groups, R, S]. Items are numbered image * groups + group.
#pragma once

#include "../ops/conv_shape.h"
#include "matrix_operand.h"

namespace receptive::RECEPTIVE_TARGET {

// NCHW. Element (k, j): forward (kSpread false) the input under tap (c, r, s) of output pixel j; backward (true) the
// gradient of the output whose tap (k, r, s) reads input pixel j, or 0.
//
// A panel's pixels are cut into slices of at most a vector within one row. A step reads each slice as a whole vector
// and writes all its lanes: those beyond the slice are overwritten by the next one, or by the next step (a panel's
// buffer ends with room for a vector). What depends on the tap's row is computed once per row of taps.
template <class T, bool kSpread>
struct WindowOperand {
  Planes<T> planes;
  Axis y;
  Axis x;

  void pack(std::int64_t item, std::int64_t k0, std::int64_t kc, std::int64_t j0, int count, int width, T* dst) const {
    if (x.stride == 1) {
      steps<1>(item, k0, kc, j0, count, width, dst);
    } else if (x.stride == 2) {
      steps<2>(item, k0, kc, j0, count, width, dst);
    } else {
      steps<0>(item, k0, kc, j0, count, width, dst);
    }
  }

 private:
  static constexpr int N = kLanes<T>;

  struct Slice {
    std::int64_t row, first;  // of tap (0, 0): row and column that its first pixel reads (spread: times the stride)
    const T* line;            // the row that the taps in work read, null for padding
    int at;
  };

  RECEPTIVE_FN std::int64_t pixels() const { return kSpread ? x.input : x.output; }  // of a row of the result
  RECEPTIVE_FN std::int64_t length() const { return kSpread ? x.output : x.input; }  // of a row that is read

  RECEPTIVE_FN int split(std::int64_t j0, int count, Slice* slices) const {
    std::int64_t row = j0 / pixels(), column = j0 % pixels();
    int n = 0;
    for (int at = 0; at < count;) {
      slices[n++] =
          Slice{kSpread ? row + y.before : y.first(row), kSpread ? column + x.before : x.first(column), nullptr, at};
      const int taken = static_cast<int>(min_of(min_of(pixels() - column, N), count - at));
      at += taken;
      column += taken;
      if (column == pixels()) column = 0, ++row;
    }
    return n;
  }

  // Where the taps of row r read.
  RECEPTIVE_FN const T* line_of(const T* plane, std::int64_t first, std::int64_t r) const {
    if constexpr (kSpread) {
      const std::int64_t up = first - r * y.dilation;
      const std::int64_t oy = y.stride == 1 ? up : up / y.stride;
      return up >= 0 && oy < y.output && oy * y.stride == up ? plane + oy * length() : nullptr;
    } else {
      const std::int64_t iy = first + r * y.dilation;
      return iy >= 0 && iy < y.input ? plane + iy * length() : nullptr;
    }
  }

  // kStride: the horizontal one, 0 for larger than 2.
  template <int kStride>
  void steps(std::int64_t item, std::int64_t k0, std::int64_t kc, std::int64_t j0, int count, int width, T* dst) const {
    constexpr Lanes<N, true> p{};
    constexpr std::int64_t kAhead = kTileColumns<T>;
    constexpr std::int64_t kSpan = kSpread ? 0 : (N - 1) * kStride + 1;
    Slice slices[kTileColumns<T>];
    const int n = split(j0, count, slices);
    const std::int64_t taps = y.kernel * x.kernel, row_length = length();
    std::int64_t r = k0 % taps / x.kernel, s = k0 % x.kernel;
    const T* plane = planes.item(item) + k0 / taps * planes.channel_stride;
    for (int i = 0; i < n; ++i) slices[i].line = line_of(plane, slices[i].row, r);
    for (std::int64_t k = 0; k < kc; ++k, dst += width) {
      const std::int64_t shift = kSpread ? -s * x.dilation : s * x.dilation;
      for (int i = 0; i < n; ++i) {
        const Slice& slice = slices[i];
        const std::int64_t first = slice.first + shift;
        Pack<T, N> v(T{0});
        if (slice.line != nullptr) {
          if constexpr (kSpread && kStride != 1) {
            v = p.load_spread(slice.line, first, x.stride, row_length, T{0});
          } else if constexpr (kStride == 0) {
            v = p.load_strided(slice.line, first, x.stride, row_length, T{0});
          } else if (first >= 0 && first + (kStride == 1 ? N : kSpan) <= row_length) {
            v = p.template load_inside<kStride>(slice.line, first, kStride);
          } else {
            v = p.load_strided(slice.line, first, kStride, row_length, T{0});
          }
        }
        v.write(dst + slice.at);
      }
      for (int j = count; j < width; ++j) dst[j] = T{0};
      if (++s < x.kernel) continue;
      s = 0;
      if (++r == y.kernel) r = 0, plane += planes.channel_stride;
      for (int i = 0; i < n; ++i) {
        slices[i].line = line_of(plane, slices[i].row, r);
        // What the next panel reads here: it would arrive from the last cache line by line, far apart as the rows are.
        if (slices[i].line != nullptr) __builtin_prefetch(slices[i].line + slices[i].first + kAhead * kStride, 0, 2);
      }
    }
  }
};

// NHWC. Element (k, j) with k = (r, s, c): as above, channels contiguous; j are pixels, the rows of the result.
template <class T, bool kSpread>
struct PixelOperand {
  Planes<T> planes;
  std::int64_t channels;  // of the group
  Axis y;
  Axis x;

  void pack(std::int64_t item, std::int64_t k0, std::int64_t kc, std::int64_t j0, int count, int width, T* dst) const {
    const T* base = planes.item(item);
    for (int j = 0; j < count; ++j) {
      const std::int64_t columns = kSpread ? x.input : x.output;
      const std::int64_t row = (j0 + j) / columns, column = (j0 + j) % columns;
      for (std::int64_t k = 0; k < kc;) {
        const std::int64_t tap = (k0 + k) / channels, c = (k0 + k) % channels;
        const std::int64_t run = min_of(channels - c, kc - k);
        const std::int64_t pixel = source(row, column, tap / x.kernel, tap % x.kernel);
        T* to = dst + k * width + j;
        if (pixel < 0) {
          for (std::int64_t i = 0; i < run; ++i) to[i * width] = T{0};
        } else {
          const T* from = base + pixel * planes.pixel_stride + c * planes.channel_stride;
          for (std::int64_t i = 0; i < run; ++i) to[i * width] = from[i * planes.channel_stride];
        }
        k += run;
      }
    }
    for (std::int64_t k = 0; k < kc; ++k) {
      for (int j = count; j < width; ++j) dst[k * width + j] = T{0};
    }
  }

 private:
  // The pixel that tap (r, s) of this row and column reads, or -1.
  RECEPTIVE_FN std::int64_t source(std::int64_t row, std::int64_t column, std::int64_t r, std::int64_t s) const {
    if constexpr (kSpread) {
      const std::int64_t up = row + y.before - r * y.dilation, left = column + x.before - s * x.dilation;
      if (up < 0 || left < 0 || up % y.stride != 0 || left % x.stride != 0) return -1;
      const std::int64_t oy = up / y.stride, ox = left / x.stride;
      return oy < y.output && ox < x.output ? oy * x.output + ox : -1;
    } else {
      const std::int64_t iy = y.first(row) + r * y.dilation, ix = x.first(column) + s * x.dilation;
      return iy >= 0 && iy < y.input && ix >= 0 && ix < x.input ? iy * x.input + ix : -1;
    }
  }
};

// Both layouts, for the weight gradient. Element (k, j): k = (image, output pixel), j = (c, r, s): the input under that
// tap.
template <class T>
struct TapOperand {
  Planes<T> planes;  // items are groups only
  Axis y;
  Axis x;

  void pack(std::int64_t item, std::int64_t k0, std::int64_t kc, std::int64_t j0, int count, int width, T* dst) const {
    const T* base = planes.base + item * planes.group_stride;
    const std::int64_t taps = y.kernel * x.kernel, pixels = y.output * x.output;
    for (int j = 0; j < count; ++j) {
      const std::int64_t c = (j0 + j) / taps, tap = (j0 + j) % taps;
      const std::int64_t r = tap / x.kernel, s = tap % x.kernel;
      for (std::int64_t k = 0; k < kc;) {
        const std::int64_t image = (k0 + k) / pixels, pixel = (k0 + k) % pixels;
        const std::int64_t oy = pixel / x.output, ox = pixel % x.output;
        const std::int64_t run = min_of(x.output - ox, kc - k);
        const std::int64_t iy = y.first(oy) + r * y.dilation, ix = x.first(ox) + s * x.dilation;
        T* to = dst + k * width + j;
        const bool inside = iy >= 0 && iy < y.input;
        const std::int64_t line =
            image * planes.image_stride + c * planes.channel_stride + iy * x.input * planes.pixel_stride;
        line_of(inside ? base + line : nullptr, ix, run, width, to);
        k += run;
      }
    }
    for (std::int64_t k = 0; k < kc; ++k) {
      for (int j = count; j < width; ++j) dst[k * width + j] = T{0};
    }
  }

 private:
  RECEPTIVE_FN void line_of(const T* line, std::int64_t ix, std::int64_t run, int width, T* to) const {
    // Outputs of the run whose column is inside the input: [begin, end).
    std::int64_t begin = run, end = run;
    if (line != nullptr) {
      begin = ix >= 0 ? 0 : min_of(run, ceil_div(-ix, x.stride));
      const std::int64_t reach = x.input - 1 - ix;
      end = reach < 0 ? begin : max_of(begin, min_of(run, reach / x.stride + 1));
    }
    for (std::int64_t i = 0; i < begin; ++i) to[i * width] = T{0};
    const std::int64_t step = x.stride * planes.pixel_stride;
    for (std::int64_t i = begin; i < end; ++i) to[i * width] = line[ix * planes.pixel_stride + i * step];
    for (std::int64_t i = end; i < run; ++i) to[i * width] = T{0};
  }
};

// NCHW gradients for the weight gradient. Element (k, j): k = (image, output pixel), j = filter.
template <class T>
struct ImagesOperand {
  Planes<T> planes;  // items are groups only
  std::int64_t pixels;

  void pack(std::int64_t item, std::int64_t k0, std::int64_t kc, std::int64_t j0, int count, int width, T* dst) const {
    for (std::int64_t k = 0; k < kc;) {
      const std::int64_t image = (k0 + k) / pixels, pixel = (k0 + k) % pixels;
      const std::int64_t run = min_of(pixels - pixel, kc - k);
      const T* from =
          planes.base + item * planes.group_stride + image * planes.image_stride + j0 * planes.channel_stride + pixel;
      pack_columns(from, planes.channel_stride, run, count, width, dst + k * width);
      k += run;
    }
  }
};

// Weights where k is a pair (high, low): element (k, j) = base + high * high_stride + low * low_stride + j * stride.
template <class T>
struct WeightOperand {
  const T* base;
  std::int64_t groups;
  std::int64_t group_stride;
  std::int64_t low_count;
  std::int64_t high_stride;
  std::int64_t low_stride;
  std::int64_t stride;

  void pack(std::int64_t item, std::int64_t k0, std::int64_t kc, std::int64_t j0, int count, int width, T* dst) const {
    const T* from = base + item % groups * group_stride + j0 * stride;
    std::int64_t high = k0 / low_count, low = k0 % low_count;
    for (std::int64_t k = 0; k < kc; ++k, dst += width) {
      const T* at = from + high * high_stride + low * low_stride;
      for (int j = 0; j < count; ++j) dst[j] = at[j * stride];
      for (int j = count; j < width; ++j) dst[j] = T{0};
      if (++low == low_count) {
        low = 0;
        ++high;
      }
    }
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
