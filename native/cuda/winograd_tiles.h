// What the winograd convolutions of a GPU have in common: where tiles are, how many of them are transformed at a time,
// and the transforms of input and gradient to [point][plane][tile].
#pragma once

#include "../ops/winograd_problem.h"
#include "../ops/winograd_transform.h"
#include "executor.h"
#include "fast_divider.h"

namespace receptive::RECEPTIVE_TARGET {

// So many tiles at a time that their transforms, `bytes` of a tile, take about this much, whatever memory is free; a
// warp of them at least. Rows of tiles are padded to 16 bytes.
inline constexpr std::int64_t kTileBytes = std::int64_t{64} << 20;

template <class T>
RECEPTIVE_HOST_FN std::int64_t tile_pitch(std::int64_t tiles) {
  return round_up(tiles, 16 / static_cast<std::int64_t>(sizeof(T)));
}
template <class T>
RECEPTIVE_HOST_FN std::int64_t tiles_at_once(std::int64_t tiles, std::int64_t bytes) {
  constexpr std::int64_t kLeast = 32;
  const std::int64_t fitting = kTileBytes / max_of(1, bytes) / kLeast * kLeast;
  return min_of(tile_pitch<T>(tiles), max_of(kLeast, fitting));
}

// Where tiles are, counted in 32 bits as pixels are (conv_limits.h): `count` of them from number `first` on.
struct TilePlaces {
  FastDivider rows, columns;
  int first, count;

  TilePlaces(const TileGrid& grid, std::int64_t first, std::int64_t count)
      : rows(FastDivider::by(max_of(1, grid.rows))),
        columns(FastDivider::by(max_of(1, grid.columns))),
        first(static_cast<int>(first)),
        count(static_cast<int>(count)) {}

  struct Place {
    int image, row, column;
  };
  RECEPTIVE_FN Place place(std::int64_t tile) const {
    const int at = first + static_cast<int>(tile), line = columns.quotient(at), image = rows.quotient(line);
    return {image, line - image * rows.size(), at - line * columns.size()};
  }
};

// Channels of [images, groups, planes, h, w]: of each group `count` from number `first` on.
template <class T>
struct TilePlanes {
  const T* base;
  std::int64_t groups, planes;
  Pair size;
  Pair before;  // of the first tile's first row and column
  std::int64_t first, count;
};

// Of kernels whose threads hold a tile.
template <class T>
inline constexpr unsigned kTileBlocks = sizeof(T) == 8 ? 2 : kResidentBlocks;

// A thread transforms a tile of one plane, zeros beside it and beyond the last tile.
template <class T, int kTile, bool kGradient>
struct TransformTiles {
  using Element = T;
  static constexpr bool kOverlap = false;
  static constexpr unsigned kResidentBlocks = kTileBlocks<T>;
  using W = Winograd<kTile>;
  static constexpr int kSize = W::kSize, kReads = kGradient ? kTile : kSize;
  const T* base;
  T* to;
  std::int64_t planes, count, first;  // of a group: all, those that are transformed, and the first of them
  std::int64_t plane, image;          // elements from one to the next
  std::int64_t point, pitch;
  int height, width, above, left;
  TilePlaces places;

  TransformTiles(const TilePlanes<T>& from, const TilePlaces& places, std::int64_t pitch, T* to)
      : base(from.base),
        to(to),
        planes(from.planes),
        count(from.count),
        first(from.first),
        plane(from.size.h * from.size.w),
        image(from.groups * from.planes * plane),
        point(from.groups * from.count * pitch),
        pitch(pitch),
        height(static_cast<int>(from.size.h)),
        width(static_cast<int>(from.size.w)),
        above(static_cast<int>(from.before.h)),
        left(static_cast<int>(from.before.w)),
        places(places) {}

  struct Row {
    const T* from;
    T* to;
  };
  RECEPTIVE_FN Row row(std::int64_t index) const {
    const std::int64_t group = index / count, c = index - group * count;
    return Row{base + (group * planes + first + c) * plane, to + index * pitch};
  }

  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t at, P) const {
    const auto [n, down, across] = places.place(at);
    const int y = down * kTile - above, x = across * kTile - left;
    const T* from = row.from + n * image + (static_cast<std::int64_t>(y) * width + x);
    unsigned rows = 0, columns = 0;  // of the tile, those within the plane
#pragma unroll
    for (int i = 0; i < kReads; ++i) {
      rows |= static_cast<unsigned>(at < places.count && y + i >= 0 && y + i < height) << i;
      columns |= static_cast<unsigned>(x + i >= 0 && x + i < width) << i;
    }
    T vertical[kSize][kReads];
#pragma unroll
    for (int j = 0; j < kReads; ++j) {
      T d[kReads], t[kSize];
      const T* element = from + j;
#pragma unroll
      for (int i = 0; i < kReads; ++i, element += width) {
        d[i] = (rows >> i & columns >> j & 1) != 0 ? *element : T{0};
      }
      of_line(d, t);
#pragma unroll
      for (int i = 0; i < kSize; ++i) vertical[i][j] = t[i];
    }
    T* result = row.to + at;
#pragma unroll
    for (int i = 0; i < kSize; ++i) {
      T t[kSize];
      of_line(vertical[i], t);
#pragma unroll
      for (int j = 0; j < kSize; ++j, result += point) *result = t[j];
    }
  }

 private:
  RECEPTIVE_FN static void of_line(const T (&d)[kReads], T (&t)[kSize]) {
    if constexpr (kGradient) {
      W::gradient(d, t);
    } else {
      W::input(d, t);
    }
  }
};

// [point][group, plane][tile] of the places, in rows of `pitch`.
template <int kTile, bool kGradient, class T, class X>
void transform_tiles(const X& executor, const TilePlanes<T>& from, const TilePlaces& places, std::int64_t pitch,
                     T* to) {
  executor.rows(from.groups * from.count, pitch, TransformTiles<T, kTile, kGradient>(from, places, pitch, to));
}

}  // namespace receptive::RECEPTIVE_TARGET
