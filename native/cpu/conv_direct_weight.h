// The gradient by weight of the `direct` convolution: each tap is summed over bands of the input (plane_band.h) in
// vectors, the sums of the bands are added in order, and at the end the lanes. A task is some filters of a group, so
// that no bit depends on the number of threads.
#pragma once

#include "conv_direct.h"

namespace receptive::RECEPTIVE_TARGET {

template <class T, class X>
class DirectWeight {
 public:
  DirectWeight(const X& executor, const ConvAttrs& a, const T* input, const T* gradient, T* output) : DirectWeight(a) {
    executor_ = &executor;
    input_ = input, gradient_ = gradient, output_ = output;
    offsets_ = reinterpret_cast<std::int32_t*>(executor.workspace());
    workers_ = reinterpret_cast<T*>(executor.workspace() + shared_bytes());
  }

  static std::int64_t workspace(const ConvAttrs& a, int threads) {
    const DirectWeight weight(a);
    return weight.shared_bytes() + threads * weight.worker_elements() * static_cast<std::int64_t>(sizeof(T));
  }

  void run() const {
    if (output_taps() * shape_.filters == 0) return;
    for (std::int64_t t = 0; t < padded_; ++t) {
      const std::int64_t tap = min_of(t, output_taps() - 1), in_plane = tap % shape_.taps;
      offsets_[t] = band_.offset(tap / shape_.taps, in_plane / shape_.x.kernel * shape_.y.dilation,
                                 band_.column_of(in_plane % shape_.x.kernel));
    }
    const std::int64_t parts = ceil_div(shape_.filters, kFilters), tasks = shape_.groups * parts;
    const std::int64_t per_task = shape_.images * shape_.out_pixels * min_of(shape_.filters, kFilters);
    const std::int64_t together = max_of(1, kGrain / max_of(per_task, 1));
    const bool parallel = tasks * per_task * output_taps() > 100000;
    executor_->for_each(ceil_div(tasks, together), parallel, [&](std::int64_t task, int worker) {
      for (std::int64_t i = task * together; i < min_of((task + 1) * together, tasks); ++i) {
        some_filters(i / parts, i % parts * kFilters, worker);
      }
    });
  }

 private:
  static constexpr int N = kLanes<T>;
  static constexpr int kTaps = 9;              // summed together, in registers
  static constexpr std::int64_t kFilters = 8;  // of a group, by one task

  explicit DirectWeight(const ConvAttrs& a)
      : shape_(a),
        padded_(round_up(output_taps(), kTaps)),
        dense_(dense3x3(a) == 1),
        band_(shape_.channels, BandAxis::forward(shape_.y), BandAxis::forward(shape_.x)) {}

  RECEPTIVE_FN std::int64_t output_taps() const { return shape_.products(); }
  RECEPTIVE_FN std::int64_t shared_bytes() const { return round_up(padded_ * 4, kVectorBytes); }
  RECEPTIVE_FN std::int64_t band_elements() const { return round_up(band_.elements(), N); }
  RECEPTIVE_FN std::int64_t worker_elements() const {
    return band_elements() + (min_of(shape_.filters, kFilters) * padded_ + N) * N;
  }

  void some_filters(std::int64_t group, std::int64_t first, int worker) const {
    const std::int64_t count = min_of(kFilters, shape_.filters - first);
    T* lines = workers_ + worker * worker_elements();
    T* totals = lines + band_elements();  // [filter][tap][lane]
    for (std::int64_t i = 0; i < count * padded_; ++i) Pack<T, N>(T{0}).write(totals + i * N);
    for (std::int64_t image = 0; image < shape_.images; ++image) {
      const std::int64_t item = image * shape_.groups + group;
      const T* planes = input_ + item * shape_.channels * shape_.in_pixels;
      const T* gradients = gradient_ + (item * shape_.filters + first) * shape_.out_pixels;
      for (std::int64_t oy = 0; oy < shape_.y.output; oy += band_.height()) {
        const std::int64_t rows = min_of(band_.height(), shape_.y.output - oy);
        for (std::int64_t ox = 0; ox < shape_.x.output; ox += band_.width()) {
          band_.fill(planes, shape_.in_pixels, oy, ox, lines);
          const T* g = gradients + oy * shape_.x.output + ox;
          add_filters(lines, g, rows, min_of(band_.width(), shape_.x.output - ox), count, totals);
        }
      }
    }
    T* to = output_ + (group * shape_.filters + first) * output_taps();
    for (std::int64_t k = 0; k < count; ++k) {
      for (std::int64_t t = 0; t < output_taps(); t += N) {
        sum_lanes(totals + (k * padded_ + t) * N, static_cast<int>(min_of(N, output_taps() - t)), to + t);
      }
      to += output_taps();
    }
  }

  void add_filters(const T* lines, const T* g, std::int64_t rows, std::int64_t width, std::int64_t count,
                   T* totals) const {
    for (std::int64_t k = 0; k < count;) {
      const int together = !dense_ && kVectorRegisters == 32 && count - k >= 2 ? 2 : 1;
      for (std::int64_t t = 0; t < padded_; t += kTaps) {
        const T* from = g + k * shape_.out_pixels;
        T* to = totals + (k * padded_ + t) * N;
        if (dense_) {
          add_dense(lines + offsets_[t], from, rows, width, to);
        } else if (together == 1) {
          add<1>(lines, offsets_ + t, from, rows, width, to);
        } else if constexpr (kVectorRegisters == 32) {
          add<2>(lines, offsets_ + t, from, rows, width, to);
        }
      }
      k += together;
    }
  }

  RECEPTIVE_FN static void add_to(T* totals, const Pack<T, N> (&sums)[kTaps]) {
#pragma GCC unroll 9
    for (int t = 0; t < kTaps; ++t) (Pack<T, N>::read(totals + t * N) + sums[t]).write(totals + t * N);
  }

  // kTaps taps of some rows of a band and of kTogether gradients.
  template <int kTogether>
  __attribute__((noinline)) void add(const T* lines, const std::int32_t* offsets, const T* g, std::int64_t rows,
                                     std::int64_t width, T* totals) const {
    const std::int64_t next = shape_.x.output, apart = shape_.out_pixels, row_step = band_.row_step();
    Pack<T, N> sums[kTogether][kTaps];
#pragma GCC unroll 2
    for (int k = 0; k < kTogether; ++k) {
#pragma GCC unroll 9
      for (int t = 0; t < kTaps; ++t) sums[k][t] = Pack<T, N>(T{0});
    }
    const T* from[kTaps];
    for (int t = 0; t < kTaps; ++t) from[t] = lines + offsets[t];
    for (std::int64_t j = 0, row = 0; j < rows; ++j, row += row_step, g += next) {
      along(width, [&](std::int64_t x, auto load) {
        Pack<T, N> gradients[kTogether];
#pragma GCC unroll 2
        for (int k = 0; k < kTogether; ++k) gradients[k] = load(g + k * apart + x);
#pragma GCC unroll 9
        for (int t = 0; t < kTaps; ++t) {
          const auto v = load(from[t] + row + x);
#pragma GCC unroll 2
          for (int k = 0; k < kTogether; ++k) sums[k][t] = gradients[k] * v + sums[k][t];
        }
      });
    }
#pragma GCC unroll 2
    for (int k = 0; k < kTogether; ++k) add_to(totals + k * padded_ * N, sums[k]);
  }

  // The nine taps of a 3x3 kernel without stride and dilation; what its rows have in common is read once.
  __attribute__((noinline)) void add_dense(const T* lines, const T* g, std::int64_t rows, std::int64_t width,
                                           T* totals) const {
    constexpr int kHeight = kVectorRegisters == 32 ? 4 : 2;
    const std::int64_t next = shape_.x.output, row_step = band_.row_step();
    Pack<T, N> sums[kTaps];
#pragma GCC unroll 9
    for (int t = 0; t < kTaps; ++t) sums[t] = Pack<T, N>(T{0});
    std::int64_t j = 0;
    for (; j + kHeight <= rows; j += kHeight) {
      add_rows<kHeight>(lines + j * row_step, row_step, g + j * next, next, width, sums);
    }
    for (; j < rows; ++j) add_rows<1>(lines + j * row_step, row_step, g + j * next, next, width, sums);
    add_to(totals, sums);
  }

  // step(x, load) for the vectors of a row. The last one may be partial: what it reads of the input is masked as the
  // gradient is, since 0 times an element that no window has need not be 0.
  template <class F>
  RECEPTIVE_FN static void along(std::int64_t width, F&& step) {
    std::int64_t x = 0;
    for (; x + N <= width; x += N) step(x, [](const T* at) { return Pack<T, N>::read(at); });
    if (x == width) return;
    const memory::LaneRange<T, N> rest(0, static_cast<int>(width - x));
    step(x, [&rest](const T* at) { return rest.load(at, Pack<T, N>(T{0})); });
  }

  template <int kHeight>
  RECEPTIVE_FN static void add_rows(const T* from, std::int64_t row_step, const T* g, std::int64_t next,
                                    std::int64_t width, Pack<T, N> (&sums)[kTaps]) {
    along(width, [&](std::int64_t x, auto load) {
      Pack<T, N> gradients[kHeight];
#pragma GCC unroll 4
      for (int j = 0; j < kHeight; ++j) gradients[j] = load(g + j * next + x).in_register();
#pragma GCC unroll 8
      for (int q = 0; q < kHeight + 2; ++q) {
        Pack<T, N> v[3];
#pragma GCC unroll 3
        for (int s = 0; s < 3; ++s) v[s] = load(from + q * row_step + x + s).in_register();
#pragma GCC unroll 3
        for (int r = 0; r < 3; ++r) {
          if (q < r || q - r >= kHeight) continue;
#pragma GCC unroll 3
          for (int s = 0; s < 3; ++s) sums[3 * r + s] = gradients[q - r] * v[s] + sums[3 * r + s];
        }
      }
    });
  }

  // v[i] = the sums of neighbouring lanes of v[2 i] and v[2 i + 1], until v[0] has the sums of all.
  template <int kCount>
  RECEPTIVE_FN static void pairs(Pack<T, N> (&v)[N]) {
    if constexpr (kCount > 1) {
#pragma GCC unroll 8
      for (int i = 0; i < kCount / 2; ++i) {
        v[i] = memory::even_of_pair(v[2 * i], v[2 * i + 1]) + memory::odd_of_pair(v[2 * i], v[2 * i + 1]);
      }
      pairs<kCount / 2>(v);
    }
  }

  // The sum of each vector's lanes, for up to N vectors at once. What it reads behind `count` vectors does not matter.
  RECEPTIVE_FN static void sum_lanes(const T* totals, int count, T* to) {
    Pack<T, N> v[N];
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i) v[i] = Pack<T, N>::read(totals + i * N);
    pairs<N>(v);
    Lanes<N, false>{count}.store(to, v[0]);
  }

  ConvShape shape_;
  std::int64_t padded_;  // taps
  bool dense_;
  PlaneBand<T> band_;
  const X* executor_ = nullptr;
  const T* input_ = nullptr;
  const T* gradient_ = nullptr;
  T* output_ = nullptr;
  std::int32_t* offsets_ = nullptr;
  T* workers_ = nullptr;
};

}  // namespace receptive::RECEPTIVE_TARGET
