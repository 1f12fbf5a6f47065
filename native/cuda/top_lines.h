// top_lines() on a GPU; the contract stands in cpu/top_lines.h.
//
// A block has a line. The k-th best place in the order is found bit by bit, each time by counting the elements that are
// not below a candidate; then those above it, and the first of those at it, are listed in the workspace. Afterwards a
// thread per listed element counts those that are better, which is its place in the result: no two have the same.
#pragma once

#include "../ops/topk_order.h"
#include "fold.h"

namespace receptive::RECEPTIVE_TARGET {

template <class T>
struct TopEntry {
  typename TopkOrder<T>::Bits order;
  std::int32_t position;

  RECEPTIVE_FN bool better_than(const TopEntry& other) const {
    return order > other.order || (order == other.order && position < other.position);
  }
};

struct Count {
  template <int N>
  struct State {
    std::int32_t count;
  };
  RECEPTIVE_FN void merge(State<1>& into, const State<1>& from) const { into.count += from.count; }
};

// A line as a block sees it.
template <class T>
struct TopLine {
  using Bits = typename TopkOrder<T>::Bits;
  TopkOrder<T> order;
  const T* x;
  std::int64_t n;
  std::int64_t step;

  RECEPTIVE_FN Bits at(std::int64_t k) const { return order.of(x[k * step]); }

  // Elements whose order is not below `least`.
  __device__ __forceinline__ std::int32_t count(Bits least) const {
    Count::State<1> mine{0};
    for (std::int64_t k = threadIdx.x; k < n; k += kBlockThreads) mine.count += at(k) >= least ? 1 : 0;
    return BlockTeam<kBlockThreads>{static_cast<int>(threadIdx.x)}.total(Count{}, mine).count;
  }

  // The largest order that k elements reach.
  __device__ __forceinline__ Bits reached_by(std::int64_t k) const {
    Bits found = 0;
    for (int bit = TopkOrder<T>::kBits - 1; bit >= 0; --bit) {
      const Bits candidate = found | Bits{1} << bit;
      if (count(candidate) >= k) found = candidate;
    }
    return found;
  }

  // The `above` elements above `limit`, and the first k - above at it.
  __device__ __forceinline__ void list(Bits limit, std::int64_t above, std::int64_t k, TopEntry<T>* entries) const {
    constexpr int kWarps = kBlockThreads / kWarp;
    __shared__ int2 counts[kWarps];
    const int warp = static_cast<int>(threadIdx.x) / kWarp;
    const unsigned before = (1u << threadIdx.x % kWarp) - 1;
    std::int64_t larger = 0, equal = above;  // places that are taken, those for equal ones come after the others
    for (std::int64_t first = 0; first < n && (larger < above || equal < k); first += kBlockThreads) {
      const std::int64_t mine = first + threadIdx.x;
      const TopEntry<T> entry{mine < n ? at(mine) : Bits{0}, static_cast<std::int32_t>(mine)};
      const unsigned are_larger = __ballot_sync(0xffffffffu, mine < n && entry.order > limit);
      const unsigned are_equal = __ballot_sync(0xffffffffu, mine < n && entry.order == limit);
      if (before == 0) counts[warp] = {__popc(are_larger), __popc(are_equal)};
      __syncthreads();
      std::int64_t place = larger + __popc(are_larger & before), place_of_equal = equal + __popc(are_equal & before);
      for (int w = 0; w < kWarps; ++w) {
        if (w < warp) place += counts[w].x, place_of_equal += counts[w].y;
        larger += counts[w].x, equal += counts[w].y;
      }
      if (mine < n && entry.order > limit) entries[place] = entry;
      if (mine < n && entry.order == limit && place_of_equal < k) entries[place_of_equal] = entry;
      __syncthreads();
    }
  }
};

template <class T>
__global__ void __launch_bounds__(kBlockThreads, kResidentBlocks)
    top_lines_kernel(const TopkAttrs a, const T* const x, TopEntry<T>* const entries) {
  using Bits = typename TopkOrder<T>::Bits;
  for (std::int64_t line = blockIdx.x; line < a.outer * a.inner; line += gridDim.x) {
    const std::int64_t o = line / a.inner;
    const TopLine<T> of{{a.largest}, x + o * a.n * a.inner + (line - o * a.inner), a.n, a.inner};
    const Bits limit = of.reached_by(a.k);
    const std::int64_t above = limit == static_cast<Bits>(~Bits{0}) ? 0 : of.count(limit + 1);
    of.list(limit, above, a.k, entries + line * a.k);
  }
}

// Rows are lines, elements of a row its entries.
template <class T>
struct TopPlaces {
  using Element = T;
  static constexpr bool kOverlap = true;
  struct Row {
    const TopEntry<T>* entries;
    const T* x;
    T* values;
    std::int32_t* indices;
  };
  TopkAttrs a;
  const TopEntry<T>* entries;
  const T* x;
  T* values;
  std::int32_t* indices;

  RECEPTIVE_FN Row row(std::int64_t line) const {
    const std::int64_t o = line / a.inner;
    const std::int64_t i = line - o * a.inner;
    const std::int64_t out = o * a.k * a.inner + i;
    return {entries + line * a.k, x + o * a.n * a.inner + i, values + out, indices + out};
  }
  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t j, P) const {
    const TopEntry<T> mine = row.entries[j];
    std::int64_t place = 0;
    for (std::int64_t other = 0; other < a.k; ++other) place += row.entries[other].better_than(mine) ? 1 : 0;
    row.values[place * a.inner] = row.x[mine.position * a.inner];
    row.indices[place * a.inner] = mine.position;
  }
};

template <class T>
std::int64_t top_lines_workspace(const TopkAttrs& a, int) {
  return a.outer * a.inner * a.k * static_cast<std::int64_t>(sizeof(TopEntry<T>));
}

template <class X, class T>
void top_lines(const X& executor, const TopkAttrs& a, const T* x, T* values, std::int32_t* indices) {
  auto* const entries = reinterpret_cast<TopEntry<T>*>(executor.workspace());
  const std::int64_t lines = a.outer * a.inner;
  launch(top_lines_kernel<T>, blocks_along(lines, 1, kMaxGridX), kBlockThreads, 0, executor.stream(), a, x, entries);
  executor.rows(lines, a.k, TopPlaces<T>{a, entries, x, values, indices});
}

}  // namespace receptive::RECEPTIVE_TARGET
