// copy_strided(executor, plan, src, dst): the CPU's strided copy of elements told apart by size only; plan is in memory
// order. In order of preference, a being the destination's innermost axis:
//   rows       both strides of a are 1: whole rows;
//   repeats    the source's stride of a is 0: rows of one value;
//   transpose  a is dense in the destination and another axis in the source: blocks turned in registers (transpose.h);
//   elements   anything else, one by one along a.
#pragma once

#include "../core/copy_plan.h"
#include "executor.h"
#include "transpose.h"

namespace receptive::RECEPTIVE_TARGET {

// Steps through the positions of a plan's axes [0, rank).
struct Odometer {
  const CopyPlan& plan;
  int rank;
  std::int64_t index[kMaxRank] = {};
  std::int64_t src = 0;
  std::int64_t dst = 0;

  Odometer(const CopyPlan& plan_, int rank_, std::int64_t position) : plan(plan_), rank(rank_) {
    for (int d = rank - 1; d >= 0; --d) {
      index[d] = position % plan.dims[d];
      position /= plan.dims[d];
      src += index[d] * plan.src[d];
      dst += index[d] * plan.dst[d];
    }
  }
  void next() {
    for (int d = rank - 1; d >= 0; --d) {
      src += plan.src[d];
      dst += plan.dst[d];
      if (++index[d] < plan.dims[d]) return;
      src -= plan.dims[d] * plan.src[d];
      dst -= plan.dims[d] * plan.dst[d];
      index[d] = 0;
    }
  }
};

// A block of a transpose: how many rows of the source are read side by side, and how far along them. Where rows of
// tiles are whole lines, long runs of reads measured best (NHWC to NCHW, 26 MB: 25 GB/s, as memcpy; in blocks of 64 x
// 64 9 GB/s); elsewhere the block has to keep the lines it fills in the first cache.
inline constexpr std::int64_t kTransposeWidth = 64;
template <class T>
inline constexpr std::int64_t kTransposeLength = kTurnsLines<T> ? 1024 : 64;
inline constexpr std::int64_t kThinLength = 1024;
// From here on a transposed copy stores past the caches: it would leave none of them anything that is used again.
inline constexpr std::int64_t kStreamBytes = std::int64_t{8} << 20;

// From this many bytes on, the C library's copy beats a loop of packs.
inline constexpr std::int64_t kLibraryCopyBytes = 256;

template <class T>
RECEPTIVE_FN void copy_row(const T* src, T* dst, std::int64_t width) {
  constexpr int N = kLanes<T>;
  if (width * static_cast<std::int64_t>(sizeof(T)) >= kLibraryCopyBytes) {
    __builtin_memcpy(dst, src, static_cast<std::size_t>(width) * sizeof(T));
    return;
  }
  std::int64_t i = 0;
  for (; i + N <= width; i += N) Pack<T, N>::read(src + i).write(dst + i);
  if (i == width) return;
  if (width >= N) {
    Pack<T, N>::read(src + width - N).write(dst + width - N);
  } else {
    const Lanes<N, false> p{static_cast<int>(width)};
    p.store(dst, p.load(src));
  }
}

template <class T>
RECEPTIVE_FN void fill_row(T value, T* dst, std::int64_t width) {
  constexpr int N = kLanes<T>;
  const Pack<T, N> pack(value);
  std::int64_t i = 0;
  for (; i + N <= width; i += N) pack.write(dst + i);
  if (i < width) Lanes<N, false>{static_cast<int>(width - i)}.store(dst + i, pack);
}

enum class RowKind { dense, repeated, strided };

// Rows [first, last), elements [begin, end) of each.
template <class T>
__attribute__((noinline)) void copy_rows(const CopyPlan& plan, RowKind kind, const T* src, T* dst, std::int64_t first,
                                         std::int64_t last, std::int64_t begin, std::int64_t end) {
  const int a = plan.rank - 1;
  const std::int64_t src_stride = plan.src[a];
  const std::int64_t dst_stride = plan.dst[a];
  const std::int64_t width = end - begin;
  Odometer at(plan, a, first);
  for (std::int64_t row = first; row < last; ++row, at.next()) {
    const T* const from = src + at.src + begin * src_stride;
    T* const to = dst + at.dst + begin * dst_stride;
    if (kind == RowKind::dense) {
      copy_row(from, to, width);
    } else if (kind == RowKind::repeated) {
      fill_row(*from, to, width);
    } else {
      for (std::int64_t i = 0; i < width; ++i) to[i * dst_stride] = from[i * src_stride];
    }
  }
}

// The axis along which the source is dense, moved behind all others but the last one; false if there is none.
RECEPTIVE_FN bool bring_source_axis(CopyPlan& plan) {
  int b = plan.rank - 2;
  while (b >= 0 && plan.src[b] != 1) --b;
  if (b < 0) return false;
  const std::int64_t dims = plan.dims[b], src = plan.src[b], dst = plan.dst[b];
  for (; b < plan.rank - 2; ++b) {
    plan.dims[b] = plan.dims[b + 1];
    plan.src[b] = plan.src[b + 1];
    plan.dst[b] = plan.dst[b + 1];
  }
  plan.dims[b] = dims;
  plan.src[b] = src;
  plan.dst[b] = dst;
  return true;
}

// [begin, end) of block i of an axis; the last block takes the rest, so that none is thinner than a tile.
struct Blocks {
  std::int64_t extent;
  std::int64_t block;
  RECEPTIVE_FN std::int64_t count() const { return extent < block ? 1 : extent / block; }
  RECEPTIVE_FN Range range(std::int64_t i) const { return {i * block, i + 1 < count() ? (i + 1) * block : extent}; }
};

// Whether a transpose writes whole lines only, and more of them than caches hold.
template <class T>
RECEPTIVE_FN bool may_stream(const CopyPlan& plan, const T* dst) {
  constexpr int L = Transpose<T>::L;
  const int a = plan.rank - 1;
  bool lines = kTurnsLines<T> && reinterpret_cast<std::uintptr_t>(dst) % 64 == 0 && plan.dims[a] % L == 0;
  for (int d = 0; d < a; ++d) lines = lines && plan.dst[d] % L == 0;
  return lines && plan.size() * static_cast<std::int64_t>(sizeof(T)) >= kStreamBytes;
}

template <class T>
void copy_transposed(const Executor& executor, const CopyPlan& plan, const T* src, T* dst, bool parallel) {
  const int a = plan.rank - 1;
  const int b = plan.rank - 2;
  const bool thin = plan.dims[a] < Transpose<T>::N || plan.dims[b] < Transpose<T>::N;
  const bool stream = !thin && may_stream(plan, dst);
  const Blocks along_a{plan.dims[a], thin ? kThinLength : kTransposeWidth};
  const Blocks along_b{plan.dims[b], thin ? kThinLength : kTransposeLength<T>};
  std::int64_t outer = 1;
  for (int d = 0; d < b; ++d) outer *= plan.dims[d];
  const std::int64_t blocks = along_a.count() * along_b.count();
  executor.for_each(outer * blocks, parallel, [&](std::int64_t task, int) {
    const Odometer at(plan, b, task / blocks);
    const Transpose<T> transpose{src + at.src, dst + at.dst, plan.src[a], plan.dst[b]};
    const Range ra = along_a.range(task % blocks / along_b.count());
    const Range rb = along_b.range(task % blocks % along_b.count());
    if (thin) {
      transpose.thin_block(ra.begin, ra.end, rb.begin, rb.end);
    } else if (stream) {
      if constexpr (kTurnsLines<T>) transpose.template block<true>(ra.begin, ra.end, rb.begin, rb.end);
      stream_fence();
    } else {
      transpose.template block<false>(ra.begin, ra.end, rb.begin, rb.end);
    }
  });
}

template <class T>
void copy_strided(const Executor& executor, CopyPlan plan, const T* src, T* dst) {
  if (plan.rank == 0) {
    *dst = *src;
    return;
  }
  const int a = plan.rank - 1;
  const std::int64_t size = plan.size();
  const bool parallel = size >= kParallelElements;
  const bool dense = plan.dst[a] == 1;
  if (dense && plan.src[a] > 1 && bring_source_axis(plan)) return copy_transposed(executor, plan, src, dst, parallel);

  const RowKind kind = !dense || plan.src[a] > 1 ? RowKind::strided
                       : plan.src[a] == 1        ? RowKind::dense
                                                 : RowKind::repeated;
  const std::int64_t width = plan.dims[a];
  const std::int64_t rows = size / width;
  const std::int64_t parts = parallel && width >= 2 * kGrain ? (width + kGrain - 1) / kGrain : 1;
  const std::int64_t together = !parallel ? rows : width < kGrain ? kGrain / width : 1;
  executor.for_each((rows + together - 1) / together * parts, parallel, [&](std::int64_t task, int) {
    const std::int64_t first = task / parts * together;
    const std::int64_t begin = parts == 1 ? 0 : task % parts * kGrain;
    copy_rows(plan, kind, src, dst, first, first + together < rows ? first + together : rows, begin,
              parts == 1 || begin + kGrain > width ? width : begin + kGrain);
  });
}

}  // namespace receptive::RECEPTIVE_TARGET
