// Executor::reduce: out[o, i] = combine over k < n of x[o, k, i], x seen as [outer, n, inner].
//
// A body is plain data with
//     using Element = float;                               // decides the number of lanes (the accumulator's type,
//     mostly) template <int N> struct State;                       // N partial results, plain data made of packs of N
//     lanes template <int N> void init(State<N>&) const;         // neutral: merging it changes nothing template <class
//     P> void step(State<P::count>&, P p, int64_t offset, int64_t o, int64_t k) const; template <int N> void
//     merge(State<N>& into, const State<N>& from) const; template <int To, int N> State<To> part(const State<N>&, int
//     first, int shift) const; template <class P> void finish(const State<P::count>&, P p, int64_t out) const;   //
//     results out .. out + p.active
// step() combines the elements offset .. offset + p.active into the lanes; inactive lanes must stay neutral, so the
// body loads them as a neutral value. `k` is the position along n of lane 0, and positions are kept relative to lane 0
// until part() takes lanes first .. first + To and moves them `shift` further along n; lanes that it makes up are
// neutral. step() and finish() may see an element of a line twice, in different states; what they write must not depend
// on that.
//
// inner == 1: the lanes run along n, four accumulators take turns, and a row ends with one tree over its lanes.
// 1 < inner < lanes: the same, with as many whole groups of `inner` elements in the lanes as they hold.
// inner >= lanes: the lanes run along inner, a tile of several packs at a time, four positions of n per pass over the
// tile's states, so that memory is read in a few long streams.
//
// A body for inner == 1 alone says `static constexpr bool kLine = true`, and saves the code of the other two cases.
//
// A long reduction with few results is cut into pieces, whose states go to the workspace and are merged afterwards: an
// op asks for reduce_workspace<Body>(…) bytes in its workspace(). The tree in fold.h gives the same bits with and
// without the cut, so neither the number of threads nor the other rows change a result.
#pragma once

#include "executor.h"
#include "fold.h"

namespace receptive::RECEPTIVE_TARGET {

// Width of a tile where lanes run along inner. 2 KiB: four streams of whole lines, and the states stay in the first
// cache.
inline constexpr int kTileBytes = 2048;
// From this many independent results on, rows or tiles alone keep the threads busy.
inline constexpr std::int64_t kEnoughUnits = 64;
// Positions of n in a piece where lanes run along inner.
inline constexpr std::int64_t kPieceLength = std::int64_t{kFan} * kBlockLength;

template <class Body, class = void>
inline constexpr bool kLine = false;
template <class Body>
inline constexpr bool kLine<Body, std::void_t<decltype(Body::kLine)>> = Body::kLine;

// How the work is cut; the same for reduce() and for the workspace that it uses.
template <class Body>
struct ReducePlan {
  static constexpr int N = kBodyLanes<Body>;
  static constexpr int kPacks = kTileBytes / kVectorBytes;
  static constexpr std::int64_t kTile = std::int64_t{kPacks} * N;
  using State = typename Body::template State<N>;

  std::int64_t outer, n, inner;
  bool along_inner;     // the lanes run along inner; false where kLine
  int groups;           // positions of n in a step, where the lanes run along n
  std::int64_t steps;   // steps of a row
  std::int64_t units;   // independent pieces of work: rows, or tiles of them
  std::int64_t tiles;   // tiles of a row
  std::int64_t pieces;  // pieces of a unit, 1 where it is not cut
  bool parallel;

  ReducePlan(std::int64_t outer_, std::int64_t n_, std::int64_t inner_, int threads)
      : outer(outer_), n(n_), inner(inner_), along_inner(inner_ >= N && inner_ > 1) {
    groups = along_inner ? 1 : N / static_cast<int>(inner);
    steps = (n + groups - 1) / groups;
    tiles = along_inner ? inner / kTile + (inner % kTile >= N || inner < kTile ? 1 : 0) : 1;
    units = outer * tiles;
    parallel = threads > 1 && static_cast<double>(outer) * static_cast<double>(n) * static_cast<double>(inner) >=
                                  static_cast<double>(kParallelElements);
    const std::int64_t length = along_inner ? kPieceLength : kPieceSteps;
    pieces = parallel && units < kEnoughUnits && steps > length ? (steps + length - 1) / length : 1;
  }

  std::int64_t states() const { return along_inner ? kPacks + 1 : 1; }  // of a unit
  std::int64_t workspace() const {
    return pieces > 1 ? units * pieces * states() * static_cast<std::int64_t>(sizeof(State)) : 0;
  }
};

template <class Body>
std::int64_t reduce_workspace(std::int64_t outer, std::int64_t n, std::int64_t inner, int threads) {
  if (outer <= 0 || inner <= 0) return 0;
  return ReducePlan<Body>(outer, n, inner, threads).workspace();
}

// One reduction: units (rows or tiles) folded in pieces.
template <class Body>
struct Reduction {
  using Plan = ReducePlan<Body>;
  static constexpr int N = Plan::N;
  static constexpr int W = Plan::kPacks + 1;  // a last tile may have one pack more
  using State = typename Plan::State;

  const Body& body;
  Plan plan;

  int packs(std::int64_t unit) const {
    if (kLine<Body> || !plan.along_inner) return 1;
    const std::int64_t tile = unit % plan.tiles;
    return static_cast<int>(tile + 1 < plan.tiles ? Plan::kPacks : (plan.inner - tile * Plan::kTile + N - 1) / N);
  }

  // First element along inner of a pack of the tile that begins at `first`: the last pack overlaps its neighbour.
  std::int64_t position(std::int64_t first, int pack) const {
    const std::int64_t i = first + std::int64_t{pack} * N;
    return i + N <= plan.inner ? i : plan.inner - N;
  }

  // The states of one piece of a unit, or of all of it.
  __attribute__((noinline)) void fold(std::int64_t unit, std::int64_t piece, State* result) const {
    if (!kLine<Body> && plan.along_inner) {
      const std::int64_t begin = piece * kPieceLength;
      fold_tile(unit, begin, plan.pieces == 1 || begin + kPieceLength > plan.n ? plan.n : begin + kPieceLength, result);
    } else if (plan.n == 0) {
      body.init(*result);
    } else {
      const int inner = static_cast<int>(plan.inner);
      const int lanes = plan.groups * inner;
      const std::int64_t begin = piece * kPieceSteps;
      const std::int64_t end = plan.pieces == 1 || begin + kPieceSteps > plan.steps ? plan.steps : begin + kPieceSteps;
      const int tail = end == plan.steps ? static_cast<int>(plan.n % plan.groups) * inner : 0;
      const Stream stream{unit, unit * plan.n * plan.inner, lanes, plan.groups};
      if (kLine<Body> || lanes == N) {
        *result = fold_steps<true, N>(body, stream, begin, end, N, tail);
      } else {
        *result = fold_steps<false, N>(body, stream, begin, end, lanes, tail);
      }
    }
  }

  // Positions [begin, end) of n of a tile.
  __attribute__((noinline)) void fold_tile(std::int64_t unit, std::int64_t begin, std::int64_t end,
                                           State* result) const {
    const int count = packs(unit);
    const std::int64_t o = unit / plan.tiles;
    const std::int64_t first = (unit - o * plan.tiles) * Plan::kTile;
    if (end - begin <= kBlockLength) return fold_tile_block(o, first, count, begin, end, result);
    Tree<Body, N, W> tree;
    State block[W];
    for (std::int64_t k = begin; k < end; k += kBlockLength) {
      fold_tile_block(o, first, count, k, k + kBlockLength < end ? k + kBlockLength : end, block);
      tree.push(body, block, count);
    }
    const State* total = tree.total(body, count);
    for (int j = 0; j < count; ++j) result[j] = total[j];
  }

  __attribute__((noinline)) void fold_tile_block(std::int64_t o, std::int64_t first, int count, std::int64_t begin,
                                                 std::int64_t end, State* states) const {
    const Body own = body;
    constexpr Lanes<N, true> p;
    for (int j = 0; j < count; ++j) own.init(states[j]);
    const std::int64_t inner = plan.inner;
    const std::int64_t row = o * plan.n * inner;
    constexpr int kSteps = kCompact<Body> ? 1 : 4;
    std::int64_t k = begin;
    for (; k + kSteps <= end; k += kSteps) {
      for (int j = 0; j < count; ++j) {
        const std::int64_t at = row + k * inner + position(first, j);
        State s = states[j];
        own.step(s, p, at, o, k);
        if constexpr (kSteps == 4) {
          own.step(s, p, at + inner, o, k + 1);
          own.step(s, p, at + 2 * inner, o, k + 2);
          own.step(s, p, at + 3 * inner, o, k + 3);
        }
        states[j] = s;
      }
    }
    for (; k < end; ++k) {
      for (int j = 0; j < count; ++j) own.step(states[j], p, row + k * inner + position(first, j), o, k);
    }
  }

  // From the merged states of a unit to its results.
  __attribute__((noinline)) void finish(std::int64_t unit, State* states) const {
    if (!kLine<Body> && plan.along_inner) {
      const std::int64_t out = unit / plan.tiles * plan.inner;
      const std::int64_t first = unit % plan.tiles * Plan::kTile;
      const int count = packs(unit);
      for (int j = 0; j < count; ++j) body.finish(states[j], Lanes<N, true>{}, out + position(first, j));
    } else if (kLine<Body> || plan.inner == 1) {
      const int active = plan.n < N ? static_cast<int>(plan.n) : N;
      body.finish(across<Body, N>(body, *states, active), One{}, unit);
    } else {
      across_groups<Body, N>(body, *states, static_cast<int>(plan.inner), plan.groups);
      body.finish(*states, Lanes<N, false>{static_cast<int>(plan.inner)}, unit * plan.inner);
    }
  }

  // Rows that one step reads.
  __attribute__((noinline)) void short_rows(std::int64_t first, std::int64_t last) const {
    const Body own = body;
    const Lanes<N, false> p{static_cast<int>(plan.n)};
    for (std::int64_t row = first; row < last; ++row) {
      State s;
      own.init(s);
      own.step(s, p, row * plan.n, row, 0);
      own.finish(across<Body, N>(own, s, p.active), One{}, row);
    }
  }

  __attribute__((noinline)) void whole(std::int64_t first, std::int64_t last) const {
    if (plan.inner == 1 && plan.n > 0 && plan.n <= N) return short_rows(first, last);
    State states[W];
    for (std::int64_t unit = first; unit < last; ++unit) {
      fold(unit, 0, states);
      finish(unit, states);
    }
  }

  __attribute__((noinline)) void merge_pieces(std::int64_t unit, const State* parts) const {
    const int count = packs(unit);
    Tree<Body, N, W> tree;
    for (std::int64_t piece = 0; piece < plan.pieces; ++piece) tree.push(body, parts + piece * plan.states(), count);
    State states[W];
    const State* total = tree.total(body, count);
    for (int j = 0; j < count; ++j) states[j] = total[j];
    finish(unit, states);
  }
};

template <class Body>
void Executor::reduce(std::int64_t outer, std::int64_t n, std::int64_t inner, const Body& body) const {
  if (outer <= 0 || inner <= 0) return;
  const ReducePlan<Body> plan(outer, n, inner, threads());
  const Reduction<Body> reduction{body, plan};
  if (plan.pieces == 1) {
    const std::int64_t unit = n * (plan.along_inner && inner > plan.kTile ? plan.kTile : inner);
    const std::int64_t together = plan.parallel ? (unit < kGrain ? kGrain / (unit > 0 ? unit : 1) : 1) : plan.units;
    for_each((plan.units + together - 1) / together, plan.parallel, [&](std::int64_t task, int) {
      const std::int64_t last = (task + 1) * together < plan.units ? (task + 1) * together : plan.units;
      reduction.whole(task * together, last);
    });
    return;
  }
  auto* const parts = reinterpret_cast<typename ReducePlan<Body>::State*>(workspace());
  for_each(plan.units * plan.pieces, true, [&](std::int64_t task, int) {
    reduction.fold(task / plan.pieces, task % plan.pieces, parts + task * plan.states());
  });
  for_each(plan.units, plan.units > 1,
           [&](std::int64_t unit, int) { reduction.merge_pieces(unit, parts + unit * plan.pieces * plan.states()); });
}

}  // namespace receptive::RECEPTIVE_TARGET
