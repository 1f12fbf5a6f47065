// lines(executor, outer, n, inner, body) on a GPU. The contract, and that of a body, stands in cpu/lines.h.
//
// inner == 1: the threads of a warp, or part of one, do a short line together, and those of a block a long one: each
// calls body.line(), where reduce() gives all of them the result, map() shares the elements among them, and only one of
// them stores a line's results. inner > 1: a thread does a line, beside those that do its neighbours. Either way a
// thread meets the same elements in each pass, so that what it has kept near needs no barrier.
#pragma once

#include "executor.h"
#include "fold.h"

namespace receptive::RECEPTIVE_TARGET {

template <int N, class T, int C>
RECEPTIVE_FN Pack<T, N> spread(Pack<T, C> a) {
  static_assert(C == N);
  return a;
}

struct Position {
  std::int64_t k;

  template <class Index, int N>
  RECEPTIVE_FN Pack<Index, N> pack() const {
    return Pack<Index, N>(static_cast<Index>(k));
  }
};

template <class T>
struct NearRow {
  T* first = nullptr;
  std::int64_t stride = 0;

  template <class P>
  RECEPTIVE_FN void store(P p, std::int64_t k, Pack<T, P::count> v) const {
    p.store(first + k * stride, v);
  }
  template <class P>
  RECEPTIVE_FN Pack<T, P::count> load(P p, std::int64_t k) const {
    return p.load(first + k * stride);
  }
};

// The one result of a line that several threads have.
struct SharedLane {
  static constexpr int count = 1;
  static constexpr int active = 1;
  bool writes;

  template <class T>
  RECEPTIVE_FN Pack<T, 1> load(const T* src) const {
    return Pack<T, 1>(*src);
  }
  template <class T>
  RECEPTIVE_FN void store(T* dst, Pack<T, 1> value) const {
    if (writes) *dst = value.v;
  }
};

template <class T, class Team>
struct LineAlongN {
  static constexpr int count = 1;
  static constexpr std::int64_t inner = 1;
  using Near = NearRow<T>;
  SharedLane p;
  std::int64_t index;
  std::int64_t base;
  std::int64_t n;
  Team team;

  template <class R>
  RECEPTIVE_FN StateOf<R> reduce(const R& body) const {
    const std::int64_t count = team.rank < n ? (n - team.rank + team.size - 1) / team.size : 0;
    return team.total(body, fold_stream(body, Stream{index, base + team.rank, team.size, team.rank, team.size}, count));
  }

  template <class M>
  RECEPTIVE_FN void map(const M& body) const {
    for (std::int64_t k = team.rank; k < n; k += team.size) body.tile(One{}, base + k, Position{k});
  }

  RECEPTIVE_FN Near near(T* y) const { return {y + base, 1}; }
};

template <class T>
struct LineAlongInner {
  static constexpr int count = 1;
  using Near = NearRow<T>;
  One p;
  std::int64_t index;
  std::int64_t base;
  std::int64_t n;
  std::int64_t inner;

  template <class R>
  RECEPTIVE_FN StateOf<R> reduce(const R& body) const {
    return fold_stream(body, Stream{index, base, inner, 0, 1}, n);
  }

  template <class M>
  RECEPTIVE_FN void map(const M& body) const {
    for (std::int64_t k = 0; k < n; ++k) body.tile(One{}, base + k * inner, Position{k});
  }

  RECEPTIVE_FN Near near(T* y) const { return {y + base, inner}; }
};

// Blocks have the threads of a line along x and lines along y.
template <class Body>
__global__ void __launch_bounds__(kBlockThreads, kResidentBlocks)
    short_lines_kernel(std::int64_t outer, std::int64_t n, const Body body) {
  const int size = static_cast<int>(blockDim.x), rank = static_cast<int>(threadIdx.x);
  const unsigned first = (blockDim.x * threadIdx.y) % kWarp;  // lane of the team's first thread
  const unsigned lanes = (size < kWarp ? (1u << size) - 1 : 0xffffffffu) << first;
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.y;
  for (std::int64_t o = std::int64_t{blockIdx.x} * blockDim.y + threadIdx.y; o < outer; o += step) {
    body.line(LineAlongN<typename Body::Element, WarpTeam>{{rank == 0}, o, o * n, n, {size, rank, lanes}});
  }
}

template <class Body>
__global__ void __launch_bounds__(kBlockThreads, kResidentBlocks)
    long_lines_kernel(std::int64_t outer, std::int64_t n, const Body body) {
  const int rank = static_cast<int>(threadIdx.x);
  for (std::int64_t o = blockIdx.x; o < outer; o += gridDim.x) {
    body.line(LineAlongN<typename Body::Element, BlockTeam<kBlockThreads>>{{rank == 0}, o, o * n, n, {rank}});
  }
}

template <class Body>
__global__ void __launch_bounds__(kBlockThreads, kResidentBlocks)
    inner_lines_kernel(std::int64_t outer, std::int64_t n, std::int64_t inner, const Body body) {
  const std::int64_t down = std::int64_t{gridDim.y} * blockDim.y;
  const std::int64_t across = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t o = std::int64_t{blockIdx.y} * blockDim.y + threadIdx.y; o < outer; o += down) {
    for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < inner; i += across) {
      body.line(LineAlongInner<typename Body::Element>{{}, o * inner + i, o * n * inner + i, n, inner});
    }
  }
}

template <class Body>
void lines_along_n(const Executor& executor, std::int64_t outer, std::int64_t n, const Body& body) {
  if (outer <= 0) return;
  if (n > kWarpLine) {
    const unsigned blocks = blocks_along(outer, 1, kMaxGridX);
    launch(long_lines_kernel<Body>, blocks, kBlockThreads, 0, executor.stream(), outer, n, body);
    return;
  }
  const unsigned threads = threads_along(n, kWarp);
  const dim3 block(threads, threads_along(outer, kBlockThreads / threads));
  launch(short_lines_kernel<Body>, blocks_along(outer, block.y, kMaxGridX), block, 0, executor.stream(), outer, n,
         body);
}

template <class Body>
void lines(const Executor& executor, std::int64_t outer, std::int64_t n, std::int64_t inner, const Body& body) {
  if (outer <= 0 || inner <= 0) return;
  if (inner == 1) return lines_along_n(executor, outer, n, body);
  const unsigned across = threads_along(inner, kBlockThreads);
  const dim3 block(across, threads_along(outer, kBlockThreads / across));
  const dim3 grid(blocks_along(inner, block.x, kMaxGridX), blocks_along(outer, block.y, kMaxGridYZ));
  launch(inner_lines_kernel<Body>, grid, block, 0, executor.stream(), outer, n, inner, body);
}

}  // namespace receptive::RECEPTIVE_TARGET
