// The CPU executor: what op headers see as "executor.h" when a CPU target compiles them.
//
// rows(count, width, body): `body` is plain data with
//     using Element = float;                       // decides the number of lanes
//     static constexpr bool kOverlap = true;       // a tile may be computed twice (the output is not an input)
//     auto row(int64_t i) const;                   // what depends on the row only
//     template <class P> void tile(const Row& row, int64_t begin, P p) const;   // lanes begin .. begin + p.active
// Rows are cut into pieces of a fixed number of elements, so that a result never depends on the number of threads. A
// row's last tile overlaps its neighbour where it may, and is a partial one otherwise.
//
// A body may tell where no lane looks past the row's ends: with `Range inside(const Row&) const` (lanes [begin, end))
// its tile takes a second template argument, tile<P, kInside>, true for full tiles within. That keeps the checks out of
// the loop that does most of the work.
//
// A body whose field `bool around` is set stores with p.store(dst, value, around); the executor then fences.
//
// planes(count, rows, width, body): the same for rows that come in planes; `auto plane(int64_t i) const` holds what
// depends on the plane (the divisions of its index, mostly) and row(const Plane&, int64_t j) is the plane's j-th row.
// For short rows of windows this is what decides: dividing once per row cost more than the row (native/README.md has
// the figures).
//
// reduce(outer, n, inner, body): out[o, i] = combine over k of input[(o * n + k) * inner + i]; lines(executor, outer,
// n, inner, body): what normalises along n (softmax). reduce.h and lines.h have their contracts.
#pragma once

#include <cstdint>

#include "../core/dispatch.h"
#include "../core/family.h"
#include "../core/op.h"
#include "lanes.h"

namespace receptive::RECEPTIVE_TARGET {

using One = Lanes<1, true>;

struct Range {
  std::int64_t begin;
  std::int64_t end;
};

// Elements of a piece of work for one thread: long enough that claiming it costs little beside it.
inline constexpr std::int64_t kGrain = 16384;
// Work below this many elements stays on the calling thread: waking another costs more than it saves.
inline constexpr std::int64_t kParallelElements = 4 * kGrain;

// Where bodies report what only the data can show.
struct FaultLog {
  Fault* first;
  char* lock;

  // Element `position` holds `value` where only 0 <= value < limit is legal; the lowest position is kept.
  void report(std::int64_t position, std::int64_t value, std::int64_t limit) const {
    while (__atomic_test_and_set(lock, __ATOMIC_ACQUIRE)) {
    }
    if (first->position < 0 || position < first->position) *first = Fault{position, value, limit};
    __atomic_clear(lock, __ATOMIC_RELEASE);
  }
};

class Executor {
 public:
  explicit Executor(KernelContext& context) : context_(context) {}

  std::byte* workspace() const { return context_.workspace; }
  std::byte* packed() const { return context_.packed; }
  bool packed_ready() const { return context_.packedReady; }
  int threads() const { return context_.parallel.threads; }

  FaultLog faults() const { return FaultLog{context_.fault, &faultLock_}; }

  // Whether an output of `bytes` had better go around the caches, since it is larger than the last of them: the
  // processor then need not read the lines that it overwrites. For bodies whose full tiles are aligned as `out` is.
  bool writes_around(const void* out, std::int64_t bytes) const {
    return context_.lastCacheBytes > 0 && bytes > context_.lastCacheBytes &&
           reinterpret_cast<std::uintptr_t>(out) % kVectorBytes == 0;
  }

  // task(i, worker) for each 0 <= i < tasks, on several threads when `parallel` says that it is worth it.
  template <class F>
  void for_each(std::int64_t tasks, bool parallel, F&& task) const {
    if (!parallel || tasks <= 1 || context_.parallel.threads <= 1) {
      for (std::int64_t i = 0; i < tasks; ++i) task(i, 0);
      return;
    }
    using Callable = std::remove_reference_t<F>;
    context_.parallel.run(
        context_.parallel.pool, tasks,
        [](void* context, std::int64_t i, int worker) { (*static_cast<Callable*>(context))(i, worker); },
        const_cast<void*>(static_cast<const void*>(&task)));
  }

  template <class Body>
  void rows(std::int64_t count, std::int64_t width, const Body& body) const {
    cut(count, width, &some_rows<Body>, &body);
  }

  template <class Body>
  void planes(std::int64_t count, std::int64_t rows, std::int64_t width, const Body& body) const {
    const Planes<Body> planes{body, rows};
    cut(count * rows, width, &some_planes<Body>, &planes);
  }

  template <class Body>
  void reduce(std::int64_t outer, std::int64_t n, std::int64_t inner, const Body& body) const;

 private:
  // What a thread does with a piece: rows [first, last), elements [begin, end) of each.
  using Piece = void (*)(const void* work, std::int64_t first, std::int64_t last, std::int64_t begin, std::int64_t end);

  // Cuts count rows into pieces: several short rows together, or parts of a long one. One function for all bodies.
  __attribute__((noinline)) void cut(std::int64_t count, std::int64_t width, Piece piece, const void* work) const {
    if (count <= 0 || width <= 0) return;
    const bool parallel = count * width >= kParallelElements;
    if (!parallel) return piece(work, 0, count, 0, width);
    const std::int64_t parts = width >= 2 * kGrain ? (width + kGrain - 1) / kGrain : 1;
    const std::int64_t together = width < kGrain ? kGrain / width : 1;
    for_each((count + together - 1) / together * parts, parallel, [&](std::int64_t task, int) {
      const std::int64_t first = task / parts * together;
      const std::int64_t last = first + together < count ? first + together : count;
      const std::int64_t begin = parts == 1 ? 0 : task % parts * kGrain;
      const std::int64_t end = parts == 1 || begin + kGrain > width ? width : begin + kGrain;
      piece(work, first, last, begin, end);
    });
  }

  template <class Row, class Body>
  RECEPTIVE_FN static void tiles(const Row& row, std::int64_t begin, std::int64_t end, const Body& body) {
    constexpr int N = kLanes<typename Body::Element>;
    std::int64_t x = begin;
    if constexpr (requires { body.inside(row); }) {
      static_assert(Body::kOverlap);
      const Range all = body.inside(row);
      const std::int64_t low = all.begin > begin ? all.begin : begin;
      const std::int64_t high = all.end < end ? all.end : end;
      if (end - begin < N) {
        body.template tile<Lanes<N, false>, false>(row, x, {static_cast<int>(end - x)});
        return;
      }
      const bool ends_inside = high == end && high - low >= N;
      while (x < end) {
        if (x >= low && x + N <= high) {
          do {
            body.template tile<Lanes<N, true>, true>(row, x, {});
            x += N;
          } while (x + N <= high);
        } else if (ends_inside && x >= low) {
          body.template tile<Lanes<N, true>, true>(row, end - N, {});
          return;
        } else {
          body.template tile<Lanes<N, true>, false>(row, x <= end - N ? x : end - N, {});
          x += N;
        }
      }
      return;
    } else if constexpr (Body::kOverlap) {
      if (end - begin >= N) {
        for (; x < end; x += N) body.template tile<Lanes<N, true>>(row, x <= end - N ? x : end - N, {});
        return;
      }
    } else {
      for (; x + N <= end; x += N) body.template tile<Lanes<N, true>>(row, x, {});
    }
    if constexpr (!requires { body.inside(row); }) {
      if (x < end) body.template tile<Lanes<N, false>>(row, x, {static_cast<int>(end - x)});
    }
  }

  // Out of line: the body's loop is the bulk of the code, and every kind of piece shares it.
  template <class Body>
  __attribute__((noinline)) static void some_rows(const void* work, std::int64_t first, std::int64_t last,
                                                  std::int64_t begin, std::int64_t end) {
    const Body body = *static_cast<const Body*>(work);  // a copy that no store can alias
    for (std::int64_t i = first; i < last; ++i) tiles(body.row(i), begin, end, body);
    fence(body);
  }

  template <class Body>
  RECEPTIVE_FN static void fence([[maybe_unused]] const Body& body) {
    if constexpr (requires { body.around; }) {
      if (body.around) fence_stores();
    }
  }

  template <class Body>
  struct Planes {
    const Body& body;
    std::int64_t rows;
  };

  template <class Body>
  __attribute__((noinline)) static void some_planes(const void* work, std::int64_t first, std::int64_t last,
                                                    std::int64_t begin, std::int64_t end) {
    const Body body = static_cast<const Planes<Body>*>(work)->body;
    const std::int64_t rows = static_cast<const Planes<Body>*>(work)->rows;
    std::int64_t i = first / rows;
    std::int64_t j = first - i * rows;
    while (first < last) {
      const auto plane = body.plane(i);
      const std::int64_t stop = first + (rows - j) < last ? rows : j + (last - first);
      first += stop - j;
      for (; j < stop; ++j) tiles(body.row(plane, j), begin, end, body);
      ++i;
      j = 0;
    }
    fence(body);
  }

  KernelContext& context_;
  mutable char faultLock_ = 0;
};

}  // namespace receptive::RECEPTIVE_TARGET

#include "reduce.h"
