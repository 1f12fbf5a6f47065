// scatter_add() on a GPU; the contract stands in cpu/scatter_add.h. One thread adds up the terms of a sum in their
// order, so that results are those of the CPU to the bit, and need no atomics. Three ways to find the terms:
//   - by row: a warp has a row of the output (a part of it), looks through the indices, and takes the rows of g that
//   are
//     meant for it;
//   - by element: a thread has an element, and looks through the indices of its column;
//   - by column: a thread has a column and adds each element of g to where it belongs, one after the other.
// The first two look at all indices for each row, and are for outputs small enough that this costs less than the chain
// of the third.
#pragma once

#include "../ops/fill.h"
#include "../ops/gather_view.h"

namespace receptive::RECEPTIVE_TARGET {

inline constexpr int kScatterColumns = 4;  // of a thread, kWarp apart
// The most elements, or parts of rows, that look for their terms.
inline constexpr std::int64_t kMostSearching = std::int64_t{1} << 20;

// A block is a warp wide and has rows along y; the grid has columns along x.
template <class T>
__global__ void __launch_bounds__(kBlockThreads, kResidentBlocks)
    scatter_rows_kernel(const GatherAttrs a, const Scatter<T> s) {
  const std::int64_t first = std::int64_t{blockIdx.x} * (kScatterColumns * kWarp) + threadIdx.x;
  const std::int64_t step = std::int64_t{gridDim.y} * blockDim.y;
  for (std::int64_t row = std::int64_t{blockIdx.y} * blockDim.y + threadIdx.y; row < a.outer * a.n; row += step) {
    const std::int64_t o = row / a.n;
    const auto wanted = static_cast<std::int32_t>(row - o * a.n);
    const T* const g = s.g + o * a.count * a.inner + first;
    T sums[kScatterColumns] = {};
    for (std::int64_t j = 0; j < a.count; j += kWarp) {
      const bool mine = j + threadIdx.x < a.count && s.indices[j + threadIdx.x] == wanted;
      for (unsigned found = __ballot_sync(0xffffffffu, mine); found != 0; found &= found - 1) {
        const T* const from = g + (j + __ffs(static_cast<int>(found)) - 1) * a.inner;
#pragma unroll
        for (int c = 0; c < kScatterColumns; ++c) {
          if (first + c * kWarp < a.inner) sums[c] += from[c * kWarp];
        }
      }
    }
#pragma unroll
    for (int c = 0; c < kScatterColumns; ++c) {
      if (first + c * kWarp < a.inner) s.out[row * a.inner + first + c * kWarp] = sums[c];
    }
  }
}

// Planes [n, inner] of the output, whose columns have indices of their own.
template <class T>
struct ScatterElements {
  using Element = T;
  static constexpr bool kOverlap = true;
  struct Plane {
    const T* g;
    const std::int32_t* indices;
    T* out;
  };
  struct Row {
    Plane plane;
    std::int32_t wanted;
  };
  Scatter<T> s;
  std::int64_t n;
  std::int64_t count;
  std::int64_t inner;
  std::int64_t planeOfIndices;  // from plane to plane of them; 0 where all planes share them

  RECEPTIVE_FN Plane plane(std::int64_t o) const {
    return {s.g + o * count * inner, s.indices + o * planeOfIndices, s.out + o * n * inner};
  }
  RECEPTIVE_FN Row row(const Plane& plane, std::int64_t r) const { return {plane, static_cast<std::int32_t>(r)}; }
  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t i, P p) const {
    T sum(0);
    for (std::int64_t at = i; at < count * inner; at += inner) {
      if (row.plane.indices[at] == row.wanted) sum += row.plane.g[at];
    }
    p.store(row.plane.out + row.wanted * inner + i, Pack<T, P::count>(sum));
  }
};

// Rows are planes, elements of a row the columns of a plane.
template <class T>
struct ScatterColumns {
  using Element = T;
  static constexpr bool kOverlap = false;
  Scatter<T> s;
  GatherAttrs a;
  bool each;

  RECEPTIVE_FN Scatter<T> row(std::int64_t o) const {
    const std::int64_t terms = o * a.count * a.inner;
    return {s.g + terms, s.indices + (each ? terms : 0), s.out + o * a.n * a.inner};
  }
  template <class P>
  RECEPTIVE_FN void tile(const Scatter<T>& plane, std::int64_t i, P) const {
    for (std::int64_t j = 0; j < a.count; ++j) {
      const std::int32_t index = plane.indices[each ? j * a.inner + i : j];
      if (is_index(index, a.n)) plane.out[index * a.inner + i] += plane.g[j * a.inner + i];
    }
  }
};

template <class T>
void scatter_add(const Executor& executor, const GatherAttrs& a, bool each, const Scatter<T>& s) {
  const std::int64_t size = a.outer * a.n * a.inner;
  if (size == 0) return;
  const bool by_element = each || a.inner == 1;
  const std::int64_t parts = (a.inner + kScatterColumns * kWarp - 1) / (kScatterColumns * kWarp);
  if ((by_element ? size : a.outer * a.n * parts) > kMostSearching) {
    executor.rows(1, size, FillBody<T>{s.out, T{}, false});
    executor.rows(a.outer, a.inner, ScatterColumns<T>{s, a, each});
  } else if (by_element) {
    const std::int64_t planeOfIndices = each ? a.count * a.inner : 0;
    executor.planes(a.outer, a.n, a.inner, ScatterElements<T>{s, a.n, a.count, a.inner, planeOfIndices});
  } else {
    const dim3 block(kWarp, kBlockThreads / kWarp);
    const dim3 grid(static_cast<unsigned>(parts), blocks_along(a.outer * a.n, block.y, kMaxGridYZ));
    launch(scatter_rows_kernel<T>, grid, block, 0, executor.stream(), a, s);
  }
}

}  // namespace receptive::RECEPTIVE_TARGET
