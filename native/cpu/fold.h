// How the CPU folds one reduction: the building blocks of reduce.h and lines.h. The contract of a body stands in
// reduce.h.
//
// The shape of the fold decides its rounding error and is the same wherever it runs: four accumulators take turns, each
// for at most 64 steps (a block), and the states of blocks are the leaves of a tree in which every node merges up to 16
// children in order. So the error of a float32 sum grows like that of pairwise summation. 16 blocks are a piece, one
// node of the tree's second level: a reduction that is cut into pieces for several threads merges to the same bits as
// one that is not.
#pragma once

#include <cstdint>
#include <type_traits>

#include "../core/target.h"
#include "lanes.h"

namespace receptive::RECEPTIVE_TARGET {

inline constexpr int kAccumulators = 4;
inline constexpr int kBlockLength = 64;  // steps of one accumulator
inline constexpr int kBlockSteps = kBlockLength * kAccumulators;
inline constexpr int kFan = 16;
inline constexpr int kLevels = 8;  // 16^8 blocks: more than any memory holds
inline constexpr std::int64_t kPieceSteps = kFan * kBlockSteps;

template <class Body>
inline constexpr int kBodyLanes = kLanes<typename Body::Element>;

// A body whose step is long says `static constexpr bool kCompact = true`: the accumulators then pass through one copy
// of the step in turn, instead of having one each.
template <class Body, class = void>
inline constexpr bool kCompact = false;
template <class Body>
inline constexpr bool kCompact<Body, std::void_t<decltype(Body::kCompact)>> = Body::kCompact;

// Lanes first .. first + To of `a`, `neutral` beyond its end. Bodies use it for part().
template <int To, class T, int N>
RECEPTIVE_FN Pack<T, To> lanes_from(Pack<T, N> a, int first, T neutral) {
  if constexpr (To == N) {
    T lanes[2 * N];
    a.write(lanes);
    Pack<T, N>(neutral).write(lanes + N);
    return Pack<T, To>::read(lanes + first);
  } else {
    typename Pack<T, To>::Vector part;  // in registers where `first` is known after inlining
    __builtin_memcpy(&part, reinterpret_cast<const T*>(&a.v) + first, sizeof(part));
    return Pack<T, To>(part);
  }
}

// The active lanes of `a`, `neutral` in the others.
template <class P, class T>
RECEPTIVE_FN Pack<T, P::count> keep_active(P p, Pack<T, P::count> a, T neutral) {
  constexpr int N = P::count;
  using I = SignedOf<T>;
  if (p.active == N) return a;
  return select(convert_mask<T>(iota<I, N>() < Pack<I, N>(static_cast<I>(p.active))), a, Pack<T, N>(neutral));
}

// What one step sees: `stride` elements further and `advance` positions along n further than the step before.
struct Stream {
  std::int64_t o;
  std::int64_t offset;  // element of step 0
  std::int64_t stride;
  std::int64_t advance;
};

// The tree of W states side by side. It runs once per block of steps, so it is compiled for size.
template <class Body, int N, int W = 1>
struct Tree {
  using State = typename Body::template State<N>;
  State node[kLevels][W];
  int children[kLevels] = {};

  RECEPTIVE_COLD void push(const Body& body, const State* child, int packs, int level = 0) {
    for (;; ++level) {
      State* into = node[level];
      if (children[level] == 0) {
        for (int j = 0; j < packs; ++j) into[j] = child[j];
      } else {
        for (int j = 0; j < packs; ++j) body.merge(into[j], child[j]);
      }
      if (++children[level] < kFan || level == kLevels - 1) return;
      children[level] = 0;
      child = into;
    }
  }

  // The root, after at least one push: what is left of each level becomes a child of the next.
  RECEPTIVE_COLD const State* total(const Body& body, int packs) {
    int top = kLevels - 1;
    while (top > 0 && children[top] == 0) --top;
    int level = 0;
    for (; level < top; ++level) {
      if (children[level] == 0) continue;
      children[level] = 0;
      push(body, node[level], packs, level + 1);
      if (top < kLevels - 1 && children[top + 1] != 0) ++top;
    }
    return node[level];
  }
};

// One block: `full` steps with lanes 0 .. active (all of them where kFull) and, where tail > 0, one more with lanes 0
// .. tail.
template <bool kFull, int N, class Body>
__attribute__((noinline)) typename Body::template State<N> fold_block(const Body& shared, const Stream& s,
                                                                      std::int64_t first, int full, int active,
                                                                      int tail) {
  const Body body = shared;  // a copy that no store can alias
  typename Body::template State<N> a[kAccumulators];
  for (int j = 0; j < kAccumulators; ++j) body.init(a[j]);
  std::int64_t offset = s.offset + first * s.stride;
  std::int64_t k = first * s.advance;
  const std::int64_t o = s.o;
  const auto step = [&](int j) RECEPTIVE_INLINE_LAMBDA {
    Lanes<N, kFull> p;
    if constexpr (!kFull) p.active = active;
    body.step(a[j], p, offset, o, k);
    offset += s.stride;
    k += s.advance;
  };
  int i = 0;
  if constexpr (!kCompact<Body>) {
    for (; i + kAccumulators <= full; i += kAccumulators) {
      step(0);
      step(1);
      step(2);
      step(3);
    }
  }
  for (; i < full; ++i) {
    step(0);
    if constexpr (kCompact<Body>) {
      const auto first = a[0];
      a[0] = a[1], a[1] = a[2], a[2] = a[3], a[3] = first;
    }
  }
  if (tail > 0) body.step(a[1], Lanes<N, false>{tail}, offset, o, k);
  body.merge(a[0], a[1]);
  body.merge(a[2], a[3]);
  body.merge(a[0], a[2]);
  return a[0];
}

// Steps [begin, end) of a stream, begin a multiple of kBlockSteps; the last one has only `tail` active lanes where tail
// > 0.
template <bool kFull, int N, class Body>
typename Body::template State<N> fold_steps(const Body& body, const Stream& s, std::int64_t begin, std::int64_t end,
                                            int active, int tail) {
  const int cut = tail > 0 ? 1 : 0;
  if (end - begin <= kBlockSteps) {
    return fold_block<kFull, N>(body, s, begin, static_cast<int>(end - begin) - cut, active, tail);
  }
  Tree<Body, N> tree;
  for (std::int64_t at = begin; at < end; at += kBlockSteps) {
    const bool last = at + kBlockSteps >= end;
    const auto block = fold_block<kFull, N>(body, s, at, last ? static_cast<int>(end - at) - cut : kBlockSteps, active,
                                            last ? tail : 0);
    tree.push(body, &block, 1);
  }
  return *tree.total(body, 1);
}

// All lanes into one, in halves; lanes from `active` on are neutral. Lane l is l positions further along n than lane 0.
template <class Body, int N>
RECEPTIVE_FN typename Body::template State<1> across(const Body& body, const typename Body::template State<N>& s,
                                                     int active) {
  if constexpr (N == 1) {
    return s;
  } else {
    constexpr int H = N / 2;
    auto low = body.template part<H>(s, 0, 0);
    if (active > H) body.merge(low, body.template part<H>(s, H, H));
    return across<Body, H>(body, low, active);
  }
}

// Lanes l, l + inner, l + 2 * inner … into lane l, for l < inner; lane l + g * inner is g positions further along n.
template <class Body, int N>
RECEPTIVE_FN void across_groups(const Body& body, typename Body::template State<N>& s, int inner, int groups) {
  int half = 1;
  while (2 * half < groups) half *= 2;
  for (; half > 0 && groups > 1; half /= 2) body.merge(s, body.template part<N>(s, half * inner, half));
}

}  // namespace receptive::RECEPTIVE_TARGET
