// Executor::reduce on a GPU. The contract, and that of a body, stands in cpu/reduce.h.
//
// A reduction along n is cut into pieces, of a length that depends on n and inner alone. Threads of one block fold a
// piece: `across` of them lie along inner, so that they read neighbouring elements, and for each of those `along` of
// them along n. Where there are several pieces, their states go to the workspace, seen as [outer, pieces, inner], and
// are reduced in the same way, until one piece is left. So neither the device nor the other rows change a result.
#pragma once

#include "executor.h"
#include "fold.h"

namespace receptive::RECEPTIVE_TARGET {

// How one pass cuts [outer, n, inner].
struct ReduceShape {
  static constexpr std::int64_t kSteps = 32;       // of a thread in a piece
  static constexpr std::int64_t kThreadLine = 32;  // and a thread, where its neighbours have the next elements

  std::int64_t n;
  std::int64_t inner;
  unsigned across;  // powers of two, together at most kBlockThreads
  unsigned along;
  std::int64_t length;  // of a piece
  std::int64_t pieces;

  ReduceShape(std::int64_t n_, std::int64_t inner_) : n(n_), inner(inner_) {
    if (inner > 1 && n <= kThreadLine) {
      across = threads_along(inner, kBlockThreads);
      along = 1;
      length = n;
    } else {
      across = threads_along(inner, kWarp);
      along = inner == 1 && n <= kWarpLine ? threads_along(n, kWarp) : kBlockThreads / across;
      length = along * kSteps;
    }
    pieces = n > length ? (n + length - 1) / length : 1;
  }

  RECEPTIVE_FN std::int64_t states(std::int64_t outer) const { return pieces > 1 ? outer * pieces * inner : 0; }
};

template <class Body>
std::int64_t reduce_workspace(std::int64_t outer, std::int64_t n, std::int64_t inner, int = 1) {
  if (outer <= 0 || inner <= 0) return 0;
  std::int64_t states = 0;
  for (ReduceShape shape(n, inner); shape.pieces > 1; shape = ReduceShape(shape.pieces, inner)) {
    states += shape.states(outer);
  }
  return states * static_cast<std::int64_t>(sizeof(StateOf<Body>));
}

// The states of an earlier pass as what a reduction reads: bodies like the one that made them.
template <class Body>
struct StatesBody : Body {
  const StateOf<Body>* states;

  template <class P>
  RECEPTIVE_FN void step(StateOf<Body>& s, P, std::int64_t offset, std::int64_t, std::int64_t) const {
    this->merge(s, states[offset]);
  }
};

// A block has threads across inner, along n and over pieces, in that order. Results go to `states` where there are
// several pieces, else to finish().
template <class Body>
__global__ void __launch_bounds__(kBlockThreads, kResidentBlocks)
    reduce_kernel(std::int64_t units, const ReduceShape shape, const Body body, StateOf<Body>* const states) {
  __shared__ StateOf<Body> shared[kBlockThreads];
  const int across = static_cast<int>(blockDim.x), along = static_cast<int>(blockDim.y);
  const int together = across < kWarp ? kWarp / across : 1;  // threads along n in a warp
  const std::int64_t stride = shape.inner * along;

  for (std::int64_t block = blockIdx.y; block * blockDim.z < units; block += gridDim.y) {
    const std::int64_t unit = block * blockDim.z + threadIdx.z;
    const std::int64_t o = shape.pieces == 1 ? unit : unit / shape.pieces;
    const std::int64_t begin = (unit - o * shape.pieces) * shape.length;
    const std::int64_t end = shape.n < begin + shape.length ? shape.n : begin + shape.length;
    for (std::int64_t tile = blockIdx.x; tile * across < shape.inner; tile += gridDim.x) {
      const std::int64_t i = tile * across + threadIdx.x;
      const bool inside = unit < units && i < shape.inner;
      const std::int64_t k = begin + threadIdx.y;
      const std::int64_t count = inside && k < end ? (end - k + along - 1) / along : 0;
      Stream stream{o, (o * shape.n + k) * shape.inner + i, stride, k, along};
      StateOf<Body> state = fold_chain(body, stream, count);

#pragma unroll 1
      for (int half = (along < together ? along : together) / 2; half > 0; half /= 2) {
        body.merge(state, exchanged<From::below>(state, half * across, kWarp, 0xffffffffu));
      }
      if (along > together) {
        const int groups = along / together;
        StateOf<Body>* const mine = shared + (threadIdx.z * groups) * across + threadIdx.x;
        if (threadIdx.y % together == 0) mine[threadIdx.y / together * across] = state;
        __syncthreads();
        if (threadIdx.y == 0) {
#pragma unroll 1
          for (int group = 1; group < groups; ++group) body.merge(state, mine[group * across]);
        }
        __syncthreads();
      }
      if (inside && threadIdx.y == 0) {
        if (states != nullptr) {
          states[unit * shape.inner + i] = state;
        } else {
          body.finish(state, One{}, unit * shape.inner + i);
        }
      }
    }
  }
}

template <class Body>
void reduce_pass(cudaStream_t stream, std::int64_t outer, const ReduceShape& shape, const Body& body,
                 StateOf<Body>* states) {
  const std::int64_t units = outer * shape.pieces;
  const unsigned threads = shape.across * shape.along;
  const unsigned most = kBlockThreads / threads < kMaxBlockZ ? kBlockThreads / threads : kMaxBlockZ;
  dim3 block(shape.across, shape.along, threads_along(units, most));
  while (threads * block.z < kWarp) block.z *= 2;  // shuffles take whole warps
  const dim3 grid(blocks_along(shape.inner, block.x, kMaxGridX), blocks_along(units, block.z, kMaxGridYZ));
  launch(reduce_kernel<Body>, grid, block, 0, stream, units, shape, body, states);
}

template <class Body>
void Executor::reduce(std::int64_t outer, std::int64_t n, std::int64_t inner, const Body& body, std::byte* room) const {
  if (outer <= 0 || inner <= 0) return;
  ReduceShape shape(n, inner);
  if (shape.pieces == 1) return reduce_pass<Body>(stream(), outer, shape, body, nullptr);
  auto* states = reinterpret_cast<StateOf<Body>*>(room);
  reduce_pass<Body>(stream(), outer, shape, body, states);
  for (;;) {
    const std::int64_t count = shape.states(outer);
    const StatesBody<Body> merging{body, states};
    shape = ReduceShape(shape.pieces, inner);
    states += count;
    reduce_pass<StatesBody<Body>>(stream(), outer, shape, merging, shape.pieces > 1 ? states : nullptr);
    if (shape.pieces == 1) return;
  }
}

}  // namespace receptive::RECEPTIVE_TARGET
