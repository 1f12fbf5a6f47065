// A convolution 3x3 of stride 1 as its tiles see it, for the forward pass and the gradient by input.
#pragma once

#include "conv_shape.h"

namespace receptive::RECEPTIVE_TARGET {

// Tiles of outputs, numbered through images, rows and columns.
struct TileGrid {
  std::int64_t rows, columns;  // of an image
  std::int64_t tiles;          // of all images

  RECEPTIVE_FN TileGrid(std::int64_t images, Pair out, std::int64_t tile)
      : rows(ceil_div(out.h, tile)), columns(ceil_div(out.w, tile)), tiles(images * rows * columns) {}
};

// A convolution 3x3 of stride 1 in NCHW. `before` may be negative: then the first rows or columns are not read.
template <class T>
struct TileProblem {
  const T* input;                                  // [images, groups, channels, in.h, in.w]
  T* output;                                       // [images, groups, filters, out.h, out.w]
  const T* bias;                                   // [groups * filters] or null
  std::int64_t images, groups, channels, filters;  // of one group
  Pair in, out;
  Pair before;
  Clamp<T> clamp{};
};

// Filters in memory: element (filter k, channel c, tap t) of a group at k * filter_stride + c * channel_stride + t,
// taps backwards if flipped.
template <class T>
struct TileFilters {
  const T* base;
  std::int64_t group_stride, filter_stride, channel_stride;
  bool flipped;
};

}  // namespace receptive::RECEPTIVE_TARGET
