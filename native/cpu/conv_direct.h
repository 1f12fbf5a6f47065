// The `direct` convolution, NCHW, for few channels per group (one: depthwise), where a matrix product would share
// nothing and its panels cost more to pack than to multiply. Lanes lie along a row. All sums are over lists of taps in
// a band (plane_band.h, tap_sums.h). Like all algorithms it counts padding as 0 * w.
//
// Forward: the band holds a group's input channels; an output's taps come in the order channel, r, s.
// Gradient by input: the band holds a group's gradients. Input pixels whose index leaves the same remainder by the
// stride form a phase and share a list of taps (conv_phases.h); the phases of a row are woven into it.
// One task is a band and some filters: no bit depends on how they are cut.
#pragma once

#include "../ops/conv_shape.h"
#include "plane_band.h"
#include "tap_sums.h"
#include "weave.h"

namespace receptive::RECEPTIVE_TARGET {

// The stride of a 3x3 kernel without dilation, where it is 1 or 2 both ways; else 0.
RECEPTIVE_FN int dense3x3(const ConvAttrs& a) {
  const bool dense = a.kernel.h == 3 && a.kernel.w == 3 && a.dilation.h == 1 && a.dilation.w == 1;
  return dense && a.stride.h == a.stride.w && a.stride.h <= 2 ? static_cast<int>(a.stride.h) : 0;
}

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
    if constexpr (kBack) {
      const std::int64_t reach = (whole.kernel - 1) * whole.dilation;
      const std::int64_t origin = ceil_quotient(whole.before - reach, whole.stride);
      const std::int64_t span = ceil_quotient(whole.before, whole.stride) - origin + 1;
      return BandAxis{whole.output, ceil_div(whole.input, whole.stride), 1, origin, span, 1, 1};
    } else {
      return BandAxis::forward(whole);
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
  RECEPTIVE_FN std::int64_t band_elements() const { return round_up(band_.elements(), N); }
  RECEPTIVE_FN std::int64_t worker_elements() const {
    return band_elements() + round_up(phases_of(shape_.x) * woven() + N, N);
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
            offsets_[count++] = band_.offset(plane, y.offset[r], x.offset[s]);
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
      T* phases = lines + band_elements();
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

}  // namespace receptive::RECEPTIVE_TARGET
