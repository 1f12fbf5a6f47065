// The strip of input under neighbouring windows, for the usual windows: kernel 2 or 3, stride 1 or 2, dilation 1.
// Windows that are neighbours share most of it, so a body folds whole vectors of it over the rows first, and takes the
// result apart into the taps of the windows afterwards: a 3x3 window costs 6 reads of a vector and one shuffle in place
// of 9.
#pragma once

#include "window.h"

namespace receptive::RECEPTIVE_TARGET {

// A strip is made of parts, vectors of N elements beside or across each other; with stride 2 and kernel 3 the third
// part is the one element that is left over, in all lanes.
template <int kStride, int kKernel, class T, int N>
struct Strip {
  static_assert((kStride == 1 || kStride == 2) && (kKernel == 2 || kKernel == 3));
  static constexpr int kParts = N == 1 ? kKernel : kStride == 2 ? kKernel : 2;
  Pack<T, N> part[kParts];

  // Where a part begins, counted from the first tap of the first window.
  RECEPTIVE_FN static constexpr int offset(int k) { return N == 1 ? k : kStride == 2 ? k * N : k * (kKernel - 1); }
  RECEPTIVE_FN static constexpr bool single(int k) { return N > 1 && kStride == 2 && k == 2; }

  // Tap s of every window.
  template <int s>
  RECEPTIVE_FN Pack<T, N> tap() const {
    if constexpr (N == 1) {
      return part[s];
    } else if constexpr (kStride == 1) {
      if constexpr (s == 0) return part[0];
      if constexpr (s == kKernel - 1) return part[1];
      if constexpr (s == 1 && kKernel == 3) return memory::moved_down<-2>(part[0], part[1]);
    } else {
      if constexpr (s == 0) return memory::even_of_pair(part[0], part[1]);
      if constexpr (s == 1) return memory::odd_of_pair(part[0], part[1]);
      if constexpr (s == 2) return memory::moved_down<0>(tap<0>(), part[2]);
    }
  }
};

// Asks for the memory that the windows some tiles ahead will read: the rows that are new to them, kStride of them. The
// processor's own prefetchers lose track of rows that are read several times and in parts.
template <int kStride, int N, class T>
RECEPTIVE_FN void prefetch_strip(const T* at, std::int64_t row_step) {
#pragma GCC unroll 2
  for (int r = 0; r < kStride; ++r) memory::prefetch_ahead<kStride * N>(at + r * row_step);
}

// visit(r) for the rows of a window from `from` on: without a loop where kAll says that there are kRows of them.
template <bool kAll, int kRows, class F>
RECEPTIVE_FN void for_rows(int from, std::int64_t count, F&& visit) {
  if constexpr (kAll) {
#pragma GCC unroll 3
    for (int r = from; r < kRows; ++r) visit(r);
  } else {
#pragma GCC unroll 1
    for (std::int64_t r = from; r < count; ++r) visit(r);
  }
}

// Reads strips that begin at one place of different rows. kInside: the caller knows that they do not leave the row;
// otherwise what lies beside it is `fill`.
template <bool kInside, int kStride, int kKernel, class T, int N>
class StripReader;

template <int kStride, int kKernel, class T, int N>
class StripReader<true, kStride, kKernel, T, N> {
 public:
  using S = Strip<kStride, kKernel, T, N>;
  RECEPTIVE_FN StripReader(std::int64_t, std::int64_t) {}

  // `at` is the address of the first element, which exists.
  RECEPTIVE_FN S read(const T* at, T) const {
    S strip;
#pragma GCC unroll 3
    for (int k = 0; k < S::kParts; ++k) {
      const T* from = at + S::offset(k);
      strip.part[k] = S::single(k) ? Pack<T, N>(*from) : Pack<T, N>::read(from);
    }
    return strip;
  }
};

template <int kStride, int kKernel, class T, int N>
class StripReader<false, kStride, kKernel, T, N> {
 public:
  using S = Strip<kStride, kKernel, T, N>;
  using Range = memory::LaneRange<T, N>;

  // The strip begins at element `first` of rows of `limit` elements.
  RECEPTIVE_FN StripReader(std::int64_t first, std::int64_t limit)
      : low_(Range::within(first, limit)),
        high_(Range::within(first + S::offset(1), limit)),
        last_(S::kParts == 3 && first + S::offset(2) >= 0 && first + S::offset(2) < limit) {}

  // `at` is the address that the first element has or would have.
  RECEPTIVE_FN S read(const T* at, T fill) const {
    S strip;
    strip.part[0] = low_.load(at, Pack<T, N>(fill));
    strip.part[1] = high_.load(at + S::offset(1), Pack<T, N>(fill));
    if constexpr (S::kParts == 3) strip.part[2] = Pack<T, N>(last_ ? at[S::offset(2)] : fill);
    return strip;
  }

  // A strip of ones, zero beside the row.
  RECEPTIVE_FN S ones() const {
    S strip;
    strip.part[0] = low_.choose(T(1), T(0));
    strip.part[1] = high_.choose(T(1), T(0));
    if constexpr (S::kParts == 3) strip.part[2] = Pack<T, N>(last_ ? T(1) : T(0));
    return strip;
  }

 private:
  Range low_;
  Range high_;
  bool last_;
};

}  // namespace receptive::RECEPTIVE_TARGET
