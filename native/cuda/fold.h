// How threads of a GPU fold one reduction: the building blocks of reduce.h and lines.h. The contract of a body stands
// in cpu/reduce.h; a state has one lane, and its thread passes the position of each element itself, so part() is not
// used.
//
// The shape of the fold decides its rounding error and depends on the sizes alone: a thread adds up at most 64 elements
// in a row, at most 64 of those sums, and then those; the threads' states are merged in halves, by shuffles within a
// warp, and the warps' states in order. No atomics: the same bits every time.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "lanes.h"
#include "launch.h"

namespace receptive::RECEPTIVE_TARGET {

inline constexpr int kWarp = 32;
inline constexpr std::int64_t kWarpLine = 1024;  // the longest line that a warp folds, longer ones take a block
inline constexpr std::int64_t kChain = 64;       // elements, or states, that a thread merges one after the other

// Bodies whose step is long say so (cpu/fold.h): one copy of it, not four.
template <class Body, class = void>
inline constexpr bool kCompact = false;
template <class Body>
inline constexpr bool kCompact<Body, std::void_t<decltype(Body::kCompact)>> = Body::kCompact;

template <class Body>
using StateOf = typename Body::template State<1>;

// What part() of a body would call where there are more lanes than one.
template <int To, class T, int N>
RECEPTIVE_FN Pack<T, To> lanes_from(Pack<T, N> a, int, T) {
  static_assert(To == N);
  return a;
}

// The lane is always active.
template <class P, class T>
RECEPTIVE_FN Pack<T, P::count> keep_active(P, Pack<T, P::count> a, T) {
  return a;
}

// The state of the thread `below` lanes further in each group of `size` lanes, or of the group's first one. `lanes`:
// which ones call this together.
enum class From { below, first };
template <From kFrom, class State>
RECEPTIVE_FN State exchanged(const State& state, [[maybe_unused]] int below, [[maybe_unused]] int size,
                             [[maybe_unused]] unsigned lanes) {
#ifdef RECEPTIVE_DEVICE_CODE
  constexpr int kWords = (sizeof(State) + 3) / 4;
  unsigned words[kWords] = {};
  memcpy(words, &state, sizeof(State));
#pragma unroll
  for (int i = 0; i < kWords; ++i) {
    words[i] =
        kFrom == From::first ? __shfl_sync(lanes, words[i], 0, size) : __shfl_down_sync(lanes, words[i], below, size);
  }
  State other;
  memcpy(&other, words, sizeof(State));
  return other;
#else
  return state;
#endif
}

RECEPTIVE_FN void wait_for_block() {
#ifdef RECEPTIVE_DEVICE_CODE
  __syncthreads();
#endif
}

// Elements of one thread: `stride` elements further and `advance` positions along n further than the one before.
struct Stream {
  std::int64_t o;
  std::int64_t offset;
  std::int64_t stride;
  std::int64_t k;
  std::int64_t advance;
};

// At most kChain of them.
template <class Body>
RECEPTIVE_FN StateOf<Body> fold_chain(const Body& body, Stream& s, std::int64_t count) {
  StateOf<Body> state;
  body.init(state);
#ifdef RECEPTIVE_DEVICE_CODE
#pragma unroll(kCompact <Body> ? 1 : 4)
#endif
  for (std::int64_t i = 0; i < count; ++i) {
    body.step(state, Lanes<1, true>{}, s.offset, s.o, s.k);
    s.offset += s.stride;
    s.k += s.advance;
  }
  return state;
}

// Any number.
template <class Body>
RECEPTIVE_FN StateOf<Body> fold_stream(const Body& body, Stream s, std::int64_t count) {
  StateOf<Body> total = fold_chain(body, s, count < kChain ? count : kChain);
  count -= kChain;
  while (count > 0) {
    StateOf<Body> some = fold_chain(body, s, count < kChain ? count : kChain);
    count -= kChain;
    for (std::int64_t chain = 1; chain < kChain && count > 0; ++chain, count -= kChain) {
      body.merge(some, fold_chain(body, s, count < kChain ? count : kChain));
    }
    body.merge(total, some);
  }
  return total;
}

// Threads that fold together; total() is called by all of them and gives all of them the result.
struct WarpTeam {
  int size;  // a power of two, at most kWarp
  int rank;
  unsigned lanes;

  template <class Body>
  RECEPTIVE_FN StateOf<Body> total(const Body& body, StateOf<Body> state) const {
    for (int half = size / 2; half > 0; half /= 2) {
      body.merge(state, exchanged<From::below>(state, half, size, lanes));
    }
    return exchanged<From::first>(state, 0, size, lanes);
  }
};

template <int kThreads>
struct BlockTeam {
  static constexpr int size = kThreads;
  static constexpr int kWarps = kThreads / kWarp;
  int rank;

  template <class Body>
  RECEPTIVE_FN StateOf<Body> total(const Body& body, StateOf<Body> state) const {
#ifdef RECEPTIVE_DEVICE_CODE
    __shared__ StateOf<Body> states[kWarps];
    const WarpTeam warp{kWarp, rank % kWarp, 0xffffffffu};
    state = warp.total(body, state);
    if (warp.rank == 0) states[rank / kWarp] = state;
    wait_for_block();
    state = states[0];
    for (int i = 1; i < kWarps; ++i) body.merge(state, states[i]);
    wait_for_block();
#endif
    return state;
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
