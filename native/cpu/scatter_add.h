// scatter_add(executor, attributes, each, scatter): out[o, indices[j], i] = sum of g[o, j, i] over j, in their order;
// where `each`, by the index of the element, indices[o, j, i]. An index out of range is left out.
#pragma once

#include "../ops/fill.h"
#include "../ops/gather_view.h"

namespace receptive::RECEPTIVE_TARGET {

template <class T>
RECEPTIVE_FN void add_row(const T* from, T* to, std::int64_t width) {
  constexpr int N = kLanes<T>;
  std::int64_t i = 0;
  for (; i + N <= width; i += N) (Pack<T, N>::read(to + i) + Pack<T, N>::read(from + i)).write(to + i);
  if (i < width) {
    const Lanes<N, false> p{static_cast<int>(width - i)};
    p.store(to + i, p.load(to + i) + p.load(from + i));
  }
}

// Adds columns [begin, end) of a plane of g to the rows that its indices name, one row after the other.
template <class T>
__attribute__((noinline)) void scatter_rows(const GatherAttrs& a, Scatter<T> plane, std::int64_t begin,
                                            std::int64_t end) {
  for (std::int64_t j = 0; j < a.count; ++j) {
    const std::int32_t index = plane.indices[j];
    if (!is_index(index, a.n)) continue;
    add_row(plane.g + j * a.inner + begin, plane.out + index * a.inner + begin, end - begin);
  }
}

// The same where every element has an index.
template <class T>
__attribute__((noinline)) void scatter_elements(const GatherAttrs& a, Scatter<T> plane, std::int64_t begin,
                                                std::int64_t end) {
  const auto add = [&](std::int64_t at, std::int64_t i) RECEPTIVE_INLINE_LAMBDA {
    const std::int32_t index = plane.indices[at];
    if (is_index(index, a.n)) plane.out[index * a.inner + i] += plane.g[at];
  };
  if (a.inner == 1) {
    for (std::int64_t j = 0; j < a.count; ++j) add(j, 0);
    return;
  }
  for (std::int64_t j = 0; j < a.count; ++j) {
    for (std::int64_t i = begin; i < end; ++i) add(j * a.inner + i, i);
  }
}

// Columns of a task. Planes and columns are independent of each other, and one task takes an element's terms in their
// order, so that results do not depend on the division, which may follow the number of threads. A cache line is the
// least.
template <class T>
RECEPTIVE_FN std::int64_t columns_of_task(const GatherAttrs& a, int threads) {
  constexpr std::int64_t kLine = 64 / sizeof(T);
  const std::int64_t wanted = threads == 1 ? 1 : (2 * threads + a.outer - 1) / a.outer;
  const std::int64_t columns = (a.inner + wanted - 1) / wanted;
  return (columns + kLine - 1) / kLine * kLine;
}

template <class X, class T>
void scatter_add(const X& executor, const GatherAttrs& a, bool each, Scatter<T> s) {
  const std::int64_t plane = a.n * a.inner;
  const std::int64_t size = a.outer * plane;
  const bool around = executor.writes_around(s.out, size * static_cast<std::int64_t>(sizeof(T)));
  executor.rows(1, size, FillBody<T>{s.out, T{}, around});
  if (a.count == 0 || size == 0) return;
  const std::int64_t terms = a.count * a.inner;
  const std::int64_t columns = columns_of_task<T>(a, executor.threads());
  const std::int64_t blocks = (a.inner + columns - 1) / columns;
  executor.for_each(a.outer * blocks, a.outer * terms >= kParallelElements, [&](std::int64_t task, int) {
    const std::int64_t o = task / blocks;
    const std::int64_t begin = task % blocks * columns;
    const std::int64_t end = begin + columns < a.inner ? begin + columns : a.inner;
    const Scatter<T> of{s.g + o * terms, s.indices + (each ? o * terms : 0), s.out + o * plane};
    if (each || a.inner == 1) {
      scatter_elements(a, of, begin, end);
    } else {
      scatter_rows(a, of, begin, end);
    }
  });
}

}  // namespace receptive::RECEPTIVE_TARGET
