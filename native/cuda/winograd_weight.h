// The gradient by weight of a convolution 3x3 of stride 1 on a GPU, the transposed form of winograd.h: with Z = A g A'
// of the gradient's tiles g and V = B' d B of the input's tiles d, it is G'[sum over tiles of Z V']G. For blocks of
// filters whose sums S[point][group][filter][channel] fit a budget, and some tiles at a time, S += Z V' is one product
// with an item for each point and group; after the last tiles S is transformed.
// Exactness: the sums go over the tiles in an order, and are split at places, that depend on the problem alone.
#pragma once

#include "gemm.h"
#include "winograd_tiles.h"

namespace receptive::RECEPTIVE_TARGET {

// A thread transforms the sums of one filter and channel.
template <class T, int kTile>
struct TransformSums {
  using Element = T;
  static constexpr bool kOverlap = false;
  using W = Winograd<kTile>;
  static constexpr int kSize = W::kSize;
  const T* from;
  T* to;                                         // [groups, filters, channels, 3, 3]
  std::int64_t filters, channels, first, count;  // of a group; the filters from number `first` on
  std::int64_t point;

  struct Row {
    const T* from;
    T* to;
  };
  RECEPTIVE_FN Row row(std::int64_t index) const {
    const std::int64_t group = index / count, k = index - group * count;
    return Row{from + index * channels, to + (group * filters + first + k) * channels * 9};
  }
  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t c, P) const {
    T vertical[3][kSize];
#pragma unroll
    for (int j = 0; j < kSize; ++j) {
      T s[kSize], t[3];
#pragma unroll
      for (int i = 0; i < kSize; ++i) s[i] = row.from[(i * kSize + j) * point + c];
      W::weight(s, t);
#pragma unroll
      for (int r = 0; r < 3; ++r) vertical[r][j] = t[r];
    }
    T* taps = row.to + c * 9;
#pragma unroll
    for (int r = 0; r < 3; ++r) {
      T t[3];
      W::weight(vertical[r], t);
#pragma unroll
      for (int s = 0; s < 3; ++s) taps[r * 3 + s] = t[s] / T{W::kDivisor};
    }
  }
};

// What a problem's numbers make of the blocks.
template <class T, int kTile>
struct WinogradWeightPlan {
  static constexpr int kPoints = Winograd<kTile>::kSize * Winograd<kTile>::kSize;
  static constexpr std::int64_t kBytes = sizeof(T);
  static constexpr std::int64_t kSumBytes = std::int64_t{64} << 20;

  TileGrid grid;
  std::int64_t items, channels, filters;  // of one group
  std::int64_t filter_block, tile_block;

  explicit WinogradWeightPlan(const ConvShape& s)
      : grid(s.images, {s.y.output, s.x.output}, kTile),
        items(kPoints * s.groups),
        channels(s.channels),
        filters(s.filters) {
    constexpr std::int64_t kLeast = 64;
    filter_block = min_of(filters, max_of(kLeast, kSumBytes / max_of(1, items * channels * kBytes)));
    tile_block = tiles_at_once<T>(grid.tiles, items * (channels + filter_block) * kBytes);
  }

  std::int64_t tile_elements() const { return items * (channels + filter_block) * tile_block; }
  // Rounded up, so that what follows is aligned.
  std::int64_t sum_elements() const { return round_up(items * filter_block * channels, 16 / kBytes); }
  std::int64_t workspace_bytes(int threads) const {
    std::int64_t product = 0;
    // The last blocks may be split into more than whole ones are.
    for (int i = 0; i < 4; ++i) {
      const std::int64_t rows = i % 2 == 0 ? filter_block : last(filters, filter_block);
      const std::int64_t steps = i / 2 == 0 ? min_of(grid.tiles, tile_block) : last(grid.tiles, tile_block);
      product = max_of(product, gemm_workspace<T>(rows, channels, steps, items, items, threads));
    }
    return (tile_elements() + sum_elements()) * kBytes + product;
  }

 private:
  static std::int64_t last(std::int64_t all, std::int64_t block) { return all == 0 ? 0 : (all - 1) % block + 1; }
};

template <class T, int kTile, class X>
class WinogradWeight {
 public:
  WinogradWeight(const X& executor, const ConvAttrs& a, const T* input, const T* gradient, T* output)
      : executor_(executor), shape_(a), plan_(shape_), input_(input), gradient_(gradient), output_(output) {
    tiles_ = reinterpret_cast<T*>(executor.workspace());
    sums_ = tiles_ + plan_.tile_elements();
    partial_ = reinterpret_cast<std::byte*>(sums_ + plan_.sum_elements());
  }

  void run() const {
    if (plan_.channels == 0) return;
    for (std::int64_t first = 0; first < plan_.filters; first += plan_.filter_block) {
      const std::int64_t count = min_of(plan_.filter_block, plan_.filters - first);
      for (std::int64_t tile = 0; tile < plan_.grid.tiles; tile += plan_.tile_block) add(first, count, tile);
      executor_.rows(shape_.groups * count, plan_.channels,
                     TransformSums<T, kTile>{sums_, output_, plan_.filters, plan_.channels, first, count,
                                             shape_.groups * count * plan_.channels});
    }
  }

 private:
  // S of `filters` filters from number `first` on, and of the tiles from `tile` on.
  void add(std::int64_t first, std::int64_t filters, std::int64_t tile) const {
    const std::int64_t channels = plan_.channels, groups = shape_.groups, items = plan_.items;
    const std::int64_t count = min_of(plan_.tile_block, plan_.grid.tiles - tile), pitch = tile_pitch<T>(count);
    const TilePlaces places(plan_.grid, tile, count);
    const Pair in{shape_.y.input, shape_.x.input}, out{shape_.y.output, shape_.x.output};
    T* of_input = tiles_;
    T* of_gradient = tiles_ + items * channels * pitch;
    transform_tiles<kTile, false>(
        executor_, TilePlanes<T>{input_, groups, channels, in, {shape_.y.before, shape_.x.before}, 0, channels}, places,
        pitch, of_input);
    transform_tiles<kTile, true>(executor_,
                                 TilePlanes<T>{gradient_, groups, plan_.filters, out, {0, 0}, first, filters}, places,
                                 pitch, of_gradient);
    const Operand<T> z{of_gradient, 1, pitch, 1, {}, {filters * pitch}};
    const Operand<T> v{of_input, 1, pitch, 1, {}, {channels * pitch}};
    const Result<T> s{sums_, items, 0, filters * channels, channels, nullptr, nullptr, 0};
    gemm(executor_, GemmProblem<T>{filters, channels, count, items, items, z, v, s, tile > 0}, partial_);
  }

  const X& executor_;
  const ConvShape shape_;
  const WinogradWeightPlan<T, kTile> plan_;
  const T* input_;
  const T* gradient_;
  T* output_;
  T* tiles_;            // V, Z
  T* sums_;             // S
  std::byte* partial_;  // of the product
};

}  // namespace receptive::RECEPTIVE_TARGET
