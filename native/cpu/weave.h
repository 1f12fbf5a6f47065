// Rows put together from the phases of a stride.
#pragma once

#include "executor.h"

namespace receptive::RECEPTIVE_TARGET {

// Element `j * stride + phase` of row i from phases[phase * apart + i * width + j], for `columns` of each phase; of a
// row are written its first `length` elements, and the next one is `row` further on. `phases` may be read a vector
// past its end.
template <class T>
struct Weave {
  static constexpr int N = kLanes<T>;
  std::int64_t stride;
  std::int64_t apart;
  std::int64_t width;
  std::int64_t row;

  RECEPTIVE_FN void run(const T* phases, std::int64_t rows, std::int64_t columns, std::int64_t length, T* to) const {
    for (std::int64_t i = 0; i < rows; ++i, phases += width, to += row) {
      if (stride == 1) {
        for (std::int64_t j = 0; j < columns; j += N) store(to + j, columns - j, Pack<T, N>::read(phases + j));
      } else if (stride == 2) {
        for (std::int64_t j = 0; j < columns; j += N) {
          const auto even = Pack<T, N>::read(phases + j), odd = Pack<T, N>::read(phases + apart + j);
          store(to + 2 * j, length - 2 * j, memory::interleave_low(even, odd));
          store(to + 2 * j + N, length - 2 * j - N, memory::interleave_high(even, odd));
        }
      } else {
        for (std::int64_t phase = 0; phase < stride; ++phase) {
          const T* from = phases + phase * apart;
          for (std::int64_t x = phase, j = 0; x < length; x += stride, ++j) to[x] = from[j];
        }
      }
    }
  }

 private:
  RECEPTIVE_FN static void store(T* to, std::int64_t left, Pack<T, N> value) {
    if (left >= N) return value.write(to);
    if (left > 0) Lanes<N, false>{static_cast<int>(left)}.store(to, value);
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
