// top_lines() on a GPU; the contract stands in cpu/top_lines.h.
//
// Of a short line, a thread per element counts those that are better, which is its place. Else a block has a line. The
// k-th best place in the order is found bit by bit, each time by counting the elements that are
// not below a candidate; then those above it, and the first of those at it, are listed in the workspace. The list is
// sorted by merging: a thread per element finds its place in a run, and then, as often as runs are merged, in its run's
// neighbour. No two elements are equally good, so that every place has one.
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

inline constexpr std::int64_t kSortedRun = 128;  // entries that are sorted by comparing all with all

// Rows are lines, elements of a row their entries: runs of `width` entries, or none where that is 0, into runs of twice
// as many, or of kSortedRun.
template <class T>
struct MergeRuns {
  using Element = T;
  static constexpr bool kOverlap = true;
  struct Row {
    const TopEntry<T>* from;
    TopEntry<T>* to;
  };
  const TopEntry<T>* from;
  TopEntry<T>* to;
  std::int64_t k;
  std::int64_t width;

  RECEPTIVE_FN Row row(std::int64_t line) const { return {from + line * k, to + line * k}; }
  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t j, P) const {
    const TopEntry<T> mine = row.from[j];
    if (width == 0) {
      const std::int64_t first = j & -kSortedRun;
      row.to[first + better_of(row.from, first, first + kSortedRun, mine)] = mine;
      return;
    }
    const std::int64_t own = j & -width, other = own ^ width;
    row.to[(own < other ? j : j - width) + better_in_run(row.from, other, other + width, mine)] = mine;
  }

 private:
  RECEPTIVE_FN std::int64_t better_of(const TopEntry<T>* all, std::int64_t begin, std::int64_t end,
                                      const TopEntry<T>& mine) const {
    std::int64_t better = 0;
    for (std::int64_t i = begin; i < end && i < k; ++i) better += all[i].better_than(mine) ? 1 : 0;
    return better;
  }
  // The same where they are sorted.
  RECEPTIVE_FN std::int64_t better_in_run(const TopEntry<T>* all, std::int64_t begin, std::int64_t end,
                                          const TopEntry<T>& mine) const {
    std::int64_t low = begin, high = end < k ? end : k;
    while (low < high) {
      const std::int64_t middle = low + (high - low) / 2;
      if (all[middle].better_than(mine)) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low - begin;
  }
};

// Entries into values and positions.
template <class T>
struct TopResults {
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
    const std::int32_t position = row.entries[j].position;
    row.values[j * a.inner] = row.x[position * a.inner];
    row.indices[j * a.inner] = position;
  }
};

inline constexpr std::int64_t kRankedLine = 512;  // the longest line whose elements are all compared with all

// Rows are lines.
template <class T>
struct TopRanks {
  using Element = T;
  static constexpr bool kOverlap = true;
  TopResults<T> results;

  RECEPTIVE_FN typename TopResults<T>::Row row(std::int64_t line) const { return results.row(line); }
  template <class P>
  RECEPTIVE_FN void tile(const typename TopResults<T>::Row& row, std::int64_t j, P) const {
    const TopkAttrs& a = results.a;
    const TopkOrder<T> order{a.largest};
    const T value = row.x[j * a.inner];
    const TopEntry<T> mine{order.of(value), static_cast<std::int32_t>(j)};
    std::int64_t place = 0;
    for (std::int64_t i = 0; i < a.n; ++i) {
      const TopEntry<T> other{order.of(row.x[i * a.inner]), static_cast<std::int32_t>(i)};
      place += other.better_than(mine) ? 1 : 0;
    }
    if (place >= a.k) return;
    row.values[place * a.inner] = value;
    row.indices[place * a.inner] = mine.position;
  }
};

template <class T>
std::int64_t top_lines_workspace(const TopkAttrs& a, int) {
  return a.n <= kRankedLine ? 0 : 2 * a.outer * a.inner * a.k * static_cast<std::int64_t>(sizeof(TopEntry<T>));
}

template <class X, class T>
void top_lines(const X& executor, const TopkAttrs& a, const T* x, T* values, std::int32_t* indices) {
  auto* entries = reinterpret_cast<TopEntry<T>*>(executor.workspace());
  const std::int64_t lines = a.outer * a.inner;
  if (a.n <= kRankedLine) {
    executor.rows(lines, a.n, TopRanks<T>{{a, nullptr, x, values, indices}});
    return;
  }
  launch(top_lines_kernel<T>, blocks_along(lines, 1, kMaxGridX), kBlockThreads, 0, executor.stream(), a, x, entries);
  auto* sorted = entries + lines * a.k;
  for (std::int64_t width = 0; width < a.k; width = width == 0 ? kSortedRun : 2 * width) {
    executor.rows(lines, a.k, MergeRuns<T>{entries, sorted, a.k, width});
    auto* const next = entries;
    entries = sorted, sorted = next;
  }
  executor.rows(lines, a.k, TopResults<T>{a, entries, x, values, indices});
}

}  // namespace receptive::RECEPTIVE_TARGET
