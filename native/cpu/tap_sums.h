// Sums over taps in a band (plane_band.h): what the `direct` convolution does all the time.
//
// Lanes lie along a row of results. A tap is an offset in the band and a weight. Several planes of results share what
// they read, several rows a tap's weight; under a 3x3 kernel on one plane the rows share what they read, too. However
// results are put together, each is the sum of its taps in the order of the list.
#pragma once

#include "../ops/clamp.h"
#include "executor.h"

namespace receptive::RECEPTIVE_TARGET {

// Sums over taps for some results at a time. Planes of results share what they read, rows of results a tap's weight.
template <class T>
struct TapSums {
  static constexpr int N = kLanes<T>;
  static constexpr bool kManyRegisters = kVectorRegisters == 32;
  static constexpr int kRows = 4, kSharingRows = kManyRegisters ? 4 : 2;

  const T* band;
  std::int64_t row_step;  // from one row of results to the next
  const std::int32_t* offsets;
  std::int64_t taps;
  const T* weights;    // [results][taps]
  const T* bias;       // [results], or null
  T* to;               // result (0, 0) of the first plane
  std::int64_t apart;  // planes of results
  std::int64_t row;    // rows of results
  std::int64_t rows, width;
  Clamp<T> clamp{};
  int dense;  // of one plane under a 3x3 kernel: dense3x3()

  RECEPTIVE_FN void run(std::int64_t first, std::int64_t last) const {
    if constexpr (kManyRegisters) {
      if (last - first >= 8) return several<8, 3>(first, last);
    }
    if (last - first >= 4) return several<4, kSharingRows>(first, last);
    for (std::int64_t i = first; i < last; ++i) {
      if (dense == 1) {
        planes<1, kSharingRows, 1>(i);
      } else if (dense == 2) {
        planes<1, kSharingRows, 2>(i);
      } else {
        planes<1, kRows, 0>(i);
      }
    }
  }

 private:
  template <int kResults, int kDense>
  struct Factors {
    Pack<T, N> bias[kResults];
    Pack<T, N> weights[kDense > 0 ? 9 : 1];
  };

  template <int kResults, int kHeight>
  RECEPTIVE_FN void several(std::int64_t first, std::int64_t last) const {
    for (std::int64_t i = first; i < last; i += kResults) planes<kResults, kHeight, 0>(min_of(i, last - kResults));
  }

  // The last tile of rows, or of columns, overlaps the one before where it may.
  template <int kResults, int kHeight, int kDense>
  __attribute__((noinline)) void planes(std::int64_t result) const {
    TapSums self = *this;  // a copy that no store can alias
    self.weights += result * taps;
    self.to += result * apart;
    Factors<kResults, kDense> factors;
    for (int k = 0; k < kResults; ++k) factors.bias[k] = Pack<T, N>(bias == nullptr ? T{0} : bias[result + k]);
    if constexpr (kDense > 0) {
      for (int t = 0; t < 9; ++t) factors.weights[t] = Pack<T, N>(self.weights[t]);
    }
    std::int64_t j = 0;
    for (; self.rows >= kHeight && j < self.rows; j += kHeight) {
      self.template columns<kResults, kHeight, kDense>(min_of(j, self.rows - kHeight), factors);
    }
    for (; j < self.rows; ++j) self.template columns<kResults, 1, kDense>(j, factors);
  }

  template <int kResults, int kHeight, int kDense>
  RECEPTIVE_FN void columns(std::int64_t j, const Factors<kResults, kDense>& factors) const {
    const T* from = band + j * row_step;
    T* out = to + j * row;
    if (width < N) return tile<kResults, kHeight>(from, out, factors, Lanes<N, false>{static_cast<int>(width)});
    for (std::int64_t x = 0; x < width; x += N) {
      const std::int64_t at = min_of(x, width - N);
      tile<kResults, kHeight>(from + at, out + at, factors, Lanes<N, true>{});
    }
  }

  template <int kResults, int kHeight, int kDense, class P>
  RECEPTIVE_FN void tile(const T* from, T* out, const Factors<kResults, kDense>& factors, P p) const {
    Pack<T, N> sums[kResults][kHeight];
#pragma GCC unroll 8
    for (int k = 0; k < kResults; ++k) {
#pragma GCC unroll 4
      for (int r = 0; r < kHeight; ++r) sums[k][r] = Pack<T, N>(T{0});
    }
    if constexpr (kDense > 0) {
      add_dense<kHeight, kDense>(from, factors.weights, sums[0]);
    } else {
      add<kResults, kHeight>(from, sums);
    }
#pragma GCC unroll 8
    for (int k = 0; k < kResults; ++k) {
#pragma GCC unroll 4
      for (int r = 0; r < kHeight; ++r) {
        Pack<T, N> value = sums[k][r] + factors.bias[k];
        if (clamp.any) value = clamp(value);
        p.store(out + k * apart + r * row, value);
      }
    }
  }

  template <int kResults, int kHeight>
  RECEPTIVE_FN void add(const T* from, Pack<T, N> (&sums)[kResults][kHeight]) const {
    const T* weight = weights;
    for (std::int64_t t = 0; t < taps; ++t, ++weight) {
      const T* source = from + offsets[t];
      Pack<T, N> v[kHeight];
#pragma GCC unroll 4
      for (int r = 0; r < kHeight; ++r) v[r] = Pack<T, N>::read(source + r * row_step);
#pragma GCC unroll 8
      for (int k = 0; k < kResults; ++k) {
        const Pack<T, N> w(weight[k * taps]);
#pragma GCC unroll 4
        for (int r = 0; r < kHeight; ++r) sums[k][r] = v[r] * w + sums[k][r];
      }
    }
  }

  // The same sums in the same order; what rows have in common is read once.
  template <int kHeight, int kStep>
  RECEPTIVE_FN void add_dense(const T* from, const Pack<T, N> (&w)[9], Pack<T, N> (&sums)[kHeight]) const {
    const std::int64_t line = kStep == 1 ? row_step : row_step / kStep;
    const std::int64_t columns[] = {0, kStep == 1 ? 1 : offsets[1] - offsets[0], kStep == 1 ? 2 : 1};
#pragma GCC unroll 10
    for (int q = 0; q < (kHeight - 1) * kStep + 3; ++q, from += line) {
      Pack<T, N> v[3];
#pragma GCC unroll 3
      for (int s = 0; s < 3; ++s) v[s] = Pack<T, N>::read(from + columns[s]).in_register();
#pragma GCC unroll 3
      for (int r = 2; r >= 0; --r) {
        const int row = (q - r) / kStep;
        if (q < r || (q - r) % kStep != 0 || row >= kHeight) continue;
#pragma GCC unroll 3
        for (int s = 0; s < 3; ++s) sums[row] = v[s] * w[3 * r + s] + sums[row];
      }
    }
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
