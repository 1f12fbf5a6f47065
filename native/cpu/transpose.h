// Blocked transpose: dst[b * db + a] = src[a * sa + b] for a < A, b < B. Tiles of N x N elements are turned in
// registers by log2 N rounds of interleaving. Tiles that share a destination's cache line follow each other, and along
// them the source is read in long runs.
#pragma once

#include <cstdint>
#include <utility>

#include "lanes.h"

namespace receptive::RECEPTIVE_TARGET {

// Bytes are turned 16 at a time: wider registers of bytes have no shuffles across their lanes on most targets.
template <class T>
inline constexpr int kTurn = sizeof(T) == 1 ? 16 : kLanes<T>;
// The first (kHalf 0) or second half of the lanes of a and b in turn: a0 b0 a1 b1 … With R < N the same within each run
// of R lanes.
template <int kHalf, int R, class T, int N, int... kLane>
RECEPTIVE_FN Pack<T, N> interleave(Pack<T, N> a, Pack<T, N> b, std::integer_sequence<int, kLane...>) {
  return Pack<T, N>(
      __builtin_shufflevector(a.v, b.v, (kLane % 2 * N + kLane / R * R + kLane % R / 2 + kHalf * R / 2)...));
}

template <class T, int H, int... kLane>
RECEPTIVE_FN Pack<T, 2 * H> join(Pack<T, H> a, Pack<T, H> b, std::integer_sequence<int, kLane...>) {
  return Pack<T, 2 * H>(__builtin_shufflevector(a.v, b.v, kLane...));
}
template <class T, int H>
RECEPTIVE_FN Pack<T, 2 * H> join(Pack<T, H> a, Pack<T, H> b) {
  return join(a, b, std::make_integer_sequence<int, 2 * H>{});
}

// Rounds of interleaving, of log2 R that transpose: the rows r[i] and r[i + R / 2] into next[2 i] and next[2 i + 1].
template <int kRounds, class T, int N, std::size_t R>
RECEPTIVE_FN void interleave_rows(Pack<T, N> (&r)[R]) {
  if constexpr (kRounds > 0) {
    constexpr auto lanes = std::make_integer_sequence<int, N>{};
    constexpr int half = static_cast<int>(R) / 2;
    Pack<T, N> next[R];
#pragma GCC unroll 32
    for (int i = 0; i < half; ++i) {
      next[2 * i] = interleave<0, static_cast<int>(R)>(r[i], r[i + half], lanes);
      next[2 * i + 1] = interleave<1, static_cast<int>(R)>(r[i], r[i + half], lanes);
    }
    interleave_rows<kRounds / 2>(next);
#pragma GCC unroll 32
    for (int i = 0; i < 2 * half; ++i) r[i] = next[i];
  }
}

// Whether registers are two halves that shuffles cross only with instructions of their own.
template <class T>
inline constexpr bool kHalves = kVectorBytes == 32 && sizeof(T) >= 4;

// rows[b] = src[a * sa + b] for the N values of a. Registers of two halves are read as such, rows a and a + N / 2
// together: what is turned then are the halves by themselves, in half as many shuffles.
template <class T, int N>
RECEPTIVE_FN void read_turned(const T* src, std::int64_t sa, Pack<T, N> (&rows)[N]) {
  if constexpr (kHalves<T>) {
    constexpr int H = N / 2;
#pragma GCC unroll 2
    for (int h = 0; h < N; h += H) {
      Pack<T, N> part[H];
#pragma GCC unroll 16
      for (int i = 0; i < H; ++i) {
        part[i] = join(Pack<T, H>::read(src + i * sa + h), Pack<T, H>::read(src + (i + H) * sa + h));
      }
      interleave_rows<H / 2>(part);
#pragma GCC unroll 16
      for (int i = 0; i < H; ++i) rows[h + i] = part[i];
    }
  } else {
#pragma GCC unroll 32
    for (int i = 0; i < N; ++i) rows[i] = Pack<T, N>::read(src + i * sa);
    interleave_rows<N / 2>(rows);
  }
}

// Whether a row of a tile is a whole cache line, which a store past the caches sends to memory at once. Parts of a line
// were slower that way than ordinary stores (AVX2: 1.4 ns an element, not 0.35).
template <class T>
inline constexpr bool kTurnsLines = kTurn<T> * sizeof(T) == 64;

template <class T, int N>
RECEPTIVE_FN void stream_store(T* at, Pack<T, N> value) {
#if defined(__AVX512F__)
  if constexpr (kTurnsLines<T>) {
    _mm512_stream_si512(reinterpret_cast<__m512i*>(at), reinterpret_cast<__m512i>(value.v));
    return;
  }
#endif
  value.write(at);
}

// Makes streamed stores visible to other threads before anything that this one stores later.
RECEPTIVE_FN void stream_fence() {
#if defined(__AVX512F__)
  _mm_sfence();
#endif
}

// Lines of memory read at a time where each is long: processors follow some eight to sixteen streams.
template <class T>
inline constexpr int kStreams = kTurn<T> > 12 ? kTurn<T> : 12 / kTurn<T>* kTurn<T>;

template <class T>
struct Transpose {
  static constexpr int N = kTurn<T>;
  static constexpr int L = 64 / static_cast<int>(sizeof(T));  // elements of a cache line
  const T* src;
  T* dst;
  std::int64_t sa;
  std::int64_t db;

  template <bool kStream>
  RECEPTIVE_FN void tile(std::int64_t a, std::int64_t b) const {
    Pack<T, N> rows[N];  // in registers, hence the unrolling, which -O2 does not do by itself
    read_turned(src + a * sa + b, sa, rows);
#pragma GCC unroll 32
    for (int i = 0; i < N; ++i) {
      if constexpr (kStream) {
        stream_store(dst + (b + i) * db + a, rows[i]);
      } else {
        rows[i].write(dst + (b + i) * db + a);
      }
    }
  }

  // Tiles [a, a + L) x [b, b + L) of a block that ends at a_end, b_end; the last tiles overlap their neighbours.
  template <bool kStream>
  RECEPTIVE_FN void line_tiles(std::int64_t a, std::int64_t a_end, std::int64_t b, std::int64_t b_end) const {
    for (std::int64_t i = a; i < a_end && i < a + L; i += N) {
      for (std::int64_t j = b; j < b_end && j < b + L; j += N) {
        tile<kStream>(i + N <= a_end ? i : a_end - N, j + N <= b_end ? j : b_end - N);
      }
    }
  }

  // Elements [a, a_end) x [b, b_end), at least a tile each way. kStream: past the caches; all rows of tiles are then
  // whole lines. Where they are, the source is read in long runs; elsewhere the destination is filled line after line.
  template <bool kStream>
  __attribute__((noinline)) void block(std::int64_t a, std::int64_t a_end, std::int64_t b, std::int64_t b_end) const {
    if constexpr (kTurnsLines<T>) {
      for (std::int64_t i = a; i < a_end; i += L) {
        for (std::int64_t j = b; j < b_end; j += L) line_tiles<kStream>(i, a_end, j, b_end);
      }
    } else {
      for (std::int64_t j = b; j < b_end; j += L) {
        for (std::int64_t i = a; i < a_end; i += L) line_tiles<kStream>(i, a_end, j, b_end);
      }
    }
  }

  // The same for fewer rows or columns than a tile: the longer side is the inner loop.
  __attribute__((noinline)) void thin_block(std::int64_t a, std::int64_t a_end, std::int64_t b,
                                            std::int64_t b_end) const {
    if (a_end - a >= b_end - b) {
      for (std::int64_t j = b; j < b_end; ++j) {
        for (std::int64_t i = a; i < a_end; ++i) dst[j * db + i] = src[i * sa + j];
      }
    } else {
      for (std::int64_t i = a; i < a_end; ++i) {
        for (std::int64_t j = b; j < b_end; ++j) dst[j * db + i] = src[i * sa + j];
      }
    }
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
