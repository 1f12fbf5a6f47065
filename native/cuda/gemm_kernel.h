// The kernel of all products: C = A * B, tile by tile, for operands that copy themselves into shared memory.
//
// A block computes a tile of C in steps of kSteps: while it multiplies one stage of shared memory, the next one is
// copied. A thread has kVector-wide pieces of rows and columns, so that what a warp reads from shared memory is 16
// bytes a thread, side by side. The tail of the sum comes first, with zeros in place of what it lacks, so that the loop
// has no masks along the sum.
//
// Exactness: an element of C is summed step by step, whatever the tile; only splits add partial sums, in their order.
//
// A problem (`Problem`, plain data) says for each item, which numbers a sum of its own:
//   Extent extent(item)             rows, columns, steps
//   A, B                            operands: their Copier<Side> copies stages (gemm.h, conv_gather.h), and may keep a
//                                   table of the tile in shared memory
//   a_source(), b_source()          what these are made from
//   place(item)                     where results go
#pragma once

#include "../ops/gemm_problem.h"
#include "async_copy.h"
#include "executor.h"

namespace receptive::RECEPTIVE_TARGET {

inline constexpr int kGemmSteps = 16;
// Steps that are written out, all of them unless the build says otherwise.
#ifndef RECEPTIVE_GEMM_UNROLL
#define RECEPTIVE_GEMM_UNROLL 16
#endif
inline constexpr int kGemmUnroll = RECEPTIVE_GEMM_UNROLL;

// One operand's part of a stage: element (k, j) at [k * kPitch + j].
template <class T, int kWidthOf, int kThreadsOf>
struct Side {
  using Element = T;
  static constexpr int kWidth = kWidthOf;
  static constexpr int kThreads = kThreadsOf;
  static constexpr int kVector = 16 / static_cast<int>(sizeof(T));
  static constexpr int kPitch = kWidth + kVector;                   // so that a column's copies meet different banks
  static constexpr int kElements = kWidth * kGemmSteps / kThreads;  // that a thread copies
  static constexpr int kVectors = kElements / kVector;
};

template <class T, int kRowPieces, int kColumnPieces, int kWarpsDown, int kWarpsAcross, int kBlocks>
struct Tile {
  using Element = T;
  static constexpr int kVector = 16 / static_cast<int>(sizeof(T));
  static constexpr int kThreads = 32 * kWarpsDown * kWarpsAcross;
  static constexpr int kResident = kBlocks;  // of a multiprocessor
  static constexpr int kDown = kRowPieces, kAcross = kColumnPieces;
  static constexpr int kAcrossWarps = kWarpsAcross;
  static constexpr int kWarpRows = 4 * kVector * kRowPieces, kWarpColumns = 8 * kVector * kColumnPieces;
  static constexpr int kRows = kWarpsDown * kWarpRows, kColumns = kWarpsAcross * kWarpColumns;
  using A = Side<T, kRows, kThreads>;
  using B = Side<T, kColumns, kThreads>;
};

template <class T>
struct alignas(16) Vector {
  T v[16 / sizeof(T)];
};

struct Extent {
  std::int64_t rows, columns, steps;
};

// Sums of one thread.
template <class Tile>
struct Accumulators {
  using T = typename Tile::Element;
  static constexpr int kVector = Tile::kVector;
  T sum[Tile::kDown * kVector][Tile::kAcross * kVector];

  // The thread's first row and column of the tile; its pieces are these far apart.
  static constexpr int kRowStep = 4 * kVector, kColumnStep = 8 * kVector;
  __device__ static int first_row() {
    return static_cast<int>(threadIdx.x) / 32 / Tile::kAcrossWarps * Tile::kWarpRows + threadIdx.x % 32 / 8 * kVector;
  }
  __device__ static int first_column() {
    return static_cast<int>(threadIdx.x) / 32 % Tile::kAcrossWarps * Tile::kWarpColumns + threadIdx.x % 8 * kVector;
  }

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (auto& row : sum) {
#pragma unroll
      for (T& element : row) element = T{0};
    }
  }

  // `a` and `b`: where the thread's first row and column are in the stage.
  __device__ __forceinline__ void add_stage(const T* a, const T* b) {
#pragma unroll kGemmUnroll
    for (int k = 0; k < kGemmSteps; ++k) {
      Vector<T> left[Tile::kDown], right[Tile::kAcross];
#pragma unroll
      for (int p = 0; p < Tile::kDown; ++p) {
        left[p] = *reinterpret_cast<const Vector<T>*>(a + k * Tile::A::kPitch + p * kRowStep);
      }
#pragma unroll
      for (int p = 0; p < Tile::kAcross; ++p) {
        right[p] = *reinterpret_cast<const Vector<T>*>(b + k * Tile::B::kPitch + p * kColumnStep);
      }
#pragma unroll
      for (int i = 0; i < Tile::kDown * kVector; ++i) {
#pragma unroll
        for (int j = 0; j < Tile::kAcross * kVector; ++j) {
          sum[i][j] += left[i / kVector].v[i % kVector] * right[j / kVector].v[j % kVector];
        }
      }
    }
  }

  // Gives rows and columns within the extent to `place`, a piece at a time.
  template <class Place>
  __device__ __forceinline__ void store(const Place& place, std::int64_t row, std::int64_t column, std::int64_t rows,
                                        std::int64_t columns) const {
    typename Place::Column at[Tile::kAcross];
    int count[Tile::kAcross];
#pragma unroll
    for (int p = 0; p < Tile::kAcross; ++p) {
      const std::int64_t j = column + first_column() + p * kColumnStep;
      count[p] = static_cast<int>(columns - j < kVector ? columns - j : kVector);
      if (count[p] > 0) at[p] = place.column(j);
    }
#pragma unroll
    for (int i = 0; i < Tile::kDown * kVector; ++i) {
      const std::int64_t r = row + first_row() + i / kVector * kRowStep + i % kVector;
      if (r >= rows) continue;
      const auto line = place.row(r);
#pragma unroll
      for (int p = 0; p < Tile::kAcross; ++p) {
        if (count[p] <= 0) continue;
        Vector<T> piece;
#pragma unroll
        for (int v = 0; v < kVector; ++v) piece.v[v] = sum[i][p * kVector + v];
        place.put(line, at[p], piece, count[p]);
      }
    }
  }
};

// Partial sums of a split: a matrix of its own.
template <class T>
struct PartialPlace {
  using Column = std::int64_t;
  T* base;
  std::int64_t row_stride;

  __device__ T* row(std::int64_t i) const { return base + i * row_stride; }
  __device__ std::int64_t column(std::int64_t j) const { return j; }
  __device__ void put(T* row, std::int64_t column, const Vector<T>& sums, int count) const {
#pragma unroll
    for (int v = 0; v < 16 / static_cast<int>(sizeof(T)); ++v) {
      if (v < count) row[column + v] = sums.v[v];
    }
  }
};

// What a launch needs to know beside the problem.
template <class T>
struct GemmGrid {
  std::int64_t row_tiles;
  std::int64_t first;  // of the items and splits that the launch computes
  int splits;
  std::int64_t split_steps;  // a multiple of kGemmSteps
  T* partial;                // [items, splits, rows, columns] of the largest extent, where splits > 1
  std::int64_t rows, columns;
};

template <class Tile, class Problem>
__global__ void __launch_bounds__(Tile::kThreads, Tile::kResident)
    gemm_kernel(const __grid_constant__ Problem problem, const GemmGrid<typename Tile::Element> grid) {
  using T = typename Tile::Element;
  using Sums = Accumulators<Tile>;
  constexpr int kStageA = kGemmSteps * Tile::A::kPitch, kStageB = kGemmSteps * Tile::B::kPitch;
  __shared__ __align__(16) T stages[2 * (kStageA + kStageB)];
  __shared__ typename Problem::A::template Table<typename Tile::A> table_a;
  __shared__ typename Problem::B::template Table<typename Tile::B> table_b;
  const std::int64_t index = grid.first + blockIdx.y, item = index / grid.splits;
  const std::int64_t first = index % grid.splits * grid.split_steps;
  const std::int64_t row = blockIdx.x % grid.row_tiles * Tile::kRows;
  const std::int64_t column = blockIdx.x / grid.row_tiles * Tile::kColumns;
  const Extent extent = problem.extent(item);
  if (row >= extent.rows || column >= extent.columns) return;
  const std::int64_t left = extent.steps - first;
  const std::int64_t steps = grid.splits > 1 && left > grid.split_steps ? grid.split_steps : left;
  const int count = static_cast<int>((steps + kGemmSteps - 1) / kGemmSteps);
  Sums sums;
  sums.clear();
  if (count > 0) {
    typename Problem::A::template Copier<typename Tile::A> a(problem.a_source(), item, row, extent.rows, first,
                                                             table_a);
    typename Problem::B::template Copier<typename Tile::B> b(problem.b_source(), item, column, extent.columns, first,
                                                             table_b);
    if constexpr (Problem::A::kHasTable || Problem::B::kHasTable) __syncthreads();
    const std::uint32_t stage_a = shared_address(stages), stage_b = shared_address(stages + 2 * kStageA);
    const int rest = static_cast<int>(steps - std::int64_t{count - 1} * kGemmSteps);
    a.template copy<true>(stage_a, rest);
    b.template copy<true>(stage_b, rest);
    const T* read_a = stages + Sums::first_row();
    const T* read_b = stages + 2 * kStageA + Sums::first_column();
    for (int tile = 0; tile < count; ++tile) {
      wait_for_copies();
      __syncthreads();
      const int now = tile & 1, next = 1 - now;
      if (tile + 1 < count) {
        a.template copy<false>(stage_a + next * kStageA * static_cast<int>(sizeof(T)), kGemmSteps);
        b.template copy<false>(stage_b + next * kStageB * static_cast<int>(sizeof(T)), kGemmSteps);
      }
      sums.add_stage(read_a + now * kStageA, read_b + now * kStageB);
    }
  }
  if (grid.splits > 1) {
    const PartialPlace<T> place{grid.partial + index * grid.rows * grid.columns, grid.columns};
    sums.store(place, row, column, extent.rows, extent.columns);
  } else {
    sums.store(problem.place(item), row, column, extent.rows, extent.columns);
  }
}

// Adds the partial sums of the splits in their order. All items have the same extent.
template <class T, class Problem>
struct AddSplits {
  using Element = T;
  static constexpr bool kOverlap = false;  // may add to its output
  Problem problem;
  GemmGrid<T> grid;

  struct Row {
    const T* from;
    std::int64_t item, i;
  };
  RECEPTIVE_FN Row row(std::int64_t index) const {
    const std::int64_t item = index / grid.rows, i = index % grid.rows;
    return Row{grid.partial + (item * grid.splits * grid.rows + i) * grid.columns, item, i};
  }
  template <class P>
  __device__ void tile(const Row& row, std::int64_t begin, P) const {
    Vector<T> sum;
    sum.v[0] = row.from[begin];
    for (int s = 1; s < grid.splits; ++s) sum.v[0] += row.from[s * grid.rows * grid.columns + begin];
    const auto place = problem.place(row.item);
    place.put(place.row(row.i), place.column(begin), sum, 1);
  }
};

// Float32: 128 x 128 where there are enough of them for all multiprocessors, else 64 x 64; float64: 64 x 64.
template <class T>
struct TilesOf {
  using Large = Tile<T, 2, 2, 4, 2, 2>;
  using Small = Tile<T, 2, 1, 2, 2, 4>;
};
template <>
struct TilesOf<double> {
  using Small = Tile<double, 2, 2, 4, 2, 2>;
};
template <class T>
inline constexpr bool kHasLargeTiles = sizeof(T) == 4;

template <class Tile, class X, class Problem>
void launch_gemm(const X& executor, const Problem& problem, std::int64_t items, GemmGrid<typename Tile::Element> grid) {
  constexpr std::int64_t kMostItems = 65535;  // of a launch
  grid.row_tiles = (grid.rows + Tile::kRows - 1) / Tile::kRows;
  const std::int64_t tiles = grid.row_tiles * ((grid.columns + Tile::kColumns - 1) / Tile::kColumns);
  for (std::int64_t left = items * grid.splits; left > 0; left -= kMostItems, grid.first += kMostItems) {
    const dim3 blocks(static_cast<unsigned>(tiles), static_cast<unsigned>(left < kMostItems ? left : kMostItems));
    launch(gemm_kernel<Tile, Problem>, blocks, Tile::kThreads, 0, executor.stream(), problem, grid);
  }
}

// How a sum is cut along its steps. It must not depend on the number of samples: `tiles` is how many tiles of 64 x 64
// the usual problem has.
struct GemmSplits {
  int count;
  std::int64_t steps;

  GemmSplits(std::int64_t tiles, std::int64_t all) {
    constexpr std::int64_t kWantedTiles = 216;  // two for each multiprocessor of a large GPU
    constexpr std::int64_t kLeastSteps = 256, kMostSplits = 32;
    std::int64_t splits = kWantedTiles / (tiles < 1 ? 1 : tiles);
    if (splits > all / kLeastSteps) splits = all / kLeastSteps;
    if (splits > kMostSplits) splits = kMostSplits;
    if (splits < 1) splits = 1;
    steps = round_up((all + splits - 1) / splits, kGemmSteps);
    count = all == 0 ? 1 : static_cast<int>((all + steps - 1) / steps);
  }

  static GemmSplits none(std::int64_t steps) { return GemmSplits(INT64_MAX, steps); }

  static std::int64_t tiles(std::int64_t rows, std::int64_t columns) {
    return (rows + 63) / 64 * ((columns + 63) / 64);
  }

  template <class T>
  std::int64_t workspace(std::int64_t items, std::int64_t rows, std::int64_t columns) const {
    return count > 1 ? round_up(items * count * rows * columns * static_cast<std::int64_t>(sizeof(T)), 64) : 0;
  }
};

// `rows` and `columns` are the largest of any item. kLarge: whether large tiles are worth a kernel.
template <class T, bool kLarge = kHasLargeTiles<T>, class X, class Problem>
void multiply_tiles(const X& executor, const Problem& problem, std::int64_t items, std::int64_t rows,
                    std::int64_t columns, GemmSplits splits, std::byte* workspace) {
  if (items <= 0 || rows <= 0 || columns <= 0) return;
  const GemmGrid<T> grid{0, 0, splits.count, splits.steps, reinterpret_cast<T*>(workspace), rows, columns};
  bool large = false;
  if constexpr (kLarge) {
    using Large = typename TilesOf<T>::Large;
    const std::int64_t down = (rows + Large::kRows - 1) / Large::kRows;
    const std::int64_t across = (columns + Large::kColumns - 1) / Large::kColumns;
    large = rows > 64 && columns > 64 && down * across * items * splits.count >= executor.multiprocessors();
    if (large) launch_gemm<Large>(executor, problem, items, grid);
  }
  if (!large) launch_gemm<typename TilesOf<T>::Small>(executor, problem, items, grid);
  if (splits.count > 1) executor.rows(items * rows, columns, AddSplits<T, Problem>{problem, grid});
}

}  // namespace receptive::RECEPTIVE_TARGET
