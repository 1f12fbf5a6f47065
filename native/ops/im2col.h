// im2col and its adjoint. Columns are [N, C*R*S, OH*OW], rows in the order C, R, S.
//
// col2im gathers: an input element adds up the column entries that were read from it, in the order of r, s, so that
// nothing is scattered. Both serve as the steps of the `im2col` convolution, then for one group's channels of one
// image.
#pragma once

#include "window.h"

namespace receptive::RECEPTIVE_TARGET {

// Lanes run along ox. The input may be strided, for NHWC. kStride: 1 or 2, where the distance of neighbouring lanes in
// memory is that, else 0.
template <class T, int kStride>
struct Im2ColBody {
  using Element = T;
  static constexpr bool kOverlap = true;
  const T* input;  // first channel of the first image
  T* columns;
  std::int64_t channels;
  std::int64_t image_stride;    // elements from one image to the next
  std::int64_t channel_stride;  // H*W, or 1 for NHWC
  std::int64_t pixel_stride;    // 1, or C for NHWC
  Axis y;
  Axis x;

  struct Plane {
    const T* channel;
    std::int64_t down;   // input row of output row 0
    std::int64_t first;  // input column of output column 0
    std::int64_t out;
    Range inside;
  };
  struct Row {
    const T* line;  // null where the whole row is padding
    std::int64_t first;
    std::int64_t out;
    Range inside;
  };

  // A plane is one row of the column matrix: image, channel and tap are fixed.
  RECEPTIVE_FN Plane plane(std::int64_t i) const {
    const std::int64_t pair = i / x.kernel;  // (n * C + c) * R + r
    const std::int64_t s = i - pair * x.kernel;
    const std::int64_t source = pair / y.kernel;
    const std::int64_t r = pair - source * y.kernel;
    const std::int64_t image = source / channels;
    const std::int64_t tap = s * x.dilation - x.before;
    return Plane{input + image * image_stride + (source - image * channels) * channel_stride, r * y.dilation - y.before,
                 tap * pixel_stride, i * y.output * x.output, interior(x, tap, tap)};
  }

  RECEPTIVE_FN Row row(const Plane& plane, std::int64_t oy) const {
    const std::int64_t iy = plane.down + oy * y.stride;
    const bool padding = iy < 0 || iy >= y.input;
    return Row{padding ? nullptr : plane.channel + iy * x.input * pixel_stride, plane.first, plane.out + oy * x.output,
               padding ? Range{0, 0} : plane.inside};
  }

  RECEPTIVE_FN Range inside(const Row& row) const { return row.inside; }

  template <class P, bool kInside>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t begin, P p) const {
    const std::int64_t step = x.stride * pixel_stride;
    Pack<T, P::count> v(T{0});
    if constexpr (kInside) {
      v = p.template load_inside<kStride>(row.line, row.first + begin * step, step);
    } else if (row.line != nullptr) {
      // Up to the last pixel's own element: in NHWC what follows it may be beyond the tensor.
      v = p.load_strided(row.line, row.first + begin * step, step, (x.input - 1) * pixel_stride + 1, T{0});
    }
    p.store(columns + row.out + begin, v);
  }
};

// A row is one row of the input (fixed image, channel and iy); lanes run along ix.
template <class T>
struct Col2ImBody {
  using Element = T;
  static constexpr bool kOverlap = true;
  const T* columns;
  T* output;
  std::int64_t channels;
  std::int64_t image_stride;  // of the output, as in Im2ColBody
  std::int64_t channel_stride;
  std::int64_t pixel_stride;
  Axis y;
  Axis x;

  struct Plane {
    const T* taps;
    T* channel;
  };
  struct Row {
    const T* taps;  // the R*S column rows of this channel
    std::int64_t iy;
    T* out;
  };

  RECEPTIVE_FN Plane plane(std::int64_t i) const {
    const std::int64_t image = i / channels;
    return Plane{columns + i * y.kernel * x.kernel * y.output * x.output,
                 output + image * image_stride + (i - image * channels) * channel_stride};
  }
  RECEPTIVE_FN Row row(const Plane& plane, std::int64_t iy) const {
    return Row{plane.taps, iy, plane.channel + iy * x.input * pixel_stride};
  }

  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t begin, P p) const {
    Pack<T, P::count> sum(T{0});
    for (std::int64_t r = 0; r < y.kernel; ++r) {
      const std::int64_t up = row.iy + y.before - r * y.dilation;
      if (up < 0 || up % y.stride != 0 || up / y.stride >= y.output) continue;
      for (std::int64_t s = 0; s < x.kernel; ++s) {
        const T* line = row.taps + ((r * x.kernel + s) * y.output + up / y.stride) * x.output;
        sum += p.load_spread(line, begin + x.before - s * x.dilation, x.stride, x.output, T{0});
      }
    }
    if (pixel_stride == 1) return p.store(row.out + begin, sum);
    for (int l = 0; l < p.active; ++l) row.out[(begin + l) * pixel_stride] = sum[l];
  }
};

template <class T, class X>
void im2col(const X& executor, const T* input, T* columns, std::int64_t images, std::int64_t channels,
            std::int64_t image_stride, std::int64_t channel_stride, std::int64_t pixel_stride, const Axis& y,
            const Axis& x) {
  const std::int64_t planes = images * channels * y.kernel * x.kernel;
  const std::int64_t step = x.stride * pixel_stride;
  const auto start = [&](auto body) { executor.planes(planes, y.output, x.output, body); };
  if (step == 1) {
    start(Im2ColBody<T, 1>{input, columns, channels, image_stride, channel_stride, pixel_stride, y, x});
  } else if (step == 2) {
    start(Im2ColBody<T, 2>{input, columns, channels, image_stride, channel_stride, pixel_stride, y, x});
  } else {
    start(Im2ColBody<T, 0>{input, columns, channels, image_stride, channel_stride, pixel_stride, y, x});
  }
}

template <class T, class X>
void col2im(const X& executor, const T* columns, T* output, std::int64_t images, std::int64_t channels,
            std::int64_t image_stride, std::int64_t channel_stride, std::int64_t pixel_stride, const Axis& y,
            const Axis& x) {
  executor.planes(images * channels, y.input, x.input,
                  Col2ImBody<T>{columns, output, channels, image_stride, channel_stride, pixel_stride, y, x});
}

}  // namespace receptive::RECEPTIVE_TARGET
