// Lanes<N, kFull>: how a body reads and writes memory. A full tile has N active lanes and plain loads; a partial one
// has fewer, and inactive lanes read as zero and are never written. Reads beside a row's ends give a fill value, so
// that padding costs no branch per element.
//
// Partial accesses are masked instructions on AVX-512 and AVX2 (elements of 4 and 8 bytes; of 1 byte on AVX-512) and a
// loop over the active lanes elsewhere. They never touch memory outside the active lanes.
#pragma once

#include <cstdint>
#include <utility>

#include "pack.h"

namespace receptive::RECEPTIVE_TARGET {

namespace memory {

// Bits [begin, end) of a mask of N lanes.
template <int N>
RECEPTIVE_FN std::uint64_t lane_bits(int begin, int end) {
  if constexpr (N < 32) return ((1u << end) - 1) & ~((1u << begin) - 1);
  const std::uint64_t below_end = end >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << end) - 1;
  return below_end & ~((std::uint64_t{1} << begin) - 1);
}

#if defined(__AVX2__) && !defined(__AVX512F__)
template <class I, int N>
RECEPTIVE_FN typename VectorOf<I, N>::type lane_mask(int begin, int end) {
  const auto lane = iota<I, N>();
  return ((lane >= Pack<I, N>(static_cast<I>(begin))) & (lane < Pack<I, N>(static_cast<I>(end)))).v;
}
#endif

// Lanes [begin, end) from src, the others keep `other`. For several reads of the same lanes: making the mask costs as
// much as using it.
template <class T, int N>
class LaneRange {
 public:
  RECEPTIVE_FN LaneRange(int begin, int end) : begin_(begin), end_(end) {
#if defined(__AVX512F__)
    bits_ = lane_bits<N>(begin, end);
#elif defined(__AVX2__)
    if constexpr (kMask) mask_ = lane_mask<SignedOf<T>, N>(begin, end);
#endif
  }
  // The lanes l with 0 <= first + l < limit.
  RECEPTIVE_FN static LaneRange within(std::int64_t first, std::int64_t limit) {
    const std::int64_t begin = first >= 0 ? 0 : first > -N ? -first : N;
    const std::int64_t end = limit - first >= N ? N : limit > first ? limit - first : 0;
    return LaneRange(static_cast<int>(begin < end ? begin : end), static_cast<int>(end));
  }

  RECEPTIVE_FN Pack<T, N> load(const T* src, Pack<T, N> other) const;
  // `inside` in these lanes, `outside` in the others.
  RECEPTIVE_FN Pack<T, N> choose(T inside, T outside) const {
    using I = SignedOf<T>;
    const auto lane = iota<I, N>();
    const auto in = (lane >= Pack<I, N>(static_cast<I>(begin_))) & (lane < Pack<I, N>(static_cast<I>(end_)));
    return select(Mask<T, N>{in.v}, Pack<T, N>(inside), Pack<T, N>(outside));
  }

 private:
  int begin_;
  int end_;
#if defined(__AVX512F__)
  std::uint64_t bits_;
#elif defined(__AVX2__)
  static constexpr bool kMask = sizeof(T) * N == 32 && sizeof(T) >= 4;
  typename VectorOf<SignedOf<T>, N>::type mask_;
#endif
};

template <class T, int N>
RECEPTIVE_FN Pack<T, N> LaneRange<T, N>::load(const T* src, Pack<T, N> other) const {
  [[maybe_unused]] constexpr int bytes = static_cast<int>(sizeof(T)) * N;
  using Vector [[maybe_unused]] = typename Pack<T, N>::Vector;
#if defined(__AVX512F__)
#define RECEPTIVE_MASKED_LOAD(total, each, vector, op, mask) \
  if constexpr (bytes == total && sizeof(T) == each)         \
    return Pack<T, N>(reinterpret_cast<Vector>(op(reinterpret_cast<vector>(other.v), static_cast<mask>(bits_), src)));
  RECEPTIVE_MASKED_LOAD(64, 4, __m512i, _mm512_mask_loadu_epi32, __mmask16)
  RECEPTIVE_MASKED_LOAD(64, 8, __m512i, _mm512_mask_loadu_epi64, __mmask8)
  RECEPTIVE_MASKED_LOAD(64, 1, __m512i, _mm512_mask_loadu_epi8, __mmask64)
  RECEPTIVE_MASKED_LOAD(32, 4, __m256i, _mm256_mask_loadu_epi32, __mmask8)
  RECEPTIVE_MASKED_LOAD(16, 1, __m128i, _mm_mask_loadu_epi8, __mmask16)
#undef RECEPTIVE_MASKED_LOAD
#elif defined(__AVX2__)
  if constexpr (bytes == 32 && sizeof(T) == 4) {
    const auto read = _mm256_maskload_epi32(reinterpret_cast<const int*>(src), reinterpret_cast<__m256i>(mask_));
    return Pack<T, N>(mask_ ? reinterpret_cast<Vector>(read) : other.v);
  }
  if constexpr (bytes == 32 && sizeof(T) == 8) {
    const auto read = _mm256_maskload_epi64(reinterpret_cast<const long long*>(src), reinterpret_cast<__m256i>(mask_));
    return Pack<T, N>(mask_ ? reinterpret_cast<Vector>(read) : other.v);
  }
#endif
  T lanes[N];
  other.write(lanes);
  for (int i = begin_; i < end_; ++i) lanes[i] = src[i];
  return Pack<T, N>::read(lanes);
}

template <class T, int N>
RECEPTIVE_FN Pack<T, N> load_some(const T* src, int begin, int end, Pack<T, N> other) {
  return LaneRange<T, N>(begin, end).load(src, other);
}

template <class T, int N>
RECEPTIVE_FN void store_some(T* dst, int count, Pack<T, N> value) {
  [[maybe_unused]] constexpr int bytes = static_cast<int>(sizeof(T)) * N;
#if defined(__AVX512F__)
  const std::uint64_t bits = lane_bits<N>(0, count);
#define RECEPTIVE_MASKED_STORE(total, each, vector, op, mask) \
  if constexpr (bytes == total && sizeof(T) == each)          \
    return op(dst, static_cast<mask>(bits), reinterpret_cast<vector>(value.v));
  RECEPTIVE_MASKED_STORE(64, 4, __m512i, _mm512_mask_storeu_epi32, __mmask16)
  RECEPTIVE_MASKED_STORE(64, 8, __m512i, _mm512_mask_storeu_epi64, __mmask8)
  RECEPTIVE_MASKED_STORE(64, 1, __m512i, _mm512_mask_storeu_epi8, __mmask64)
  RECEPTIVE_MASKED_STORE(32, 4, __m256i, _mm256_mask_storeu_epi32, __mmask8)
  RECEPTIVE_MASKED_STORE(16, 1, __m128i, _mm_mask_storeu_epi8, __mmask16)
#undef RECEPTIVE_MASKED_STORE
#elif defined(__AVX2__)
  if constexpr (bytes == 32 && sizeof(T) == 4) {
    return _mm256_maskstore_epi32(reinterpret_cast<int*>(dst),
                                  reinterpret_cast<__m256i>(lane_mask<std::int32_t, N>(0, count)),
                                  reinterpret_cast<__m256i>(value.v));
  }
  if constexpr (bytes == 32 && sizeof(T) == 8) {
    return _mm256_maskstore_epi64(reinterpret_cast<long long*>(dst),
                                  reinterpret_cast<__m256i>(lane_mask<std::int64_t, N>(0, count)),
                                  reinterpret_cast<__m256i>(value.v));
  }
#endif
  for (int i = 0; i < count; ++i) dst[i] = value[i];
}

// Lane i of a shuffle takes element F::at(i) of two vectors beside each other. The indices are spelled out, because GCC
// 12 fills a vector by a loop with a condition in it at run time, and waits for the stores.
template <class F, class I, int N, int... i>
RECEPTIVE_FN typename VectorOf<I, N>::type indices(std::integer_sequence<int, i...>) {
  return typename VectorOf<I, N>::type{static_cast<I>(F::at(i, N))...};
}
template <class F, class T, int N>
RECEPTIVE_FN Pack<T, N> shuffle(Pack<T, N> a, Pack<T, N> b) {
  return Pack<T, N>(__builtin_shuffle(a.v, b.v, indices<F, SignedOf<T>, N>(std::make_integer_sequence<int, N>{})));
}

struct EvenLanes {
  static constexpr int at(int i, int n) { return i < n / 2 ? 2 * i : n + (2 * i - (n - 1)); }
};
template <int kFirst>
struct EverySecond {
  static constexpr int at(int i, int) { return 2 * i + kFirst; }
};
template <int kLast>
struct MovedDown {
  static constexpr int at(int i, int n) { return i < n - 1 ? i + 1 : n + (kLast + n) % n; }
};
template <int kPhase>
struct EachTwice {
  static constexpr int at(int i, int) { return (i + kPhase) / 2; }
};
template <int kHalf>
struct Interleaved {
  static constexpr int at(int i, int n) { return kHalf * n / 2 + i / 2 + i % 2 * n; }
};
template <int kPhase>
struct Spread {
  static constexpr int at(int i, int n) { return i % 2 == kPhase ? i / 2 : n; }
};

// Even lanes of the pair (low, high), where high starts at element N - 1 of low's row: so that a stride of 2 reads no
// element past the last one it needs.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> even_lanes(Pack<T, N> low, Pack<T, N> high) {
  return shuffle<EvenLanes>(low, high);
}

// Elements 0, 2, 4 … and 1, 3, 5 … of the 2N elements (low, high).
template <class T, int N>
RECEPTIVE_FN Pack<T, N> even_of_pair(Pack<T, N> low, Pack<T, N> high) {
  return shuffle<EverySecond<0>>(low, high);
}
template <class T, int N>
RECEPTIVE_FN Pack<T, N> odd_of_pair(Pack<T, N> low, Pack<T, N> high) {
  return shuffle<EverySecond<1>>(low, high);
}

// Lanes 1 .. N - 1 of a, then lane kLast of b, counted from b's end where it is negative.
template <int kLast, class T, int N>
RECEPTIVE_FN Pack<T, N> moved_down(Pack<T, N> a, Pack<T, N> b) {
  return shuffle<MovedDown<kLast>>(a, b);
}

// (a0, b0, a1, b1, …), its first and its second half.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> interleave_low(Pack<T, N> a, Pack<T, N> b) {
  return shuffle<Interleaved<0>>(a, b);
}
template <class T, int N>
RECEPTIVE_FN Pack<T, N> interleave_high(Pack<T, N> a, Pack<T, N> b) {
  return shuffle<Interleaved<1>>(a, b);
}

// Lanes of `dense` moved apart to every second lane, beginning with lane `phase`; the others take `fill`.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> spread_lanes(Pack<T, N> dense, int phase, Pack<T, N> fill) {
  return phase == 0 ? shuffle<Spread<0>>(dense, fill) : shuffle<Spread<1>>(dense, fill);
}

// Lane l reads row[(first + l) / 2] inside [0, limit), and 0 elsewhere.
template <int N, class T>
RECEPTIVE_FN Pack<T, N> each_twice(const T* row, std::int64_t first, std::int64_t limit) {
  const std::int64_t at = first >> 1;
  const std::int64_t needed = limit - at < N / 2 + (first & 1) ? limit - at : N / 2 + (first & 1);
  const Pack<T, N> source = LaneRange<T, N>::within(0, needed).load(row + at, Pack<T, N>(T(0)));
  return (first & 1) == 0 ? shuffle<EachTwice<0>>(source, source) : shuffle<EachTwice<1>>(source, source);
}

// Asks for the memory some way behind `count` elements that are read now. The address may lie outside of any buffer: a
// prefetch does not fault.
template <int kCount, class T>
RECEPTIVE_FN void prefetch_ahead(const T* at) {
  constexpr int kBytes = 8192, kLine = 64;
  const auto address = reinterpret_cast<std::uintptr_t>(at) + kBytes;
#pragma GCC unroll 4
  for (int offset = 0; offset < kCount * static_cast<int>(sizeof(T)); offset += kLine) {
    __builtin_prefetch(reinterpret_cast<const void*>(address + static_cast<std::uintptr_t>(offset)));
  }
}

// Strides other than 1 and 2, lane by lane; kept out of line, since bodies contain many such reads and few ever run.
template <class T, int N>
__attribute__((noinline)) Pack<T, N> gather_strided(const T* row, std::int64_t first, std::int64_t stride,
                                                    std::int64_t limit, T fill) {
  T lanes[N];
#pragma GCC unroll 1
  for (int l = 0; l < N; ++l) {
    const std::int64_t x = first + l * stride;
    lanes[l] = x >= 0 && x < limit ? row[x] : fill;
  }
  return Pack<T, N>::read(lanes);
}

template <class T, int N>
__attribute__((noinline)) Pack<T, N> gather_spread(const T* row, std::int64_t first, std::int64_t stride,
                                                   std::int64_t limit, T fill) {
  T lanes[N];
#pragma GCC unroll 1
  for (int l = 0; l < N; ++l) {
    const std::int64_t x = first + l;
    lanes[l] = x >= 0 && x % stride == 0 && x / stride < limit ? row[x / stride] : fill;
  }
  return Pack<T, N>::read(lanes);
}

}  // namespace memory

template <int N, bool kFull>
struct Lanes {
  static constexpr int count = N;
  int active = N;  // lanes [0, active) belong to the tile

  template <class T>
  RECEPTIVE_FN Pack<T, N> load(const T* src) const {
    if constexpr (kFull) {
      return Pack<T, N>::read(src);
    } else {
      return memory::load_some<T, N>(src, 0, active, Pack<T, N>(T{}));
    }
  }

  template <class T>
  RECEPTIVE_FN void store(T* dst, Pack<T, N> value) const {
    if constexpr (kFull) {
      value.write(dst);
    } else {
      memory::store_some<T, N>(dst, active, value);
    }
  }

  // The same; `around` sends full tiles around the caches (see Executor::writes_around).
  template <class T>
  RECEPTIVE_FN void store(T* dst, Pack<T, N> value, bool around) const {
    if (kFull && around) {
      value.write_around(dst);
    } else {
      store(dst, value);
    }
  }

  // Lane l reads row[first + l] where 0 <= first + l < limit, and `fill` elsewhere.
  template <class T>
  RECEPTIVE_FN Pack<T, N> load_range(const T* row, std::int64_t first, std::int64_t limit, T fill) const {
    if (first >= 0 && first + N <= limit) {
      return Pack<T, N>::read(row + first);
    }
    const std::int64_t begin = first < 0 ? -first : 0;
    const std::int64_t end = limit - first < N ? limit - first : N;
    if (begin >= end) return Pack<T, N>(fill);
    return memory::load_some<T, N>(row + first, static_cast<int>(begin), static_cast<int>(end), Pack<T, N>(fill));
  }

  // Lane l reads row[first + l * stride] inside [0, limit), and `fill` elsewhere.
  template <class T>
  RECEPTIVE_FN Pack<T, N> load_strided(const T* row, std::int64_t first, std::int64_t stride, std::int64_t limit,
                                       T fill) const {
    if (stride == 1 || N == 1) return load_range(row, first, limit, fill);
    if constexpr (N > 1) {
      if (stride == 2) {
        return memory::even_lanes(load_range(row, first, limit, fill), load_range(row, first + N - 1, limit, fill));
      }
    }
    return memory::gather_strided<T, N>(row, first, stride, limit, fill);
  }

  // The same without a look at the row's ends: the caller knows that first >= 0 and first + (N - 1) * stride < limit.
  template <int kStride, class T>
  RECEPTIVE_FN Pack<T, N> load_inside(const T* row, std::int64_t first, std::int64_t stride) const {
    if constexpr (kStride == 1 || N == 1) {
      return Lanes<N, true>{}.load(row + first);
    } else if constexpr (kStride == 2) {
      return memory::even_lanes(Lanes<N, true>{}.load(row + first), Lanes<N, true>{}.load(row + first + N - 1));
    } else {
      return memory::gather_strided<T, N>(row, first, stride, INT64_MAX, T{});
    }
  }

  // The adjoint of a strided read: lane l reads row[(first + l) / stride] where stride divides first + l and the
  // quotient is inside [0, limit), and `fill` elsewhere.
  template <class T>
  RECEPTIVE_FN Pack<T, N> load_spread(const T* row, std::int64_t first, std::int64_t stride, std::int64_t limit,
                                      T fill) const {
    if (stride == 1) return load_range(row, first, limit, fill);
    if constexpr (N > 1) {
      if (stride == 2) {
        const int phase = static_cast<int>(first & 1);
        return memory::spread_lanes(load_range(row, (first + phase) / 2, limit, fill), phase, Pack<T, N>(fill));
      }
    }
    return memory::gather_spread<T, N>(row, first, stride, limit, fill);
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
