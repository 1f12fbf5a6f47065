// Average pooling with a fixed window.
//
// The divisor of a window counts its taps inside the padded input (countIncludePad) or inside the input; it is a
// product of a vertical and a horizontal count. Backward divides each gradient once, into the workspace, and then
// gathers per input element.
#pragma once

#include "strip.h"
#include "window_sums.h"

namespace receptive::RECEPTIVE_TARGET {

template <class T>
struct AvgPoolPlan {
  const T* input;
  T* output;
  std::int64_t channels;  // NHWC only
  Axis y;
  Axis x;
  bool count_padding;
};

// The horizontal counts of N outputs from `begin` on.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> tap_counts(const Axis& x, std::int64_t begin, int active, bool count_padding) {
  Pack<T, N> counts(T{1});
  for (int l = 0; l < active; ++l) counts.set(l, static_cast<T>(tap_count(x, begin + l, count_padding)));
  return counts;
}

// NCHW: as MaxPoolPlanes.
template <class T, int kStride, int kKernel>
struct AvgPoolPlanes {
  using Element = T;
  static constexpr bool kOverlap = true;
  AvgPoolPlan<T> plan;
  Range interior;

  struct Row {
    const T* plane;
    std::int64_t first;
    Range taps;
    std::int64_t out;
    T down;  // vertical count of the divisor
  };

  RECEPTIVE_FN std::int64_t plane(std::int64_t i) const { return i; }
  RECEPTIVE_FN Row row(std::int64_t plane, std::int64_t oy) const {
    const std::int64_t first = plan.y.first(oy);
    return Row{plan.input + plane * plan.y.input * plan.x.input, first, taps_inside(plan.y, first),
               (plane * plan.y.output + oy) * plan.x.output, static_cast<T>(tap_count(plan.y, oy, plan.count_padding))};
  }
  RECEPTIVE_FN Range inside(const Row& row) const {
    return kKernel == 0 || row.taps.end - row.taps.begin == kKernel ? interior : Range{0, 0};
  }

  template <class P, bool kInside>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t begin, P p) const {
    if constexpr (kKernel > 0) {
      strip<P, kInside>(row, begin, p);
    } else if (plan.x.dilation == 1 && (plan.x.stride > 2 || plan.x.kernel > kMostTaps)) {
      sums<P, kInside>(row, begin, p);
    } else if (!kInside && plan.x.kernel > plan.x.input) {
      lane_by_lane(row, begin, p.active);
    } else {
      taps<P, kInside>(row, begin, p);
    }
  }

 private:
  static constexpr int kMostTaps = 8;  // that are added one by one

  template <class P, bool kInside>
  RECEPTIVE_FN void strip(const Row& row, std::int64_t begin, P p) const {
    constexpr int N = P::count;
    using S = Strip<kStride, kKernel, T, N>;
    const std::int64_t first = plan.x.first(begin);
    const StripReader<kInside, kStride, kKernel, T, N> reader(first, plan.x.input);
    const std::int64_t step = plan.y.dilation * plan.x.input;
    const T* line = row.plane + row.first * plan.x.input + row.taps.begin * step + first;
    prefetch_strip<kStride, N>(line, step);
    S sum;
    for (auto& part : sum.part) part = Pack<T, N>(T(0));
    for_rows<kInside, kKernel>(0, row.taps.end - row.taps.begin, [&](std::int64_t r) RECEPTIVE_INLINE_LAMBDA {
      const S v = reader.read(line + r * step, T(0));
      sum.part[0] += v.part[0];
      sum.part[1] += v.part[1];
      if constexpr (S::kParts == 3) sum.part[2] += v.part[2];
    });
    if constexpr (kInside) {
      p.store(plan.output + row.out + begin, across(sum) / Pack<T, N>(T(kKernel * kKernel)));
    } else {
      p.store(plan.output + row.out + begin, across(sum) / (counts<N>(begin, p.active, reader) * Pack<T, N>(row.down)));
    }
  }

  template <int N>
  RECEPTIVE_FN static Pack<T, N> across(const Strip<kStride, kKernel, T, N>& strip) {
    const auto two = strip.template tap<0>() + strip.template tap<1>();
    if constexpr (kKernel == 2) return two;
    if constexpr (kKernel == 3) return two + strip.template tap<2>();
  }

  // The horizontal counts of N outputs.
  template <int N, class Reader>
  RECEPTIVE_FN Pack<T, N> counts(std::int64_t begin, int active, const Reader& inside_input) const {
    const Axis& x = plan.x;
    if (!plan.count_padding) return across(inside_input.ones());
    const std::int64_t first = begin * x.stride;  // counted from the padding's first element
    const std::int64_t padded = x.before + x.input + x.after;
    if (first + (active - 1) * x.stride + x.kernel <= padded) return Pack<T, N>(T(kKernel));
    return across(Reader(first, padded).ones());
  }

  template <class P, bool kInside>
  RECEPTIVE_FN void sums(const Row& row, std::int64_t begin, P p) const {
    const Axis& x = plan.x;
    const std::int64_t step = plan.y.dilation * x.input;
    const T* line = row.plane + row.first * x.input + row.taps.begin * step;
    const auto sum =
        window_sums<P::count>(line, step, row.taps.end - row.taps.begin, p.active, [&](int l) RECEPTIVE_INLINE_LAMBDA {
          const std::int64_t first = x.first(begin + l);
          const Range taps = kInside ? Range{0, x.kernel} : taps_inside(x, first);
          return Range{first + taps.begin, first + taps.end};
        });
    finish<P, kInside>(row, begin, p, sum);
  }

  template <class P, bool kInside>
  RECEPTIVE_FN void taps(const Row& row, std::int64_t begin, P p) const {
    constexpr int N = P::count;
    const Axis& x = plan.x;
    Pack<T, N> sum(T{0});
    for (std::int64_t r = row.taps.begin; r < row.taps.end; ++r) {
      const T* line = row.plane + (row.first + r * plan.y.dilation) * x.input;
      std::int64_t ix = x.first(begin);
      for (std::int64_t s = 0; s < x.kernel; ++s, ix += x.dilation) {
        sum += p.load_strided(line, ix, x.stride, x.input, T{0});
      }
    }
    finish<P, kInside>(row, begin, p, sum);
  }

  template <class P, bool kInside>
  RECEPTIVE_FN void finish(const Row& row, std::int64_t begin, P p, Pack<T, P::count> sum) const {
    const auto across = kInside ? Pack<T, P::count>(static_cast<T>(plan.x.kernel))
                                : tap_counts<T, P::count>(plan.x, begin, p.active, plan.count_padding);
    p.store(plan.output + row.out + begin, sum / (across * Pack<T, P::count>(row.down)));
  }

  // Windows wider than the input: most taps miss it.
  RECEPTIVE_FN void lane_by_lane(const Row& row, std::int64_t begin, int count) const {
    for (std::int64_t ox = begin; ox < begin + count; ++ox) {
      const std::int64_t first = plan.x.first(ox);
      const Range across = taps_inside(plan.x, first);
      T sum{0};
      for (std::int64_t r = row.taps.begin; r < row.taps.end; ++r) {
        const T* line = row.plane + (row.first + r * plan.y.dilation) * plan.x.input + first;
        for (std::int64_t s = across.begin; s < across.end; ++s) sum += line[s * plan.x.dilation];
      }
      plan.output[row.out + ox] = sum / (static_cast<T>(tap_count(plan.x, ox, plan.count_padding)) * row.down);
    }
  }
};

template <class T>
struct AvgPoolPixels {
  using Element = T;
  static constexpr bool kOverlap = true;
  AvgPoolPlan<T> plan;

  struct Row {
    const T* image;
    std::int64_t y, x;
    Range down, across;
    std::int64_t out;
    T count;
  };

  RECEPTIVE_FN Row row(std::int64_t i) const {
    const std::int64_t line = i / plan.x.output;
    const std::int64_t image = line / plan.y.output;
    const std::int64_t oy = line - image * plan.y.output, ox = i - line * plan.x.output;
    const std::int64_t y = plan.y.first(oy), x = plan.x.first(ox);
    const std::int64_t count = tap_count(plan.y, oy, plan.count_padding) * tap_count(plan.x, ox, plan.count_padding);
    return Row{plan.input + image * plan.y.input * plan.x.input * plan.channels,
               y,
               x,
               taps_inside(plan.y, y),
               taps_inside(plan.x, x),
               i * plan.channels,
               static_cast<T>(count)};
  }

  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t begin, P p) const {
    Pack<T, P::count> sum(T{0});
    for (std::int64_t r = row.down.begin; r < row.down.end; ++r) {
      for (std::int64_t s = row.across.begin; s < row.across.end; ++s) {
        const std::int64_t at = (row.y + r * plan.y.dilation) * plan.x.input + row.x + s * plan.x.dilation;
        sum += p.load(row.image + at * plan.channels + begin);
      }
    }
    p.store(plan.output + row.out + begin, sum / Pack<T, P::count>(row.count));
  }
};

// Backward, first step: each gradient divided by its window's count. `inner` is OW elements of a row (NCHW, counts
// differ by lane) or the channels of a pixel (NHWC, one count).
template <class T, bool kNhwc>
struct AvgPoolShare {
  using Element = T;
  static constexpr bool kOverlap = true;
  const T* gradient;
  T* share;
  std::int64_t channels;
  Axis y;
  Axis x;
  bool count_padding;
  Range whole = interior(x);  // outputs that lose no tap

  struct Row {
    std::int64_t at;
    T count;
  };

  RECEPTIVE_FN Row row(std::int64_t i) const {
    if constexpr (kNhwc) {
      const std::int64_t line = i / x.output;
      const std::int64_t count =
          tap_count(y, line % y.output, count_padding) * tap_count(x, i - line * x.output, count_padding);
      return Row{i * channels, static_cast<T>(count)};
    } else {
      return Row{i * x.output, static_cast<T>(tap_count(y, i % y.output, count_padding))};
    }
  }

  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t begin, P p) const {
    Pack<T, P::count> count(row.count);
    if constexpr (!kNhwc) {
      const bool all = begin >= whole.begin && begin + p.active <= whole.end;
      count = count * (all ? Pack<T, P::count>(static_cast<T>(x.kernel))
                           : tap_counts<T, P::count>(x, begin, p.active, count_padding));
    }
    p.store(share + row.at + begin, p.load(gradient + row.at + begin) / count);
  }
};

// Backward, second step: an input element receives the share of every window that covers it.
template <class T, bool kNhwc>
struct AvgPoolGather {
  using Element = T;
  static constexpr bool kOverlap = true;
  const T* share;
  T* output;
  std::int64_t channels;
  Axis y;
  Axis x;

  struct Row {
    std::int64_t from;
    std::int64_t y, x;
    std::int64_t out;
  };

  RECEPTIVE_FN Row row(std::int64_t i) const {
    const std::int64_t line = kNhwc ? i / x.input : i;
    const std::int64_t plane = line / y.input;
    return Row{plane * y.output * x.output, line - plane * y.input, i - line * x.input,
               i * (kNhwc ? channels : x.input)};
  }

  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t begin, P p) const {
    if constexpr (!kNhwc) {
      if (x.kernel > x.output) return lane_by_lane(row, begin, p.active);
    }
    Pack<T, P::count> sum(T{0});
    for_each_cover(y, row.y, [&](std::int64_t oy) RECEPTIVE_INLINE_LAMBDA {
      const std::int64_t line = row.from + oy * x.output;
      if constexpr (kNhwc) {
        for_each_cover(x, row.x, [&](std::int64_t ox) RECEPTIVE_INLINE_LAMBDA {
          sum += p.load(share + (line + ox) * channels + begin);
        });
      } else {
        for (std::int64_t s = 0; s < x.kernel; ++s) {
          sum += p.load_spread(share + line, begin + x.before - s * x.dilation, x.stride, x.output, T{0});
        }
      }
    });
    p.store(output + row.out + begin, sum);
  }

 private:
  // Windows with more taps than there are outputs in a row.
  RECEPTIVE_FN void lane_by_lane(const Row& row, std::int64_t begin, int count) const {
    for (std::int64_t ix = begin; ix < begin + count; ++ix) {
      T sum{0};
      for_each_cover(y, row.y, [&](std::int64_t oy) RECEPTIVE_INLINE_LAMBDA {
        for_each_cover(x, ix,
                       [&](std::int64_t ox) RECEPTIVE_INLINE_LAMBDA { sum += share[row.from + oy * x.output + ox]; });
      });
      output[row.out + ix] = sum;
    }
  }
};

// Both steps; `outer` planes, or images in NHWC.
template <class T, bool kNhwc, class X>
void share_and_gather(const X& executor, const AvgPoolShare<T, kNhwc>& share, std::int64_t outer, T* output) {
  const Axis &y = share.y, &x = share.x;
  executor.rows(outer * y.output * (kNhwc ? x.output : 1), kNhwc ? share.channels : x.output, share);
  executor.rows(outer * y.input * (kNhwc ? x.input : 1), kNhwc ? share.channels : x.input,
                AvgPoolGather<T, kNhwc>{share.share, output, share.channels, y, x});
}

// Windows that lie side by side, without padding and within the input.
RECEPTIVE_FN bool side_by_side(const Axis& axis) {
  const bool whole = axis.output * axis.kernel <= axis.input;  // else a last window reaches beyond the input
  return axis.kernel == axis.stride && axis.before == 0 && axis.after == 0 && axis.dilation == 1 && whole;
}

// Backward in NHWC where the windows lie side by side: an input element receives the share of its one window, or
// nothing beyond the last.
template <class T>
struct AvgPoolTiles {
  using Element = T;
  static constexpr bool kOverlap = true;
  const T* gradient;
  T* output;
  std::int64_t channels;
  Axis y;
  Axis x;
  bool around;

  struct Row {
    const T* from;  // of the window, or null
    std::int64_t out;
  };

  RECEPTIVE_FN Row row(std::int64_t i) const {
    const std::int64_t line = i / x.input;
    const std::int64_t image = line / y.input;
    const std::int64_t oy = (line - image * y.input) / y.kernel, ox = (i - line * x.input) / x.kernel;
    const bool inside = oy < y.output && ox < x.output;
    return Row{inside ? gradient + ((image * y.output + oy) * x.output + ox) * channels : nullptr, i * channels};
  }

  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t begin, P p) const {
    constexpr int N = P::count;
    Pack<T, N> g(T(0));
    if (row.from != nullptr) g = p.load(row.from + begin);
    p.store(output + row.out + begin, g / Pack<T, N>(static_cast<T>(y.kernel) * static_cast<T>(x.kernel)), around);
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
