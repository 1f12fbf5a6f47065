// How the threads of a block run: one after the other, on fibers. A fiber goes on with the next thread of the block
// when one has ended, so a kernel without barriers takes a single one; a thread that waits leaves its fiber there, and
// the next thread gets another. When all threads that are left wait, the barrier (or the warp's exchange) is complete,
// or the kernel is wrong: a barrier that a thread has missed, different barriers, lanes that never come.
//
// With RECEPTIVE_EMULATION_SEED the order of blocks, of threads and of those who go on after a barrier is shuffled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace receptive::emulation {

// A kernel with its arguments, called once per thread.
struct Call {
  void (*run)(const void* closure);
  const void* closure;
};

// Runs a grid; what goes wrong is the error of the runtime's next call.
void launch(dim3 grid, dim3 block, std::size_t sharedBytes, Call call);
std::byte* shared_memory();

void block_barrier();
// Waits for the lanes of the calling thread's warp that are in `mask`: the 8 bytes that each lane has brought, valid
// until the thread's next exchange.
const std::uint64_t* exchange(unsigned mask, std::uint64_t bits);
int lane_of_warp();

template <class T>
T from_lane(unsigned mask, T value, int from) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = exchange(mask, bits)[from % 32];
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

}  // namespace receptive::emulation

inline void __syncthreads() { receptive::emulation::block_barrier(); }
inline void __syncwarp(unsigned mask = 0xffffffffu) { receptive::emulation::exchange(mask, 0); }

// The lane that CUDA reads from: within sections of `width` lanes, the own one where that would leave the section.
template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32) {
  const int own = receptive::emulation::lane_of_warp();
  return receptive::emulation::from_lane(mask, value, own / width * width + (lane & (width - 1)));
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32) {
  const int own = receptive::emulation::lane_of_warp(), from = own ^ bits;
  return receptive::emulation::from_lane(mask, value, from < (own / width + 1) * width ? from : own);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  const int own = receptive::emulation::lane_of_warp(), from = own + static_cast<int>(delta);
  return receptive::emulation::from_lane(mask, value, from < (own / width + 1) * width ? from : own);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32) {
  const int own = receptive::emulation::lane_of_warp(), from = own - static_cast<int>(delta);
  return receptive::emulation::from_lane(mask, value, from >= own / width * width ? from : own);
}
unsigned __ballot_sync(unsigned mask, int predicate);
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) == mask; }

// Addresses of shared memory are 32 bits wide on a GPU: here the distance from one of them.
std::size_t __cvta_generic_to_shared(const void* at);
void* __cvta_shared_to_generic(std::size_t at);
inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>(std::uint64_t{a} * b >> 32); }

inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }

template <class T>
T atomicExch(T* at, T value) {
  return __atomic_exchange_n(at, value, __ATOMIC_RELAXED);
}
template <class T>
T atomicAdd(T* at, T value) {
  return __atomic_fetch_add(at, value, __ATOMIC_RELAXED);
}
template <class T>
T atomicMin(T* at, T value) {
  T seen = __atomic_load_n(at, __ATOMIC_RELAXED);
  while (value < seen && !__atomic_compare_exchange_n(at, &seen, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return seen;
}
template <class T>
T atomicMax(T* at, T value) {
  T seen = __atomic_load_n(at, __ATOMIC_RELAXED);
  while (value > seen && !__atomic_compare_exchange_n(at, &seen, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return seen;
}
