// Convolution 3x3 of stride 1 by Winograd's minimal filtering, NCHW: the forward pass, and the gradient by input, which
// is the same with flipped filters and other padding.
//
// Per group, in blocks of tiles (numbered through images, rows and columns) that fit a budget:
//   (1) V[panel][xi][c][NR]: each channel's input tiles are transformed, NR tiles to a panel, as gemm's packed B;
//   (2) for some rows of filters and a panel: M[xi] = U[xi] V[xi] for all xi by the micro-kernel, then the output
//       transform, bias and store.
// U[row panel][xi][c][MR] are the transformed filters in packed form. Threads divide (1) by panels and channels, (2) by
// panels and filters. Lanes run along tiles: a tile row's columns are read as whole vectors and de-interleaved.
// The xi are kPad elements further apart than their size: at multiples of 4 KiB they would share the same few lines of
// the first cache.
// Exactness: an output is computed from its tile alone, the sum over channels in blocks of GemmBlocks::kSteps.
#pragma once

#include "../ops/winograd_problem.h"
#include "../ops/winograd_transform.h"
#include "conv_operands.h"

namespace receptive::RECEPTIVE_TARGET {

template <class T, int kTile, class X>
class WinogradConvolution {
 public:
  using W = Winograd<kTile>;
  static constexpr int kSize = W::kSize;
  static constexpr int kPoints = kSize * kSize;
  static constexpr int N = kLanes<T>;
  static constexpr int NR = kTileColumns<T>;
  static constexpr std::int64_t kPad = 64 / sizeof(T);
  using P = Pack<T, N>;

  WinogradConvolution(const X& executor, const TileProblem<T>& problem)
      : executor_(executor), problem_(problem), plan_(problem.channels, problem.filters) {
    const TileGrid grid(problem.images, problem.out, kTile);
    rows_ = grid.rows;
    columns_ = grid.columns;
    tiles_ = grid.tiles;
  }

  // Sizes that depend on the problem's channels and filters.
  struct Plan {
    std::int64_t row_panels;    // of filters
    std::int64_t filter_point;  // elements of U from one xi to the next
    std::int64_t filter_panel;  // from one row panel to the next
    std::int64_t tile_point;    // elements of V from one xi to the next
    std::int64_t tile_panel;    // from one panel to the next
    std::int64_t block_panels;  // panels of a block of tiles
    std::int64_t product;       // elements of one thread's M

    RECEPTIVE_FN Plan(std::int64_t channels, std::int64_t filters)
        : row_panels((filters + kTileRows - 1) / kTileRows),
          filter_point(channels * kTileRows + kPad),
          filter_panel(kPoints * filter_point),
          tile_point(channels * NR + kPad),
          tile_panel(kPoints * tile_point),
          block_panels(max_of(1, kBlockBytes / (tile_panel * static_cast<std::int64_t>(sizeof(T))))),
          product(kPoints * kProductPoint) {}
  };

  RECEPTIVE_FN static std::int64_t packed_bytes(std::int64_t channels, std::int64_t filters, std::int64_t groups) {
    const Plan plan(channels, filters);
    return groups * plan.row_panels * plan.filter_panel * static_cast<std::int64_t>(sizeof(T));
  }
  RECEPTIVE_FN static std::int64_t workspace_bytes(std::int64_t channels, std::int64_t filters, std::int64_t,
                                                   std::int64_t tiles, int threads) {
    const Plan plan(channels, filters);
    const std::int64_t panels = min_of(plan.block_panels, (tiles + NR - 1) / NR);
    return (panels * plan.tile_panel + threads * plan.product) * static_cast<std::int64_t>(sizeof(T));
  }

  // Fills `packed` with the transformed filters of all groups.
  void pack(const TileFilters<T>& filters, T* packed) const {
    executor_.for_each(problem_.groups * plan_.row_panels, true, [&](std::int64_t task, int) {
      const std::int64_t group = task / plan_.row_panels, panel = task % plan_.row_panels;
      const TileFilters<T> from{filters.base + group * filters.group_stride, 0, filters.filter_stride,
                                filters.channel_stride, filters.flipped};
      pack_panel(from, panel * kTileRows, packed + task * plan_.filter_panel);
    });
  }

  void run(const T* packed, std::byte* workspace) const {
    T* tiles = reinterpret_cast<T*>(workspace);
    const std::int64_t panels = (tiles_ + NR - 1) / NR;
    T* products = tiles + min_of(plan_.block_panels, panels) * plan_.tile_panel;
    // Channels of a task of step 1: enough to pay for finding a panel's tiles.
    const std::int64_t chunk = 16, chunks = (problem_.channels + chunk - 1) / chunk;
    const std::int64_t strips = (plan_.row_panels + kStripPanels - 1) / kStripPanels;
    for (std::int64_t group = 0; group < problem_.groups; ++group) {
      const T* u = packed + group * plan_.row_panels * plan_.filter_panel;
      for (std::int64_t first = 0; first < panels; first += plan_.block_panels) {
        const std::int64_t count = min_of(plan_.block_panels, panels - first);
        executor_.for_each(count * chunks, true, [&](std::int64_t task, int) {
          const std::int64_t panel = task / chunks, c = task % chunks * chunk;
          transform_input(group, first + panel, c, min_of(problem_.channels, c + chunk),
                          tiles + panel * plan_.tile_panel);
        });
        executor_.for_each(count * strips, true, [&](std::int64_t task, int worker) {
          const std::int64_t strip = task / count, panel = task % count;
          multiply(group, strip, first + panel, u, tiles + panel * plan_.tile_panel, products + worker * plan_.product);
        });
      }
    }
  }

 private:
  // V of a block of tiles; M of a strip of row panels. Measured: see native/README.md.
  static constexpr std::int64_t kBlockBytes = std::int64_t{4} << 20;
  static constexpr std::int64_t kStripPanels = 32 / kTileRows;
  static constexpr std::int64_t kProductPoint = kStripPanels * kTileRows * NR + kPad;

  // Tiles of a panel that lie in one tile row, at most a vector of them.
  struct Run {
    std::int64_t image, row, column;
    int at, count;
  };

  RECEPTIVE_FN int split(std::int64_t panel, Run* runs) const {
    std::int64_t tile = panel * NR;
    const int total = static_cast<int>(min_of(NR, tiles_ - tile));
    int n = 0;
    for (int at = 0; at < total;) {
      const std::int64_t line = tile / columns_, column = tile - line * columns_;
      const int count = static_cast<int>(min_of(min_of(columns_ - column, N), total - at));
      runs[n++] = Run{line / rows_, line % rows_, column, at, count};
      at += count;
      tile += count;
    }
    return n;
  }

  RECEPTIVE_FN int panel_tiles(std::int64_t panel) const { return static_cast<int>(min_of(NR, tiles_ - panel * NR)); }

  // kTileRows filters from `first` on, lanes along filters; what is beyond the last filter is zero.
  void pack_panel(const TileFilters<T>& filters, std::int64_t first, T* to) const {
    using F = Pack<T, kTileRows>;
    const int count = static_cast<int>(min_of(kTileRows, problem_.filters - first));
    T taps[9][kTileRows] = {};
    for (std::int64_t c = 0; c < problem_.channels; ++c) {
      for (int k = 0; k < count; ++k) {
        const T* from = filters.base + (first + k) * filters.filter_stride + c * filters.channel_stride;
        for (int t = 0; t < 9; ++t) taps[t][k] = from[filters.flipped ? 8 - t : t];
      }
      F rows[kSize][3];
      for (int s = 0; s < 3; ++s) {
        F column[kSize];
        W::filter(F::read(taps[s]), F::read(taps[3 + s]), F::read(taps[6 + s]), column);
        for (int i = 0; i < kSize; ++i) rows[i][s] = column[i];
      }
      for (int i = 0; i < kSize; ++i) {
        F u[kSize];
        W::filter(rows[i][0], rows[i][1], rows[i][2], u);
        for (int j = 0; j < kSize; ++j) {
          (u[j] / F(T{W::kDivisor})).write(to + (i * kSize + j) * plan_.filter_point + c * kTileRows);
        }
      }
    }
  }

  void transform_input(std::int64_t group, std::int64_t panel, std::int64_t begin, std::int64_t end, T* to) const {
    Run runs[NR];
    const int n = split(panel, runs);
    const int total = panel_tiles(panel), vectors = (total + N - 1) / N;
    const std::int64_t plane = problem_.in.h * problem_.in.w;
    for (std::int64_t c = begin; c < end; ++c) {
      T* row = to + c * vectors * N;
      for (int i = 0; i < n; ++i) {
        const T* from = problem_.input + ((runs[i].image * problem_.groups + group) * problem_.channels + c) * plane;
        transform_run(from, runs[i], row, vectors * N);
      }
      if (total == vectors * N) continue;
      for (int xi = 0; xi < kPoints; ++xi) {
        for (int j = total; j < vectors * N; ++j) row[xi * plan_.tile_point + j] = T{0};
      }
    }
  }

  // `width`: of the panel.
  RECEPTIVE_FN void transform_run(const T* plane, const Run& run, T* to, int width) const {
    constexpr int kVectors = kTile + 1;  // a vector of tiles is kTile vectors of columns and two more
    const std::int64_t y = run.row * kTile - problem_.before.h, x = run.column * kTile - problem_.before.w;
    const std::int64_t in_height = problem_.in.h, in_width = problem_.in.w;
    const int used = (run.count * kTile + 2 + N - 1) / N;
    const bool inside = y >= 0 && y + kSize <= in_height && x >= 0 && x + used * N <= in_width;
    P vertical[kSize][kVectors];
    for (int v = 0; v < used; ++v) {
      P d[kSize], t[kSize];
      if (inside) {
#pragma GCC unroll 6
        for (int i = 0; i < kSize; ++i) d[i] = P::read(plane + (y + i) * in_width + x + v * N);
      } else {
#pragma GCC unroll 6
        for (int i = 0; i < kSize; ++i) {
          d[i] = y + i >= 0 && y + i < in_height
                     ? Lanes<N, true>{}.load_range(plane + (y + i) * in_width, x + v * N, in_width, T{0})
                     : P(T{0});
        }
      }
      W::input(d, t);
#pragma GCC unroll 6
      for (int i = 0; i < kSize; ++i) vertical[i][v] = t[i];
    }
    for (int i = 0; i < kSize && used < kVectors; ++i) vertical[i][used] = P(T{0});
    const bool whole = run.at + N <= width;
    const Lanes<N, false> some{run.count};
#pragma GCC unroll 1
    for (int i = 0; i < kSize; ++i) {
      P d[kSize], t[kSize];
      columns(vertical[i], used, d);
      W::input(d, t);
      T* at = to + i * kSize * plan_.tile_point + run.at;
#pragma GCC unroll 6
      for (int j = 0; j < kSize; ++j, at += plan_.tile_point) {
        if (whole) {
          t[j].write(at);
        } else {
          some.store(at, t[j]);
        }
      }
    }
  }

  // d[j] lane l: element l * kTile + j of the columns in v.
  RECEPTIVE_FN static void columns(const P (&v)[kTile + 1], int used, P (&d)[kSize]) {
    const P zero(T{0});
    if constexpr (kTile == 2) {
      const P high = used > 1 ? v[1] : zero;
      d[0] = memory::even_of_pair(v[0], high);
      d[1] = memory::odd_of_pair(v[0], high);
    } else {
      const P b = used > 1 ? v[1] : zero, c = used > 2 ? v[2] : zero, e = used > 3 ? v[3] : zero;
      const P even = memory::even_of_pair(v[0], b), odd = memory::odd_of_pair(v[0], b);
      const P even2 = memory::even_of_pair(c, e), odd2 = memory::odd_of_pair(c, e);
      d[0] = memory::even_of_pair(even, even2);
      d[1] = memory::even_of_pair(odd, odd2);
      d[2] = memory::odd_of_pair(even, even2);
      d[3] = memory::odd_of_pair(odd, odd2);
    }
    const P next = used > kTile ? v[kTile] : zero;
    d[kTile] = memory::moved_down<0>(d[0], next);
    d[kTile + 1] = memory::moved_down<1>(d[1], next);
  }

  void multiply(std::int64_t group, std::int64_t strip, std::int64_t panel, const T* u, const T* tiles,
                T* product) const {
    const std::int64_t first = strip * kStripPanels * kTileRows;
    const std::int64_t filters = min_of(kStripPanels * kTileRows, problem_.filters - first);
    const int vectors = (panel_tiles(panel) + N - 1) / N;
    const T* a = u + strip * kStripPanels * plan_.filter_panel;
    for (int xi = 0; xi < kPoints; ++xi) {
      for (std::int64_t c = 0; c == 0 || c < problem_.channels; c += GemmBlocks<T>::kSteps) {
        TileOut<T> out{};
        out.c = product + xi * kProductPoint;
        out.row_stride = NR;
        out.rows = round_up(filters, kTileRows);
        out.columns = vectors * N;
        out.add = c > 0;
        multiply_panels<T>(min_of(GemmBlocks<T>::kSteps, problem_.channels - c),
                           a + xi * plan_.filter_point + c * kTileRows, plan_.filter_panel,
                           tiles + xi * plan_.tile_point + c * vectors * N, vectors, out);
      }
    }
    Run runs[NR];
    const int n = split(panel, runs);
    const std::int64_t plane = problem_.out.h * problem_.out.w;
    for (std::int64_t k = 0; k < filters; ++k) {
      const T bias = problem_.bias == nullptr ? T{0} : problem_.bias[group * problem_.filters + first + k];
      for (int i = 0; i < n; ++i) {
        const std::int64_t item = runs[i].image * problem_.groups + group;
        transform_output(product + k * NR, runs[i], bias,
                         problem_.output + (item * problem_.filters + first + k) * plane);
      }
    }
  }

  RECEPTIVE_FN void transform_output(const T* from, const Run& run, T bias, T* plane) const {
    P z[kTile][kSize];
#pragma GCC unroll 6
    for (int j = 0; j < kSize; ++j) {
      P m[kSize], y[kTile];
#pragma GCC unroll 6
      for (int i = 0; i < kSize; ++i) {
        const T* at = from + (i * kSize + j) * kProductPoint + run.at;
        m[i] = P::read(at);
      }
      W::output(m, y);
#pragma GCC unroll 4
      for (int r = 0; r < kTile; ++r) z[r][j] = y[r];
    }
    const std::int64_t x = run.column * kTile;
    const std::int64_t rows = min_of(kTile, problem_.out.h - run.row * kTile);
    const int count = static_cast<int>(min_of(run.count * kTile, problem_.out.w - x));
    T* to = plane + run.row * kTile * problem_.out.w + x;
    for (std::int64_t r = 0; r < rows; ++r, to += problem_.out.w) {
      P y[kTile], line[kTile];
      W::output(z[r], y);
      lines(y, line);
#pragma GCC unroll 4
      for (int v = 0; v < kTile; ++v) {
        P value = line[v] + P(bias);
        if (problem_.clamp.any) value = problem_.clamp(value);
        const int left = count - v * N;
        if (left >= N) {
          value.write(to + v * N);
        } else if (left > 0) {
          Lanes<N, false>{left}.store(to + v * N, value);
        }
      }
    }
  }

  // The columns y[j], lane l of which is element l * kTile + j, as consecutive elements.
  RECEPTIVE_FN static void lines(const P (&y)[kTile], P (&line)[kTile]) {
    if constexpr (kTile == 2) {
      line[0] = memory::interleave_low(y[0], y[1]);
      line[1] = memory::interleave_high(y[0], y[1]);
    } else {
      const P even = memory::interleave_low(y[0], y[2]), even2 = memory::interleave_high(y[0], y[2]);
      const P odd = memory::interleave_low(y[1], y[3]), odd2 = memory::interleave_high(y[1], y[3]);
      line[0] = memory::interleave_low(even, odd);
      line[1] = memory::interleave_high(even, odd);
      line[2] = memory::interleave_low(even2, odd2);
      line[3] = memory::interleave_high(even2, odd2);
    }
  }

  const X& executor_;
  const TileProblem<T> problem_;
  const Plan plan_;
  std::int64_t rows_, columns_, tiles_;
};

}  // namespace receptive::RECEPTIVE_TARGET
