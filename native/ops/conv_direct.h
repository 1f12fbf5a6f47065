// The `direct` convolution, NCHW, for few channels per group (one: depthwise), where a matrix product would share
// nothing and its panels cost more to pack than to multiply. Lanes lie along a row. All sums are over lists of taps in
// a band (plane_band.h): a tap is an offset in the band and a weight. Like all algorithms it counts padding as 0 * w.
//
// Forward: the band holds a group's input channels; an output's taps come in the order channel, r, s.
// Gradient by input: the band holds a group's gradients. Input pixels whose index leaves the same remainder by the
// stride form a phase and share a list of taps (conv_phases.h); the phases of a row are woven into it.
// Gradient by weight: each tap is summed over the band in vectors, bands in order, and then over the lanes.
// One task is a band and some filters: no bit depends on how they are cut.
#pragma once

#include "conv_shape.h"
#include "plane_band.h"
#include "weave.h"

namespace receptive::RECEPTIVE_TARGET {

inline constexpr std::int64_t kDirectChannels = 8;  // of a group
inline constexpr std::int64_t kDirectReach = 128;   // rows and columns from a window's first tap to its last, strides

RECEPTIVE_FN bool fits_direct(const ConvAttrs& a) {
  const auto near = [](std::int64_t kernel, std::int64_t dilation, std::int64_t stride) {
    return kernel <= kDirectReach && (kernel - 1) * dilation < kDirectReach && stride <= kDirectReach;
  };
  return !a.nhwc && a.channels <= kDirectChannels * a.groups && near(a.kernel.h, a.dilation.h, a.stride.h) &&
         near(a.kernel.w, a.dilation.w, a.stride.w);
}

// The stride of a 3x3 kernel without dilation, where it is 1 or 2 both ways; else 0.
RECEPTIVE_FN int dense3x3(const ConvAttrs& a) {
  const bool dense = a.kernel.h == 3 && a.kernel.w == 3 && a.dilation.h == 1 && a.dilation.w == 1;
  return dense && a.stride.h == a.stride.w && a.stride.h <= 2 ? static_cast<int>(a.stride.h) : 0;
}

// Sums over taps for some results at a time. Planes of results share what they read, rows of results a tap's weight.
template <class T>
struct TapSums {
  static constexpr int N = kLanes<T>;
  static constexpr bool kManyRegisters = kVectorRegisters == 32;
  static constexpr int kFourRows = kManyRegisters ? 4 : 2;
  static constexpr int kRows = 4, kDenseRows = kManyRegisters ? 4 : 2;

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
    if (last - first >= 4) return several<4, kFourRows>(first, last);
    for (std::int64_t i = first; i < last; ++i) {
      if (dense == 1) {
        planes<1, kDenseRows, 1>(i);
      } else if (dense == 2) {
        planes<1, kDenseRows, 2>(i);
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
      for (int r = 0; r < kHeight; ++r) p.store(out + k * apart + r * row, clamp(sums[k][r] + factors.bias[k]));
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

// Taps of one axis for one phase of results, first to last in the band.
struct TapAxis {
  std::int64_t count = 0;
  std::int64_t tap[kDirectReach];
  std::int64_t offset[kDirectReach];
};

// Forward, and (kBack) the gradient by input.
template <class T, bool kBack, class X>
class DirectSums {
 public:
  DirectSums(const X& executor, const ConvAttrs& a, const T* source, const T* weight, const T* bias, T* to)
      : DirectSums(a) {
    executor_ = &executor;
    clamp_ = clamp_of<T>(a);
    source_ = source, weight_ = weight, bias_ = bias, to_ = to;
    weights_ = reinterpret_cast<T*>(executor.workspace());
    offsets_ = reinterpret_cast<std::int32_t*>(weights_ + round_up(weight_elements(), N));
    starts_ = offsets_ + list_taps();
    workers_ = reinterpret_cast<T*>(executor.workspace() + shared_bytes());
  }

  static std::int64_t workspace(const ConvAttrs& a, int threads) {
    const DirectSums sums(a);
    return sums.shared_bytes() + threads * sums.worker_elements() * static_cast<std::int64_t>(sizeof(T));
  }

  void run() {
    list();
    const std::int64_t bands = shape_.images * shape_.groups * band_.parts_y() * band_.parts_x();
    const std::int64_t per_band = band_.height() * band_.width() * phases() * results_;
    if (bands == 0 || results_ == 0) return;
    const bool parallel = bands * per_band * (1 + reads_ * shape_.taps) > 200000;
    // Bands of few results go to a thread several at a time, the results of few bands to several threads.
    const std::int64_t together = max_of(1, kGrain / per_band);
    const std::int64_t wanted = executor_->threads() > 1 ? ceil_div(3 * executor_->threads(), bands) : 1;
    const std::int64_t part = max_of(8, ceil_div(results_, wanted));
    const std::int64_t parts = together > 1 ? 1 : ceil_div(results_, part);
    executor_->for_each(ceil_div(bands, together) * parts, parallel, [&](std::int64_t task, int worker) {
      const std::int64_t first = task / parts * together, from = task % parts * part;
      const std::int64_t to = parts == 1 ? results_ : min_of(from + part, results_);
      Position at = position(first);
      for (std::int64_t i = first; i < min_of(first + together, bands); ++i, next(at)) band(at, from, to, worker);
    });
  }

 private:
  static constexpr int N = kLanes<T>;

  explicit DirectSums(const ConvAttrs& a)
      : shape_(a),
        reads_(kBack ? shape_.filters : shape_.channels),
        results_(kBack ? shape_.channels : shape_.filters),
        dense_(reads_ > 1 || (kBack && dense3x3(a) != 1) ? 0 : dense3x3(a)),
        band_(reads_, axis(shape_.y), axis(shape_.x)),
        units_y_(ceil_div(results_of(shape_.y), phases_of(shape_.y))),
        units_x_(ceil_div(results_of(shape_.x), phases_of(shape_.x))) {}

  RECEPTIVE_FN static std::int64_t phases_of(const Axis& axis) { return kBack ? axis.stride : 1; }
  RECEPTIVE_FN std::int64_t phases() const { return phases_of(shape_.y) * phases_of(shape_.x); }
  RECEPTIVE_FN static std::int64_t results_of(const Axis& axis) { return kBack ? axis.input : axis.output; }
  RECEPTIVE_FN static std::int64_t ceil_quotient(std::int64_t a, std::int64_t b) {
    return a >= 0 ? ceil_div(a, b) : -(-a / b);
  }
  RECEPTIVE_FN static BandAxis axis(const Axis& whole) {
    const std::int64_t reach = (whole.kernel - 1) * whole.dilation;
    if constexpr (kBack) {
      const std::int64_t origin = ceil_quotient(whole.before - reach, whole.stride);
      const std::int64_t span = ceil_quotient(whole.before, whole.stride) - origin + 1;
      return BandAxis{whole.output, ceil_div(whole.input, whole.stride), 1, origin, span, 1, 1};
    } else {
      return BandAxis{whole.input, whole.output, whole.stride, -whole.before, reach + 1, whole.kernel, whole.dilation};
    }
  }

  // The shared part of the workspace: weights [group][phase][result][tap] (backward), lists of taps by phase.
  RECEPTIVE_FN std::int64_t list_taps() const { return reads_ * shape_.taps; }
  RECEPTIVE_FN std::int64_t weight_elements() const { return kBack ? shape_.groups * results_ * list_taps() : 0; }
  RECEPTIVE_FN std::int64_t shared_bytes() const {
    const std::int64_t ints = list_taps() + phases() + 1;
    return round_up(round_up(weight_elements(), N) * static_cast<std::int64_t>(sizeof(T)) + ints * 4, kVectorBytes);
  }
  RECEPTIVE_FN std::int64_t woven() const { return phases_of(shape_.x) > 1 ? band_.height() * band_.width() : 0; }
  RECEPTIVE_FN std::int64_t worker_elements() const {
    return round_up(band_.elements() + phases_of(shape_.x) * woven() + N, N);
  }

  // The taps of one phase, as offsets of lines or columns.
  void taps_of(const Axis& whole, bool vertical, std::int64_t phase, TapAxis& to) const {
    to.count = 0;
    for (std::int64_t i = 0; i < whole.kernel; ++i) {
      const std::int64_t k = kBack ? whole.kernel - 1 - i : i;
      std::int64_t at = vertical ? k * whole.dilation : band_.column_of(k);
      if constexpr (kBack) {
        const std::int64_t up = phase + whole.before - k * whole.dilation;
        if (up % whole.stride != 0) continue;
        at = up / whole.stride - axis(whole).origin;
      }
      to.tap[to.count] = k;
      to.offset[to.count++] = at;
    }
  }

  void list() {
    TapAxis y, x;
    std::int32_t count = 0;
    std::int64_t before = 0;  // weights of a group in the phases before
    for (std::int64_t phase = 0; phase < phases(); ++phase) {
      taps_of(shape_.y, true, phase / phases_of(shape_.x), y);
      taps_of(shape_.x, false, phase % phases_of(shape_.x), x);
      starts_[phase] = count;
      for (std::int64_t plane = 0; plane < reads_; ++plane) {
        for (std::int64_t r = 0; r < y.count; ++r) {
          for (std::int64_t s = 0; s < x.count; ++s) {
            offsets_[count++] =
                static_cast<std::int32_t>(plane * band_.plane() + y.offset[r] * band_.line() + x.offset[s]);
          }
        }
      }
      if constexpr (kBack) {
        gather(y, x, before);
        before += results_ * reads_ * y.count * x.count;
      }
    }
    starts_[phases()] = count;
  }

  // Backward: the weights of one phase, by channel, in the order of its list.
  void gather(const TapAxis& y, const TapAxis& x, std::int64_t before) {
    for (std::int64_t group = 0; group < shape_.groups; ++group) {
      T* to = weights_ + group * results_ * list_taps() + before;
      const T* from = weight_ + group * shape_.filters * shape_.products();
      for (std::int64_t channel = 0; channel < results_; ++channel) {
        for (std::int64_t filter = 0; filter < reads_; ++filter) {
          const T* taps = from + filter * shape_.products() + channel * shape_.taps;
          for (std::int64_t r = 0; r < y.count; ++r) {
            for (std::int64_t s = 0; s < x.count; ++s) *to++ = taps[y.tap[r] * shape_.x.kernel + x.tap[s]];
          }
        }
      }
    }
  }

  // A band: bands are counted along rows, then down a group of an image, then by groups and images. Counted on rather
  // than divided anew, since divisions took longer than a plane of 7x7.
  struct Position {
    std::int64_t part_x, part_y, group, item;
  };
  RECEPTIVE_FN Position position(std::int64_t index) const {
    const std::int64_t rest = index / band_.parts_x(), item = rest / band_.parts_y();
    return Position{index % band_.parts_x(), rest % band_.parts_y(), item % shape_.groups, item};
  }
  RECEPTIVE_FN void next(Position& at) const {
    if (++at.part_x < band_.parts_x()) return;
    at.part_x = 0;
    if (++at.part_y < band_.parts_y()) return;
    at.part_y = 0;
    ++at.item;
    if (++at.group == shape_.groups) at.group = 0;
  }

  // Results [begin, end) of one band.
  void band(const Position& position, std::int64_t begin, std::int64_t end, int worker) const {
    const auto [part_x, part_y, group, item] = position;
    const std::int64_t oy = part_y * band_.height(), ox = part_x * band_.width();
    const Axis &y = shape_.y, &x = shape_.x;
    const std::int64_t read_pixels = kBack ? shape_.out_pixels : shape_.in_pixels;
    const std::int64_t pixels = kBack ? shape_.in_pixels : shape_.out_pixels;
    T* lines = workers_ + worker * worker_elements();
    band_.fill(source_ + item * reads_ * read_pixels, read_pixels, oy, ox, lines);
    const std::int64_t row = results_of(x);
    T* planes = to_ + item * results_ * pixels;
    TapSums<T> sums{};
    sums.clamp = clamp_;
    sums.band = lines;
    sums.row_step = band_.row_step();
    sums.bias = bias_ == nullptr ? nullptr : bias_ + group * results_;
    sums.dense = dense_;
    const std::int64_t step_y = phases_of(y), step_x = phases_of(x);
    for (std::int64_t phase_y = 0; phase_y < step_y; ++phase_y) {
      sums.rows = min_of(band_.height(), units_y_ - oy);
      if ((oy + sums.rows - 1) * step_y + phase_y >= results_of(y)) --sums.rows;  // a phase with a row less
      if (sums.rows == 0) break;
      T* at = planes + (oy * step_y + phase_y) * row + ox * step_x;
      if (step_x == 1) {
        take(sums, group, phase_y);
        sums.to = at;
        sums.apart = pixels;
        sums.row = step_y * row;
        sums.width = min_of(band_.width(), row - ox);
        sums.run(begin, end);
        continue;
      }
      T* phases = lines + round_up(band_.elements(), N);
      const Weave<T> weave{step_x, woven(), band_.width(), step_y * row};
      sums.apart = 0;
      sums.row = band_.width();
      sums.width = min_of(band_.width(), units_x_ - ox);
      for (std::int64_t result = begin; result < end; ++result) {
        for (std::int64_t phase_x = 0; phase_x < step_x; ++phase_x) {
          take(sums, group, phase_y * step_x + phase_x);
          sums.to = phases + phase_x * woven();
          sums.run(result, result + 1);
        }
        weave.run(phases, sums.rows, sums.width, min_of(sums.width * step_x, row - ox * step_x), at + result * pixels);
      }
    }
  }

  RECEPTIVE_FN void take(TapSums<T>& sums, std::int64_t group, std::int64_t phase) const {
    const std::int64_t start = starts_[phase];
    sums.offsets = offsets_ + start;
    sums.taps = starts_[phase + 1] - start;
    sums.weights = (kBack ? weights_ + start * results_ : weight_) + group * results_ * list_taps();
  }

  ConvShape shape_;
  std::int64_t reads_;  // planes of a group that are read, and planes of its results
  std::int64_t results_;
  int dense_;
  PlaneBand<T> band_;
  std::int64_t units_y_, units_x_;  // results of a phase
  const X* executor_ = nullptr;
  const T* source_ = nullptr;
  const T* weight_ = nullptr;
  const T* bias_ = nullptr;
  Clamp<T> clamp_;
  T* to_ = nullptr;
  T* weights_ = nullptr;
  std::int32_t* offsets_ = nullptr;
  std::int32_t* starts_ = nullptr;
  T* workers_ = nullptr;
};

// Gradient by weight.
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
      offsets_[t] = static_cast<std::int32_t>(tap / shape_.taps * band_.plane() +
                                              in_plane / shape_.x.kernel * shape_.y.dilation * band_.line() +
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
        band_(shape_.channels, axis(shape_.y), axis(shape_.x)) {}

  RECEPTIVE_FN static BandAxis axis(const Axis& a) {
    return BandAxis{a.input, a.output, a.stride, -a.before, (a.kernel - 1) * a.dilation + 1, a.kernel, a.dilation};
  }
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

  // The sum of each vector's lanes, for up to N vectors at once: in pairs of neighbours, and pairs of those. What it
  // reads behind `count` vectors does not matter.
  RECEPTIVE_FN static void sum_lanes(const T* totals, int count, T* to) {
    Pack<T, N> v[N];
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i) v[i] = Pack<T, N>::read(totals + i * N);
#pragma GCC unroll 4
    for (int n = N; n > 1; n /= 2) {
#pragma GCC unroll 8
      for (int i = 0; i < n / 2; ++i) {
        v[i] = memory::even_of_pair(v[2 * i], v[2 * i + 1]) + memory::odd_of_pair(v[2 * i], v[2 * i + 1]);
      }
    }
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
