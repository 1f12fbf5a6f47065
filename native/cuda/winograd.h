// The `winograd` convolution on a GPU: the forward pass, and the gradient by input, which is the same with flipped
// filters and other padding. U[point][group][channel][filter] are the transformed filters, kept as packed form, their
// rows padded to 16 bytes. For some tiles at a time: V[point][group][channel][tile] is the transformed input, M = U'V
// of the same form one product with an item for each point and group, and M's tiles are transformed to outputs.
// Exactness: an output is computed from its tile alone, and its sum over channels is not split.
#pragma once

#include "gemm.h"
#include "winograd_tiles.h"

namespace receptive::RECEPTIVE_TARGET {

// A thread transforms a filter of one channel.
template <class T, int kTile>
struct TransformFilters {
  using Element = T;
  static constexpr bool kOverlap = false;
  using W = Winograd<kTile>;
  static constexpr int kSize = W::kSize;
  TileFilters<T> filters;
  T* to;
  std::int64_t groups, channels, count, padded;

  struct Row {
    const T* from;
    T* to;
  };
  RECEPTIVE_FN Row row(std::int64_t index) const {
    const std::int64_t group = index / channels, c = index - group * channels;
    return Row{filters.base + group * filters.group_stride + c * filters.channel_stride, to + index * padded};
  }
  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t k, P) const {
    const T* from = row.from + k * filters.filter_stride;
    T vertical[kSize][3];
#pragma unroll
    for (int s = 0; s < 3; ++s) {
      T taps[3], t[kSize];
#pragma unroll
      for (int r = 0; r < 3; ++r) {
        const int tap = r * 3 + s;
        taps[r] = k < count ? from[filters.flipped ? 8 - tap : tap] : T{0};
      }
      W::filter(taps[0], taps[1], taps[2], t);
#pragma unroll
      for (int i = 0; i < kSize; ++i) vertical[i][s] = t[i];
    }
    const std::int64_t point = groups * channels * padded;
    T* result = row.to + k;
#pragma unroll
    for (int i = 0; i < kSize; ++i) {
      T t[kSize];
      W::filter(vertical[i][0], vertical[i][1], vertical[i][2], t);
#pragma unroll
      for (int j = 0; j < kSize; ++j, result += point) *result = t[j] / T{W::kDivisor};
    }
  }
};

// A thread transforms the products of a tile of one filter.
template <class T, int kTile>
struct TransformProducts {
  using Element = T;
  static constexpr bool kOverlap = false;
  static constexpr unsigned kResidentBlocks = kTileBlocks<T>;
  using W = Winograd<kTile>;
  static constexpr int kSize = W::kSize;
  const T* from;
  T* to;
  const T* bias;
  std::int64_t groups, filters, padded, pitch;
  Pair out;
  Clamp<T> clamp;
  TilePlaces places;

  struct Row {
    const T* from;
    T* to;
    T bias;
  };
  RECEPTIVE_FN Row row(std::int64_t index) const {
    const std::int64_t group = index / filters, k = index - group * filters;
    return Row{from + (group * padded + k) * pitch, to + index * out.h * out.w, bias != nullptr ? bias[index] : T{0}};
  }
  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t at, P) const {
    const std::int64_t point = groups * padded * pitch;
    const auto [n, down, across] = places.place(at);
    const std::int64_t y = std::int64_t{down} * kTile, x = std::int64_t{across} * kTile;
    T* corner = row.to + (n * groups * filters * out.h + y) * out.w + x;
    const auto left_down = static_cast<int>(min_of(kTile, out.h - y));
    const auto left_across = static_cast<int>(min_of(kTile, out.w - x));
    T columns[kTile][kSize];
    const T* product = row.from + at;
#pragma unroll
    for (int i = 0; i < kSize; ++i) {
      T m[kSize], t[kTile];
#pragma unroll
      for (int j = 0; j < kSize; ++j, product += point) m[j] = *product;
      W::output(m, t);
#pragma unroll
      for (int s = 0; s < kTile; ++s) columns[s][i] = t[s];
    }
#pragma unroll
    for (int s = 0; s < kTile; ++s) {
      T t[kTile];
      W::output(columns[s], t);
      T* element = corner + s;
#pragma unroll
      for (int r = 0; r < kTile; ++r, element += out.w) {
        T value = t[r] + row.bias;
        if (clamp.any) value = clamp(Pack<T, 1>(value)).v;
        if (r < left_down && s < left_across) *element = value;
      }
    }
  }
};

template <class T, int kTile, class X>
class WinogradConvolution {
 public:
  WinogradConvolution(const X& executor, const TileProblem<T>& problem)
      : executor_(executor), problem_(problem), grid_(problem.images, problem.out, kTile) {}

  static std::int64_t packed_bytes(std::int64_t channels, std::int64_t filters, std::int64_t groups) {
    return kPoints * groups * channels * padded(filters) * kBytes;
  }
  static std::int64_t workspace_bytes(std::int64_t channels, std::int64_t filters, std::int64_t groups,
                                      std::int64_t tiles, int) {
    const std::int64_t bytes = tile_bytes(channels, filters, groups);
    return tiles_at_once<T>(tiles, bytes) * bytes;
  }

  // Fills `packed` with the transformed filters of all groups.
  void pack(const TileFilters<T>& filters, T* packed) const {
    const auto& [groups, channels, count] = sizes();
    executor_.rows(groups * channels, padded(count),
                   TransformFilters<T, kTile>{filters, packed, groups, channels, count, padded(count)});
  }

  void run(const T* packed, std::byte* workspace) const {
    const auto& [groups, channels, filters] = sizes();
    if (filters == 0) return;
    const std::int64_t rows = padded(filters), items = kPoints * groups;
    const std::int64_t most = tiles_at_once<T>(grid_.tiles, tile_bytes(channels, filters, groups));
    for (std::int64_t first = 0; first < grid_.tiles; first += most) {
      const std::int64_t count = min_of(most, grid_.tiles - first), pitch = tile_pitch<T>(count);
      const TilePlaces places(grid_, first, count);
      T* tiles = reinterpret_cast<T*>(workspace);
      T* products = tiles + items * channels * pitch;
      transform_tiles<kTile, false>(
          executor_, TilePlanes<T>{problem_.input, groups, channels, problem_.in, problem_.before, 0, channels}, places,
          pitch, tiles);
      const Operand<T> u{packed, rows, 1, 1, {}, {channels * rows}};
      const Operand<T> v{tiles, pitch, 1, 1, {}, {channels * pitch}};
      const Result<T> m{products, items, 0, rows * pitch, pitch, nullptr, nullptr, 0};
      gemm(executor_, GemmProblem<T>{rows, pitch, channels, items, items, u, v, m, false}, nullptr, true);
      executor_.rows(groups * filters, count,
                     TransformProducts<T, kTile>{products, problem_.output, problem_.bias, groups, filters, rows, pitch,
                                                 problem_.out, problem_.clamp, places});
    }
  }

 private:
  static constexpr int kPoints = Winograd<kTile>::kSize * Winograd<kTile>::kSize;
  static constexpr std::int64_t kBytes = sizeof(T);

  static std::int64_t padded(std::int64_t filters) { return round_up(filters, 16 / kBytes); }
  static std::int64_t tile_bytes(std::int64_t channels, std::int64_t filters, std::int64_t groups) {
    return kPoints * groups * (channels + padded(filters)) * kBytes;
  }

  struct Sizes {
    std::int64_t groups, channels, filters;
  };
  Sizes sizes() const { return {problem_.groups, problem_.channels, problem_.filters}; }

  const X& executor_;
  const TileProblem<T> problem_;
  const TileGrid grid_;
};

}  // namespace receptive::RECEPTIVE_TARGET
