// The gradient by weight of a convolution 3x3 of stride 1 by Winograd's minimal filtering, NCHW. With m x m tiles of
// the gradient g and (m + 2)^2 tiles of the input d, the transposed form of the forward pass (winograd_transform.h) is
// dW = G'[sum over tiles of (A g A') . (B' d B)]G: per point xi of a tile a product of filters x tiles x channels.
//
// Loops: (1) blocks of filters and channels, whose sums S fit a budget; (2) blocks of tiles (numbered through images,
// rows and columns), whose transforms fit another; (3) Z[row panel][xi][tile][MR] = A g A' and V[panel][xi][tile][NR] =
// B' d B, packed as the micro-kernel wants them; (4) for a strip of filters and a panel of channels S[xi] += Z[xi]
// V[xi] for all xi, and after the last tiles G'SG. Where one block holds all tiles, S lives in a worker's buffer only.
// Lanes run along channels (filters): a tile row's lines are turned, N channels at a time, into the first cache, so
// that nothing is shuffled in the transforms. Padding is read as zeros there, and lies in no other loop.
//
// Exactness: an element is the sum over the blocks of tiles in order, which depend on the problem alone; the division
// by the square of G's denominator comes last.
#pragma once

#include "../ops/winograd_problem.h"
#include "../ops/winograd_transform.h"
#include "transpose.h"

namespace receptive::RECEPTIVE_TARGET {

// What a problem's numbers make of the blocks.
template <class T, int kTile>
struct WinogradWeightPlan {
  static constexpr int N = kLanes<T>;
  static constexpr int kPoints = (kTile + 2) * (kTile + 2);
  static constexpr std::int64_t kBytes = sizeof(T);
  static constexpr std::int64_t kPad = 64 / kBytes;  // keeps points apart in the first cache, as in winograd.h
  static constexpr std::int64_t kStripPanels = 32 / kTileRows;
  static constexpr std::int64_t kStrip = kStripPanels * kTileRows;
  static constexpr std::int64_t kSumPoint = kStrip * kTileColumns<T> + kPad;
  static constexpr std::int64_t kSums = kPoints * kSumPoint;  // of a strip and a panel
  // All transforms of all tiles; else those of a block beside the sums of a block. Measured: see native/README.md.
  static constexpr std::int64_t kWholeBytes = std::int64_t{7} << 20;
  static constexpr std::int64_t kTileBytes = std::int64_t{3} << 20;
  static constexpr std::int64_t kSumBytes = std::int64_t{5} << 20;

  std::int64_t rows, columns, tiles;          // of tiles
  std::int64_t filter_vectors, strips;        // of all filters, whole row panels of them
  std::int64_t channel_vectors, panels;       // of all channels
  std::int64_t strip_block, panel_block;      // strips and panels of a block
  std::int64_t tile_block, tile_blocks;       // tiles of a block, blocks
  std::int64_t filter_point, filter_panel;    // elements of Z from one xi, one row panel to the next
  std::int64_t channel_point, channel_panel;  // of V

  __attribute__((noinline)) explicit WinogradWeightPlan(const ConvShape& s) {
    const TileGrid grid(s.images, {s.y.output, s.x.output}, kTile);
    rows = grid.rows;
    columns = grid.columns;
    tiles = grid.tiles;
    filter_vectors = round_up(s.filters, N < kTileRows ? kTileRows : N) / N;
    strips = max_of(1, ceil_div(s.filters, kStrip));
    channel_vectors = ceil_div(s.channels, N);
    panels = max_of(1, ceil_div(channel_vectors, kTileVectors));
    strip_block = strips;
    panel_block = panels;
    tile_block = tiles;
    if (bytes_per_tile() > kWholeBytes / max_of(1, tiles)) {
      while (strip_block * panel_block > max_of(1, kSumBytes / (kSums * kBytes))) {
        if (strip_block * kStrip >= panel_block * kTileColumns<T>) {
          strip_block = ceil_div(strip_block, 2);
        } else {
          panel_block = ceil_div(panel_block, 2);
        }
      }
      tile_block = min_of(tiles, max_of(N, min_of(GemmBlocks<T>::kSteps, kTileBytes / bytes_per_tile())));
    }
    tile_blocks = max_of(1, ceil_div(tiles, tile_block));
    tile_block = ceil_div(tiles, tile_blocks);
    filter_point = round_up(tile_block * kTileRows, kPad) + kPad;
    filter_panel = kPoints * filter_point;
    channel_point = round_up(tile_block * kTileColumns<T>, kPad) + kPad;
    channel_panel = kPoints * channel_point;
  }

  RECEPTIVE_FN std::int64_t filter_elements() const { return strip_block * kStripPanels * filter_panel; }
  RECEPTIVE_FN std::int64_t channel_elements() const { return panel_block * channel_panel; }
  RECEPTIVE_FN std::int64_t sum_elements(int threads) const {
    return kSums * (tile_blocks > 1 ? strip_block * panel_block : threads);
  }
  RECEPTIVE_FN std::int64_t workspace_bytes(int threads) const {
    return (filter_elements() + channel_elements() + sum_elements(threads)) * kBytes;
  }

  // Vectors of channels are dealt evenly to the panels: the first of a panel.
  RECEPTIVE_FN std::int64_t first_vector(std::int64_t panel) const { return channel_vectors * panel / panels; }

 private:
  RECEPTIVE_FN std::int64_t bytes_per_tile() const {
    return kPoints * (strip_block * kStrip + panel_block * kTileColumns<T>)*kBytes;
  }
};

// to[j] = the vector of columns x + j, j < wide (and some more), of `used` channels: zeros for the others, beside the
// line and where it is null.
template <class T>
__attribute__((noinline)) void turn_line(const T* line, std::int64_t channel_stride, int used, std::int64_t x, int wide,
                                         std::int64_t limit, T* to) {
  constexpr int N = kLanes<T>;
  using P = Pack<T, N>;
  constexpr Lanes<N, true> p{};
  for (int j = 0; j < wide; j += N, to += N * N) {
    P rows[N];
    if (line != nullptr && used == N && x + j >= 0 && x + j + N <= limit) {
#pragma GCC unroll 16
      for (int i = 0; i < N; ++i) rows[i] = P::read(line + i * channel_stride + x + j);
    } else {
      for (int i = 0; i < N; ++i) {
        rows[i] = line != nullptr && i < used ? p.load_range(line + i * channel_stride, x + j, limit, T{0}) : P(T{0});
      }
    }
    interleave_rows<N / 2>(rows);
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i) rows[i].write(to + i * N);
  }
}

template <class T, int kTile, class X>
class WinogradWeight {
 public:
  using Plan = WinogradWeightPlan<T, kTile>;

  WinogradWeight(const X& executor, const ConvAttrs& a, const T* input, const T* gradient, T* output)
      : executor_(executor),
        shape_(a),
        plan_(shape_),
        input_(shape_.input(input)),
        gradient_(shape_.output(gradient)),
        output_(output) {
    filters_ = reinterpret_cast<T*>(executor.workspace());
    channels_ = filters_ + plan_.filter_elements();
    sums_ = channels_ + plan_.channel_elements();
  }

  void run() const {
    if (shape_.filters == 0 || shape_.channels == 0) return;
    for (std::int64_t group = 0; group < shape_.groups; ++group) {
      for (std::int64_t strip = 0; strip < plan_.strips; strip += plan_.strip_block) {
        for (std::int64_t panel = 0; panel < plan_.panels; panel += plan_.panel_block) {
          block(group, strip, min_of(plan_.strips, strip + plan_.strip_block), panel,
                min_of(plan_.panels, panel + plan_.panel_block));
        }
      }
    }
  }

 private:
  using W = Winograd<kTile>;
  using P = Pack<T, kLanes<T>>;
  static constexpr int N = kLanes<T>;
  static constexpr int kSize = W::kSize;
  static constexpr int kRun = 32 / kTile;  // tiles turned at a time, into the first cache
  static constexpr std::int64_t kLine = (kRun * kTile + 2 + N - 1) / N * N * N;  // elements of a turned line
  static constexpr std::int64_t kStripVectors = Plan::kStrip / N;

  // Strips [strip, strip_end) x panels [panel, panel_end).
  void block(std::int64_t group, std::int64_t strip, std::int64_t strip_end, std::int64_t panel,
             std::int64_t panel_end) const {
    const std::int64_t filter = strip * kStripVectors;
    const std::int64_t filters = min_of(plan_.filter_vectors, strip_end * kStripVectors) - filter;
    const std::int64_t channel = plan_.first_vector(panel);
    const std::int64_t channels = plan_.first_vector(panel_end) - channel;
    const std::int64_t width = panel_end - panel;
    for (std::int64_t tile = 0; tile < plan_.tiles; tile += plan_.tile_block) {
      const std::int64_t count = min_of(plan_.tile_block, plan_.tiles - tile);
      executor_.for_each(filters + channels, true, [&](std::int64_t task, int) {
        if (task < filters) {
          transform<true>(group, filter + task, task, tile, count);
        } else {
          transform<false>(group, channel + task - filters, panel, tile, count);
        }
      });
      executor_.for_each((strip_end - strip) * width, true, [&](std::int64_t task, int worker) {
        T* sums = sums_ + (plan_.tile_blocks > 1 ? task : worker) * Plan::kSums;
        const std::int64_t of_strip = task % (strip_end - strip), of_panel = task / (strip_end - strip);
        multiply(of_strip, filters, panel + of_panel, of_panel, count, tile > 0, sums);
        if (tile + count == plan_.tiles) store(group, strip + of_strip, panel + of_panel, sums);
      });
    }
  }

  // Z (kGradient) or V of `count` tiles from `tile` on, for vector number `vector` of filters or channels. `at`: for
  // filters the vector's number in the block, for channels the block's first panel.
  template <bool kGradient>
  __attribute__((noinline)) void transform(std::int64_t group, std::int64_t vector, std::int64_t at, std::int64_t tile,
                                           std::int64_t count) const {
    const Planes<T>& planes = kGradient ? gradient_ : input_;
    const std::int64_t first = vector * N;
    const int used = static_cast<int>(min_of(N, (kGradient ? shape_.filters : shape_.channels) - first));
    const T* from = planes.base + group * planes.group_stride + first * planes.channel_stride;
    const Target to = kGradient ? filters_at(at) : channels_at(vector, at);
    for (std::int64_t done = 0; done < count;) {
      const std::int64_t line = (tile + done) / plan_.columns, column = (tile + done) % plan_.columns;
      const std::int64_t image = line / plan_.rows, row = line % plan_.rows;
      const int run = static_cast<int>(min_of(min_of(kRun, plan_.columns - column), count - done));
      alignas(64) T lines[kSize * kLine];
      constexpr int kReads = kGradient ? kTile : kSize;
      const std::int64_t y = row * kTile - (kGradient ? 0 : shape_.y.before);
      const std::int64_t x = column * kTile - (kGradient ? 0 : shape_.x.before);
      const Pair plane = kGradient ? Pair{shape_.y.output, shape_.x.output} : Pair{shape_.y.input, shape_.x.input};
      const int wide = run * kTile + kReads - kTile;
      for (int i = 0; i < kReads; ++i) {
        const bool inside = y + i >= 0 && y + i < plane.h;
        turn_line<T>(inside ? from + image * planes.image_stride + (y + i) * plane.w : nullptr, planes.channel_stride,
                     used, x, wide, plane.w, lines + i * kLine);
      }
      for (int j = 0; j < wide; ++j) down<kGradient>(lines + j * N);
      for (int t = 0; t < run; ++t, ++done) across<kGradient>(lines + t * kTile * N, to, done);
    }
  }

  // Where a vector's points go: those of a tile `point` apart, tiles `tile` apart.
  struct Target {
    T* base;
    std::int64_t point, tile;
  };
  RECEPTIVE_FN Target filters_at(std::int64_t vector) const {
    const std::int64_t row = vector * N;
    return {filters_ + row / kTileRows * plan_.filter_panel + row % kTileRows, plan_.filter_point, kTileRows};
  }
  RECEPTIVE_FN Target channels_at(std::int64_t vector, std::int64_t first_panel) const {
    std::int64_t panel = first_panel;
    while (plan_.first_vector(panel + 1) <= vector) ++panel;
    return {channels_ + (panel - first_panel) * plan_.channel_panel + (vector - plan_.first_vector(panel)) * N,
            plan_.channel_point, width_of(panel)};
  }

  RECEPTIVE_FN std::int64_t width_of(std::int64_t panel) const {
    return (plan_.first_vector(panel + 1) - plan_.first_vector(panel)) * N;
  }

  // The vertical transform of a column, in place.
  template <bool kGradient>
  RECEPTIVE_FN static void down(T* at) {
    constexpr int kReads = kGradient ? kTile : kSize;
    P d[kReads], t[kSize];
#pragma GCC unroll 6
    for (int i = 0; i < kReads; ++i) d[i] = P::read(at + i * kLine);
    of_line<kGradient>(d, t);
#pragma GCC unroll 6
    for (int i = 0; i < kSize; ++i) t[i].write(at + i * kLine);
  }

  template <bool kGradient>
  RECEPTIVE_FN static void across(const T* from, const Target& to, std::int64_t tile) {
    constexpr int kReads = kGradient ? kTile : kSize;
    T* at = to.base + tile * to.tile;
    for (int i = 0; i < kSize; ++i, from += kLine) {
      P d[kReads], t[kSize];
#pragma GCC unroll 6
      for (int j = 0; j < kReads; ++j) d[j] = P::read(from + j * N);
      of_line<kGradient>(d, t);
#pragma GCC unroll 6
      for (int j = 0; j < kSize; ++j, at += to.point) {
        if constexpr (kGradient && N > kTileRows) {
          write_panels(t[j], at, to.point * kPoints);
        } else {
          t[j].write(at);
        }
      }
    }
  }

  template <bool kGradient, int kReads>
  RECEPTIVE_FN static void of_line(const P (&d)[kReads], P (&t)[kSize]) {
    if constexpr (kGradient) {
      W::gradient(d, t);
    } else {
      W::input(d, t);
    }
  }

  // A vector of filters into the two row panels that it fills, `apart` elements from each other.
  RECEPTIVE_FN static void write_panels(P value, T* to, std::int64_t apart) {
    constexpr auto lanes = std::make_integer_sequence<int, kTileRows>{};
    part<0>(value, lanes).write(to);
    part<kTileRows>(value, lanes).write(to + apart);
  }
  template <int kFirst, int... kLane>
  RECEPTIVE_FN static auto part(P value, std::integer_sequence<int, kLane...>) {
    return Pack<T, sizeof...(kLane)>(__builtin_shufflevector(value.v, value.v, (kFirst + kLane)...));
  }

  // S of strip number `strip` of the block, which has `filters` vectors of them.
  void multiply(std::int64_t strip, std::int64_t filters, std::int64_t panel, std::int64_t of_panel, std::int64_t tiles,
                bool add, T* sums) const {
    const std::int64_t width = width_of(panel);
    const T* a = filters_ + strip * Plan::kStripPanels * plan_.filter_panel;
    const T* b = channels_ + of_panel * plan_.channel_panel;
    for (int xi = 0; xi < kPoints; ++xi) {
      for (std::int64_t k = 0; k < tiles; k += GemmBlocks<T>::kSteps) {
        TileOut<T> out{};
        out.c = sums + xi * Plan::kSumPoint;
        out.row_stride = kTileColumns<T>;
        out.rows = min_of(Plan::kStrip, (filters - strip * kStripVectors) * N);
        out.columns = static_cast<int>(width);
        out.add = add || k > 0;
        multiply_panels<T>(min_of(GemmBlocks<T>::kSteps, tiles - k), a + xi * plan_.filter_point + k * kTileRows,
                           plan_.filter_panel, b + xi * plan_.channel_point + k * width, static_cast<int>(width / N),
                           out);
      }
    }
  }

  // G'SG of a strip and a panel, to [filter][channel][tap].
  __attribute__((noinline)) void store(std::int64_t group, std::int64_t strip, std::int64_t panel,
                                       const T* sums) const {
    const std::int64_t filter = strip * Plan::kStrip, channel = plan_.first_vector(panel) * N;
    const std::int64_t filters = min_of(Plan::kStrip, shape_.filters - filter);
    const std::int64_t channels = min_of(width_of(panel), shape_.channels - channel);
    T* to = output_ + ((group * shape_.filters + filter) * shape_.channels + channel) * 9;
    for (std::int64_t k = 0; k < filters; ++k, to += shape_.channels * 9) {
      for (std::int64_t c = 0; c < channels; c += N) {
        P taps[9];
        weights(sums + k * kTileColumns<T> + c, taps);
        write_taps(taps, static_cast<int>(min_of(N, channels - c)), to + c * 9);
      }
    }
  }

  RECEPTIVE_FN static void weights(const T* from, P (&taps)[9]) {
    P columns[3][kSize];
#pragma GCC unroll 6
    for (int j = 0; j < kSize; ++j) {
      P s[kSize], w[3];
#pragma GCC unroll 6
      for (int i = 0; i < kSize; ++i) s[i] = P::read(from + (i * kSize + j) * Plan::kSumPoint);
      W::weight(s, w);
#pragma GCC unroll 3
      for (int r = 0; r < 3; ++r) columns[r][j] = w[r];
    }
#pragma GCC unroll 3
    for (int r = 0; r < 3; ++r) {
      P w[3];
      W::weight(columns[r], w);
#pragma GCC unroll 3
      for (int i = 0; i < 3; ++i) taps[r * 3 + i] = w[i] / P(T{W::kDivisor});
    }
  }

  // The taps of `count` channels, a channel's side by side: as many as a vector has lanes are turned, a last one by
  // itself is not.
  RECEPTIVE_FN static void write_taps(const P (&taps)[9], int count, T* to) {
    constexpr int kTurned = N > 9 ? 9 : 9 / N * N;
    for (int first = 0; first < kTurned; first += N) {
      P rows[N];
#pragma GCC unroll 16
      for (int i = 0; i < N; ++i) rows[i] = first + i < kTurned ? taps[first + i] : P(T{0});
      interleave_rows<N / 2>(rows);
#pragma GCC unroll 16
      for (int l = 0; l < N; ++l) {
        if (l >= count) break;
        if constexpr (kTurned < N) {
          Lanes<N, false>{kTurned}.store(to + l * 9, rows[l]);
        } else {
          rows[l].write(to + l * 9 + first);
        }
      }
    }
    for (int l = 0; kTurned < 9 && l < count; ++l) to[l * 9 + kTurned] = taps[8][l];
  }

  static constexpr int kPoints = Plan::kPoints;

  const X& executor_;
  const ConvShape shape_;
  const Plan plan_;
  const Planes<T> input_;
  const Planes<T> gradient_;
  T* output_;
  T* filters_;   // Z
  T* channels_;  // V
  T* sums_;      // S
};

}  // namespace receptive::RECEPTIVE_TARGET
