// Lanes on a GPU: how a body reads and writes memory where a thread is one lane. A tile is always full, so nothing is
// masked; what is left of cpu/lanes.h are the checks of a row's ends.
#pragma once

#include <cstdint>

#include "pack.h"

namespace receptive::RECEPTIVE_TARGET {

template <class T>
inline constexpr int kLanes = 1;

// De-interleaving for a stride of 2, where `low` holds element 0 of a pair and `high` element 1 (see cpu/lanes.h).
namespace memory {

template <class T, int N>
RECEPTIVE_FN Pack<T, N> even_lanes(Pack<T, N> low, Pack<T, N>) {
  return low;
}
template <class T, int N>
RECEPTIVE_FN Pack<T, N> even_of_pair(Pack<T, N> low, Pack<T, N>) {
  return low;
}
template <class T, int N>
RECEPTIVE_FN Pack<T, N> odd_of_pair(Pack<T, N>, Pack<T, N> high) {
  return high;
}

// Nothing to do: the other threads hide the latency.
template <int kCount, class T>
RECEPTIVE_FN void prefetch_ahead(const T*) {}

// Strips of one lane have a part per tap, so that nothing is moved.
template <int kLast, class T, int N>
RECEPTIVE_FN Pack<T, N> moved_down(Pack<T, N> a, Pack<T, N>) {
  return a;
}

template <int N, class T>
RECEPTIVE_FN Pack<T, N> each_twice(const T* row, std::int64_t first, std::int64_t limit) {
  return Pack<T, N>(first / 2 < limit ? row[first / 2] : T(0));
}

// One lane, which is inside or not.
template <class T, int N>
class LaneRange {
 public:
  RECEPTIVE_FN static LaneRange within(std::int64_t first, std::int64_t limit) {
    return LaneRange(static_cast<std::uint64_t>(first) < static_cast<std::uint64_t>(limit));
  }
  RECEPTIVE_FN Pack<T, N> load(const T* src, Pack<T, N> other) const { return in_ ? Pack<T, N>(*src) : other; }
  RECEPTIVE_FN Pack<T, N> choose(T inside, T outside) const { return Pack<T, N>(in_ ? inside : outside); }

 private:
  RECEPTIVE_FN explicit LaneRange(bool in) : in_(in) {}
  bool in_;
};

}  // namespace memory

template <int N, bool kFull>
struct Lanes {
  static_assert(N == 1 && kFull, "a GPU thread is one full lane");
  static constexpr int count = 1;
  static constexpr int active = 1;

  template <class T>
  RECEPTIVE_FN Pack<T, 1> load(const T* src) const {
    return Pack<T, 1>(*src);
  }

  template <class T>
  RECEPTIVE_FN void store(T* dst, Pack<T, 1> value) const {
    *dst = value.v;
  }

  template <class T>
  RECEPTIVE_FN void store(T* dst, Pack<T, 1> value, bool) const {
    *dst = value.v;
  }

  // row[first] where 0 <= first < limit, else `fill`.
  template <class T>
  RECEPTIVE_FN Pack<T, 1> load_range(const T* row, std::int64_t first, std::int64_t limit, T fill) const {
    return Pack<T, 1>(inside(first, limit) ? row[first] : fill);
  }

  template <class T>
  RECEPTIVE_FN Pack<T, 1> load_strided(const T* row, std::int64_t first, std::int64_t, std::int64_t limit,
                                       T fill) const {
    return load_range(row, first, limit, fill);
  }

  template <int kStride, class T>
  RECEPTIVE_FN Pack<T, 1> load_inside(const T* row, std::int64_t first, std::int64_t) const {
    return Pack<T, 1>(row[first]);
  }

  // row[first / stride] where stride divides first and the quotient is inside [0, limit), else `fill`.
  template <class T>
  RECEPTIVE_FN Pack<T, 1> load_spread(const T* row, std::int64_t first, std::int64_t stride, std::int64_t limit,
                                      T fill) const {
    if (stride == 1) return load_range(row, first, limit, fill);
    if (first < 0) return Pack<T, 1>(fill);
    const std::int64_t at = first / stride;
    return Pack<T, 1>(at * stride == first && at < limit ? row[at] : fill);
  }

 private:
  // One comparison for both ends.
  RECEPTIVE_FN static bool inside(std::int64_t at, std::int64_t limit) {
    return static_cast<std::uint64_t>(at) < static_cast<std::uint64_t>(limit);
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
