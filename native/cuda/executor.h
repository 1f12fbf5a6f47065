// The CUDA executor: what op headers see as "executor.h" when nvcc compiles them. Bodies and their contract are those
// of cpu/executor.h; reduce.h and lines.h have what folds.
//
// A thread is a lane. A block has threads along the width, the rows and the planes, in that order of preference, so
// that neighbouring lanes are neighbouring elements and short rows still fill a block. Indices come from the grid,
// never from a division of a flat index, and every loop strides by the grid, so any count fits.
#pragma once

#include <cstdint>

#include "../core/dispatch.h"
#include "../core/family.h"
#include "../core/op.h"
#include "context.h"
#include "lanes.h"
#include "launch.h"

namespace receptive::RECEPTIVE_TARGET {

using One = Lanes<1, true>;

struct Range {
  std::int64_t begin;
  std::int64_t end;
};

inline constexpr unsigned kBlockThreads = 256;
// Blocks that fit a multiprocessor at once. Named, because ptxas otherwise aims at four, and spills where 64 registers
// are few.
inline constexpr unsigned kResidentBlocks = 3;
// A body that needs more registers says how many do.
template <class Body>
inline constexpr unsigned kResidentBlocksOf = kResidentBlocks;
template <class Body>
requires requires { Body::kResidentBlocks; }
inline constexpr unsigned kResidentBlocksOf<Body> = Body::kResidentBlocks;

// Elements that keep a large device busy: work in several steps takes as many at a time.
inline constexpr std::int64_t kParallelElements = std::int64_t{1} << 22;

// The hardware's limits.
inline constexpr unsigned kMaxBlockZ = 64;
inline constexpr std::int64_t kMaxGridX = 0x7fffffff;
inline constexpr std::int64_t kMaxGridYZ = 65535;

// The smallest power of two that covers `size`, at most `most` (a power of two itself).
RECEPTIVE_HOST_FN unsigned threads_along(std::int64_t size, unsigned most) {
  unsigned threads = 1;
  while (threads < most && threads < size) threads *= 2;
  return threads;
}

// Blocks of so many threads that cover `size`, at most `most`; the threads' loops stride by the grid.
RECEPTIVE_HOST_FN unsigned blocks_along(std::int64_t size, unsigned threads, std::int64_t most) {
  const std::int64_t blocks = (size + threads - 1) / threads;
  return static_cast<unsigned>(blocks < most ? blocks : most);
}

template <class Row, class Body>
__device__ __forceinline__ void lane(const Row& row, std::int64_t x, const Body& body) {
  if constexpr (requires { body.inside(row); }) {
    const Range inside = body.inside(row);
    if (x >= inside.begin && x < inside.end) {
      body.template tile<One, true>(row, x, One{});
    } else {
      body.template tile<One, false>(row, x, One{});
    }
  } else {
    body.template tile<One>(row, x, One{});
  }
}

template <class Row, class Body>
__device__ __forceinline__ void lanes_of_row(const Row& row, std::int64_t width, const Body& body) {
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t x = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; x < width; x += step) lane(row, x, body);
}

template <class Body>
__global__ void __launch_bounds__(kBlockThreads, kResidentBlocksOf<Body>)
    rows_kernel(std::int64_t count, std::int64_t width, const Body body) {
  const std::int64_t step = std::int64_t{gridDim.y} * blockDim.y;
  for (std::int64_t i = std::int64_t{blockIdx.y} * blockDim.y + threadIdx.y; i < count; i += step) {
    lanes_of_row(body.row(i), width, body);
  }
}

template <class Body>
__global__ void __launch_bounds__(kBlockThreads, kResidentBlocks)
    planes_kernel(std::int64_t count, std::int64_t rows, std::int64_t width, const Body body) {
  const std::int64_t across = std::int64_t{gridDim.z} * blockDim.z;
  const std::int64_t down = std::int64_t{gridDim.y} * blockDim.y;
  for (std::int64_t i = std::int64_t{blockIdx.z} * blockDim.z + threadIdx.z; i < count; i += across) {
    const auto plane = body.plane(i);
    for (std::int64_t j = std::int64_t{blockIdx.y} * blockDim.y + threadIdx.y; j < rows; j += down) {
      lanes_of_row(body.row(plane, j), width, body);
    }
  }
}

// Where bodies report what only the data can show.
struct FaultLog {
  FaultSlot* slot;

  // Element `position` holds `value` (of 32 bits) where only 0 <= value < limit is legal; the lowest position is kept.
  // Positions beyond 32 bits count as the last of them.
  RECEPTIVE_FN void report([[maybe_unused]] std::int64_t position, [[maybe_unused]] std::int64_t value,
                           [[maybe_unused]] std::int64_t limit) const {
#ifdef RECEPTIVE_DEVICE_CODE
    const auto at = static_cast<unsigned long long>(position < 0xfffffffe ? position : 0xfffffffe);
    atomicExch(&slot->limit, static_cast<unsigned long long>(limit));
    atomicMin(&slot->key, at << 32 | static_cast<std::uint32_t>(value));
#endif
  }
};

// Launches go to the context's stream. A launch that fails leaves its error for cudaGetLastError(), which is asked once
// per op.
class Executor {
 public:
  explicit Executor(KernelContext& context) : context_(context) {}

  std::byte* workspace() const { return context_.workspace; }
  std::byte* packed() const { return context_.packed; }
  bool packed_ready() const { return context_.packedReady; }

  // For headers of this backend that have kernels of their own.
  cudaStream_t stream() const { return cuda().stream; }
  int multiprocessors() const { return cuda().multiprocessors; }
  StreamLibraries& libraries() const { return *cuda().libraries; }

  FaultLog faults() const { return FaultLog{cuda().fault}; }

  bool writes_around(const void*, std::int64_t) const { return false; }

  template <class Body>
  void rows(std::int64_t count, std::int64_t width, const Body& body) const {
    if (count <= 0 || width <= 0) return;
    const Shape shape(1, count, width);
    launch(rows_kernel<Body>, shape.grid, shape.block, 0, stream(), count, width, body);
  }

  template <class Body>
  void planes(std::int64_t count, std::int64_t rows, std::int64_t width, const Body& body) const {
    if (count <= 0 || rows <= 0 || width <= 0) return;
    const Shape shape(count, rows, width);
    launch(planes_kernel<Body>, shape.grid, shape.block, 0, stream(), count, rows, width, body);
  }

  template <class Body>
  void reduce(std::int64_t outer, std::int64_t n, std::int64_t inner, const Body& body) const {
    reduce(outer, n, inner, body, workspace());
  }
  // With reduce_workspace<Body>(…) bytes at `room` instead of at the workspace's begin.
  template <class Body>
  void reduce(std::int64_t outer, std::int64_t n, std::int64_t inner, const Body& body, std::byte* room) const;

 private:
  struct Shape {
    dim3 grid;
    dim3 block;

    Shape(std::int64_t planes, std::int64_t rows, std::int64_t width) {
      block.x = threads_along(width, kBlockThreads);
      block.y = threads_along(rows, kBlockThreads / block.x);
      const unsigned most_planes = kBlockThreads / (block.x * block.y);
      block.z = threads_along(planes, most_planes < kMaxBlockZ ? most_planes : kMaxBlockZ);
      grid.x = blocks_along(width, block.x, kMaxGridX);
      grid.y = blocks_along(rows, block.y, kMaxGridYZ);
      grid.z = blocks_along(planes, block.z, kMaxGridYZ);
    }
  };

  const CudaContext& cuda() const { return *static_cast<const CudaContext*>(context_.stream); }

  KernelContext& context_;
};

}  // namespace receptive::RECEPTIVE_TARGET

#include "reduce.h"
