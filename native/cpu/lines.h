// lines(executor, outer, n, inner, body): for every line x[o, :, i] of a tensor seen as [outer, n, inner], reductions
// along it and then passes over it that use their results: softmax and what is like it. One thread does a whole line,
// or as many neighbouring lines as there are lanes, so that all passes but the first find the line in a cache.
//
// body.line(line) with a line (or C lines in C lanes)
//     static constexpr int count;                 // C
//     P p; int64_t index;                         // lanes of the results, which are lines index .. index + p.active
//     int64_t base; int64_t inner;                // element k of lane l is base + k * inner + l
//     State<C> reduce(r) const;                   // r: a body of reduce() without finish()
//     void map(m) const;                          // m.tile(p, offset, position): once for every element
//     auto near(T* y) const;                      // room for a value per element of the line between two passes
// A body whose field `bool around` is set stores with p.store(dst, value, around), as in rows(); lines along n only.
// `position` tells m where along n its lanes are: position.k for lane 0, position.pack<Index, N>() for all. Values are
// kept by near.store(p, k, value) and found again by near.load(p, k), in y itself or in a cache. inner == 1: C is 1 and
// the lanes of reduce() and map() run along n; elsewhere they run along inner and C is their number. spread<N>() makes
// N lanes of a line's results in both cases.
#pragma once

#include "executor.h"

namespace receptive::RECEPTIVE_TARGET {

template <int N, class T, int C>
RECEPTIVE_FN Pack<T, N> spread(Pack<T, C> a) {
  if constexpr (C == N) {
    return a;
  } else {
    static_assert(C == 1);
    return Pack<T, N>(a[0]);
  }
}

template <bool kAlongN>
struct Position {
  std::int64_t k;  // of lane 0

  template <class Index, int N>
  RECEPTIVE_FN Pack<Index, N> pack() const {
    const Pack<Index, N> first(static_cast<Index>(k));
    return kAlongN ? first + iota<Index, N>() : first;
  }
};

// `near` of a line of one pack: whole packs, since a masked store is not forwarded to a masked load soon after it.
template <class T>
struct NearPack {
  mutable Pack<T, kLanes<T>> value;

  template <class P>
  RECEPTIVE_FN void store(P, std::int64_t, Pack<T, P::count> v) const {
    value = v;
  }
  template <class P>
  RECEPTIVE_FN Pack<T, P::count> load(P, std::int64_t) const {
    return value;
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

// kShort: n is not more than the number of lanes, so that one step reads the line.
template <class T, bool kShort>
struct LineAlongN {
  static constexpr int count = 1;
  static constexpr int N = kLanes<T>;
  static constexpr std::int64_t inner = 1;
  using Near = std::conditional_t<kShort, NearPack<T>, NearRow<T>>;
  One p;
  std::int64_t index;
  std::int64_t base;
  std::int64_t n;

  template <class R>
  RECEPTIVE_FN typename R::template State<1> reduce(const R& body) const {
    static_assert(kBodyLanes<R> == N);
    const int tail = static_cast<int>(kShort ? n : n % N);  // lanes of the last step
    if constexpr (kShort) {
      typename R::template State<N> s;
      body.init(s);
      if (n > 0) body.step(s, Lanes<N, false>{tail}, base, index, 0);
      return across<R, N>(body, s, tail);
    } else {
      return across<R, N>(body, fold_steps<true, N>(body, Stream{index, base, N, N}, 0, (n + N - 1) / N, N, tail), N);
    }
  }

  template <class M>
  RECEPTIVE_FN void map(const M& body) const {
    std::int64_t k = 0;
    if constexpr (!kShort) {
      for (; k + N <= n; k += N) body.tile(Lanes<N, true>{}, base + k, Position<true>{k});
    }
    if (k < n) body.tile(Lanes<N, false>{static_cast<int>(n - k)}, base + k, Position<true>{k});
  }

  RECEPTIVE_FN Near near(T* y) const {
    if constexpr (kShort) {
      return {};
    } else {
      return {y + base, 1};
    }
  }
};

// Elements of a line for which there is room outside the output. Lines along inner lie far apart, often by a multiple
// of 4 KiB (224 * 224 floats are 49 pages), where a pass that reads and writes falls out of the first cache and its
// loads wait for stores to the same offset in a page: softmax of [16, 21, 224 * 224] took 2.3 ns an element that way.
inline constexpr std::int64_t kNearLength = 512;

template <class T, class P>
struct LinesAlongInner {
  static constexpr int count = P::count;
  using Near = NearRow<T>;
  P p;
  std::int64_t index;
  std::int64_t base;
  std::int64_t n;
  std::int64_t inner;
  T* room;

  template <class R>
  RECEPTIVE_FN typename R::template State<count> reduce(const R& body) const {
    constexpr bool kFull = std::is_same_v<P, Lanes<count, true>>;
    return fold_steps<kFull, count>(body, Stream{index, base, inner, 1}, 0, n, p.active, 0);
  }

  template <class M>
  RECEPTIVE_FN void map(const M& body) const {
    for (std::int64_t k = 0; k < n; ++k) body.tile(p, base + k * inner, Position<false>{k});
  }

  RECEPTIVE_FN Near near(T* y) const {
    if (n <= kNearLength) return {room, count};
    return {y + base, inner};
  }
};

template <bool kShort, class Body>
__attribute__((noinline)) void some_lines_along_n(const Body& shared, std::int64_t n, std::int64_t first,
                                                  std::int64_t last) {
  const Body body = shared;
  for (std::int64_t o = first; o < last; ++o) body.line(LineAlongN<typename Body::Element, kShort>{{}, o, o * n, n});
  if constexpr (requires { body.around; }) {
    if (body.around) fence_stores();
  }
}

// Groups [first, last) of N lines side by side.
template <class Body>
__attribute__((noinline)) void some_lines_along_inner(const Body& shared, std::int64_t n, std::int64_t inner,
                                                      std::int64_t first, std::int64_t last) {
  using T = typename Body::Element;
  constexpr int N = kLanes<T>;
  alignas(64) T room[kNearLength * N];
  const Body body = shared;
  const std::int64_t groups = (inner + N - 1) / N;
  for (std::int64_t group = first; group < last; ++group) {
    const std::int64_t o = group / groups;
    const std::int64_t i = (group - o * groups) * N;
    const std::int64_t index = o * inner + i;
    const std::int64_t base = o * n * inner + i;
    if (i + N <= inner) {
      body.line(LinesAlongInner<T, Lanes<N, true>>{{}, index, base, n, inner, room});
    } else {
      body.line(LinesAlongInner<T, Lanes<N, false>>{{static_cast<int>(inner - i)}, index, base, n, inner, room});
    }
  }
}

// Units (lines, or groups of them side by side) in pieces for several threads: some(first, last).
template <class F>
RECEPTIVE_FN void share_lines(const Executor& executor, std::int64_t units, std::int64_t unit, F&& some) {
  const bool parallel = units * unit >= kParallelElements;
  const std::int64_t together = !parallel ? units : unit < kGrain ? kGrain / unit : 1;
  executor.for_each((units + together - 1) / together, parallel, [&](std::int64_t task, int) {
    const std::int64_t first = task * together;
    some(first, first + together < units ? first + together : units);
  });
}

// lines() for inner == 1, where that is all there is: bodies are long, and this compiles two copies of one, not four.
template <class Body>
void lines_along_n(const Executor& executor, std::int64_t outer, std::int64_t n, const Body& body) {
  if (outer <= 0) return;
  share_lines(executor, outer, n > 0 ? n : 1, [&](std::int64_t first, std::int64_t last) {
    if (n <= kLanes<typename Body::Element>) {
      some_lines_along_n<true>(body, n, first, last);
    } else {
      some_lines_along_n<false>(body, n, first, last);
    }
  });
}

template <class Body>
void lines(const Executor& executor, std::int64_t outer, std::int64_t n, std::int64_t inner, const Body& body) {
  if (outer <= 0 || inner <= 0) return;
  if (inner == 1) return lines_along_n(executor, outer, n, body);
  constexpr int N = kLanes<typename Body::Element>;
  share_lines(executor, outer * ((inner + N - 1) / N), (n > 0 ? n : 1) * (inner < N ? inner : N),
              [&](std::int64_t first, std::int64_t last) { some_lines_along_inner(body, n, inner, first, last); });
}

}  // namespace receptive::RECEPTIVE_TARGET
