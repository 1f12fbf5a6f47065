// Max pooling. The maximum of each window; NaN wins, and the first of equal elements is the one whose position is kept
// (flat in the input plane: iy * W + ix). Backward gathers: every input element asks the windows that cover it whether
// they chose it, so nothing is scattered and no order of threads can show.
//
// NaN costs a comparison for two vectors: a tile remembers whether it saw one, and only then are its lanes looked at
// one by one. (Measured against a running sum that turns NaN: 1.2 times as fast on AVX-512 and SSE2, the same on AVX2.)
#pragma once

#include "strip.h"

namespace receptive::RECEPTIVE_TARGET {

template <class T>
struct Lowest {
  static constexpr T value = -static_cast<T>(__builtin_inf());
};

template <class T>
struct MaxPoolPlan {
  const T* input;
  T* output;
  std::int32_t* indices;  // null where nobody asked
  std::int64_t channels;  // NHWC only
  Axis y;
  Axis x;
};

// The larger of the two, of equals the one with the lower index.
template <class T, int N>
RECEPTIVE_FN void earlier_of(Pack<T, N>& value, Pack<std::int32_t, N>& index, Pack<T, N> v, Pack<std::int32_t, N> i) {
  const auto higher = (v > value) | ((v == value) & convert_mask<T>(i < index));
  value = select(higher, v, value);
  index = select(convert_mask<std::int32_t>(higher), i, index);
}

// NCHW: a row is one output row of a plane, lanes run along x. kStride and kKernel are the horizontal numbers where
// they are known to the compiler (dilation 1 then), else 0.
template <class T, bool kIndices, int kStride, int kKernel>
struct MaxPoolPlanes {
  using Element = T;
  static constexpr bool kOverlap = true;
  MaxPoolPlan<T> plan;
  Range interior;

  struct Row {
    const T* plane;
    std::int64_t first;  // input row of tap 0
    Range taps;
    std::int64_t out;  // flat index of the row's first output
  };

  RECEPTIVE_FN std::int64_t plane(std::int64_t i) const { return i; }
  RECEPTIVE_FN Row row(std::int64_t plane, std::int64_t oy) const {
    const std::int64_t first = plan.y.first(oy);
    return Row{plan.input + plane * plan.y.input * plan.x.input, first, taps_inside(plan.y, first),
               (plane * plan.y.output + oy) * plan.x.output};
  }
  // Rows whose window loses taps at the top or bottom count as edges, so that the tiles within have all their taps.
  RECEPTIVE_FN Range inside(const Row& row) const {
    return kKernel == 0 || row.taps.end - row.taps.begin == kKernel ? interior : Range{0, 0};
  }

  // Windows [begin, begin + count) of a row one by one, to where `output` and `indices` say.
  RECEPTIVE_COLD static void each(MaxPoolPlan<T> plan, std::int64_t plane, std::int64_t oy, std::int64_t begin,
                                  std::int64_t count, T* output, std::int32_t* indices) {
    one_by_one(plan, MaxPoolPlanes{plan, {}}.row(plane, oy), begin, count, output, indices);
  }

  template <class P, bool kInside>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t begin, P p) const {
    if constexpr (kKernel > 0) {
      strip<P, kInside>(row, begin, p);
    } else if (!kInside && plan.x.kernel > plan.x.input) {
      lane_by_lane(MaxPoolPlanes(*this), Row(row), begin, p.active);  // most taps miss the input
    } else {
      taps<P, kInside>(row, begin, p);
    }
  }

 private:
  template <class V, int N>
  using StripOf = Strip<kStride, kKernel, V, N>;

  // For each element of a strip the largest of its rows and, where indices are asked for, the flat index of that row.
  template <int N>
  struct Folded {
    StripOf<T, N> best;
    StripOf<std::int32_t, N> row;
    NanWatch<T, N> nan;

    template <int k>
    RECEPTIVE_FN void take(const StripOf<T, N>& v, std::int32_t at) {
      if constexpr (kIndices) {
        const auto higher = v.part[k] > best.part[k];
        row.part[k] = select(convert_mask<std::int32_t>(higher), Pack<std::int32_t, N>(at), row.part[k]);
        best.part[k] = select(higher, v.part[k], best.part[k]);
      } else {
        best.part[k] = maximum_ordered(best.part[k], v.part[k]);
      }
    }
    RECEPTIVE_FN void watch(const StripOf<T, N>& v) {
      nan.see(v.part[0], v.part[1]);
      if constexpr (StripOf<T, N>::kParts == 3) nan.see(v.part[2]);
    }
  };

  template <class P, bool kInside>
  RECEPTIVE_FN void strip(const Row& row, std::int64_t begin, P p) const {
    constexpr int N = P::count;
    const std::int64_t first = plan.x.first(begin);
    const StripReader<kInside, kStride, kKernel, T, N> reader(first, plan.x.input);
    const std::int64_t step = plan.y.dilation * plan.x.input;
    const std::int64_t top = row.first * plan.x.input + row.taps.begin * step;
    const T* line = row.plane + top + first;
    prefetch_strip<kStride, N>(line, step);
    Folded<N> folded;
    folded.best = reader.read(line, Lowest<T>::value);
    folded.watch(folded.best);
    if constexpr (kIndices) {
      for (auto& part : folded.row.part) part = Pack<std::int32_t, N>(static_cast<std::int32_t>(top));
    }
    for_rows<kInside, kKernel>(1, row.taps.end - row.taps.begin, [&](std::int64_t r) RECEPTIVE_INLINE_LAMBDA {
      const auto v = reader.read(line + r * step, Lowest<T>::value);
      folded.watch(v);
      const auto at = static_cast<std::int32_t>(top + r * step);
      folded.template take<0>(v, at);
      folded.template take<1>(v, at);
      if constexpr (StripOf<T, N>::kParts == 3) folded.template take<2>(v, at);
    });
    const auto& [best, where, nan] = folded;
    if (nan.any()) return lane_by_lane(MaxPoolPlanes(*this), Row(row), begin, p.active);
    if constexpr (kIndices) {
      const auto lane = iota<std::int32_t, N>() * static_cast<std::int32_t>(kStride) + static_cast<std::int32_t>(first);
      Pack<T, N> value = best.template tap<0>();
      Pack<std::int32_t, N> index = where.template tap<0>() + lane;
      earlier_of(value, index, best.template tap<1>(), where.template tap<1>() + (lane + 1));
      if constexpr (kKernel == 3) {
        earlier_of(value, index, best.template tap<2>(), where.template tap<2>() + (lane + 2));
      }
      if constexpr (!kInside) {
        // Padding cannot be told from a window of -Infinity.
        const auto lost = (value == Pack<T, N>(Lowest<T>::value)) &
                          convert_mask<T>(iota<std::int32_t, N>() < Pack<std::int32_t, N>(p.active));
        if (any(lost)) return lane_by_lane(MaxPoolPlanes(*this), Row(row), begin, p.active);
      }
      p.store(plan.indices + row.out + begin, index);
      p.store(plan.output + row.out + begin, value);
    } else {
      auto value = maximum_ordered(best.template tap<0>(), best.template tap<1>());
      if constexpr (kKernel == 3) value = maximum_ordered(value, best.template tap<2>());
      p.store(plan.output + row.out + begin, value);
    }
  }

  template <class P, bool kInside>
  RECEPTIVE_FN void taps(const Row& row, std::int64_t begin, P p) const {
    constexpr int N = P::count;
    const Axis& x = plan.x;
    Pack<T, N> best(Lowest<T>::value);
    NanWatch<T, N> nan;
    Pack<std::int32_t, N> where(-1);
    const Pack<std::int32_t, N> lane = iota<std::int32_t, N>() * static_cast<std::int32_t>(x.stride);
    for (std::int64_t r = row.taps.begin; r < row.taps.end; ++r) {
      const std::int64_t iy = row.first + r * plan.y.dilation;
      const T* line = row.plane + iy * x.input;
      std::int64_t ix = x.first(begin);
      for (std::int64_t s = 0; s < x.kernel; ++s, ix += x.dilation) {
        const auto v = p.load_strided(line, ix, x.stride, x.input, Lowest<T>::value);
        nan.see(v);
        if constexpr (kIndices) {
          const auto higher = v > best;
          where =
              select(convert_mask<std::int32_t>(higher), lane + static_cast<std::int32_t>(iy * x.input + ix), where);
          best = select(higher, v, best);
        } else {
          best = maximum_ordered(v, best);
        }
      }
    }
    if (nan.any()) return lane_by_lane(MaxPoolPlanes(*this), Row(row), begin, p.active);
    if constexpr (kIndices) {
      const auto active = iota<std::int32_t, N>() < Pack<std::int32_t, N>(p.active);
      if (any((where < Pack<std::int32_t, N>(0)) & active))
        return lane_by_lane(MaxPoolPlanes(*this), Row(row), begin, p.active);  // a window of -Infinity
      p.store(plan.indices + row.out + begin, where);
    }
    p.store(plan.output + row.out + begin, best);
  }

  // Takes copies: a body whose address leaves the loop would be read again after each store.
  RECEPTIVE_COLD static void lane_by_lane(MaxPoolPlanes body, Row row, std::int64_t begin, std::int64_t count) {
    std::int32_t* const indices = kIndices ? body.plan.indices + row.out + begin : nullptr;
    one_by_one(body.plan, row, begin, count, body.plan.output + row.out + begin, indices);
  }

  RECEPTIVE_FN static void one_by_one(const MaxPoolPlan<T>& plan, const Row& row, std::int64_t begin,
                                      std::int64_t count, T* output, std::int32_t* indices) {
    for (std::int64_t ox = begin; ox < begin + count; ++ox) {
      const std::int64_t first = plan.x.first(ox);
      const Range across = taps_inside(plan.x, first);
      T best = Lowest<T>::value;
      std::int64_t where = -1;
      for (std::int64_t r = row.taps.begin; r < row.taps.end; ++r) {
        for (std::int64_t s = across.begin; s < across.end; ++s) {
          const std::int64_t at = (row.first + r * plan.y.dilation) * plan.x.input + first + s * plan.x.dilation;
          const T v = row.plane[at];
          if (where < 0 || v > best || (v != v && best == best)) {
            best = v;
            where = at;
          }
        }
      }
      output[ox - begin] = best;
      if constexpr (kIndices) indices[ox - begin] = static_cast<std::int32_t>(where);
    }
  }
};

// NHWC: a row is one output pixel, lanes run along channels, so that every lane has the same taps.
template <class T, bool kIndices>
struct MaxPoolPixels {
  using Element = T;
  static constexpr bool kOverlap = true;
  MaxPoolPlan<T> plan;

  struct Row {
    const T* image;
    std::int64_t y, x;
    Range down, across;
    std::int64_t out;
  };

  RECEPTIVE_FN Row row(std::int64_t i) const {
    const std::int64_t line = i / plan.x.output;
    const std::int64_t image = line / plan.y.output;
    const std::int64_t y = plan.y.first(line - image * plan.y.output);
    const std::int64_t x = plan.x.first(i - line * plan.x.output);
    return Row{plan.input + image * plan.y.input * plan.x.input * plan.channels,
               y,
               x,
               taps_inside(plan.y, y),
               taps_inside(plan.x, x),
               i * plan.channels};
  }

  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t begin, P p) const {
    constexpr int N = P::count;
    Pack<T, N> best(Lowest<T>::value);
    Pack<std::int32_t, N> where(-1);
    for (std::int64_t r = row.down.begin; r < row.down.end; ++r) {
      for (std::int64_t s = row.across.begin; s < row.across.end; ++s) {
        const std::int64_t at = (row.y + r * plan.y.dilation) * plan.x.input + row.x + s * plan.x.dilation;
        const auto v = p.load(row.image + at * plan.channels + begin);
        const auto index = Pack<std::int32_t, N>(static_cast<std::int32_t>(at));
        const auto higher =
            (v > best) | (is_nan(v) & ~is_nan(best)) | convert_mask<T>(where < Pack<std::int32_t, N>(0));
        best = select(higher, v, best);
        where = select(convert_mask<std::int32_t>(higher), index, where);
      }
    }
    p.store(plan.output + row.out + begin, best);
    if constexpr (kIndices) p.store(plan.indices + row.out + begin, where);
  }
};

template <class T>
struct MaxPoolGradPlan {
  const T* gradient;
  const std::int32_t* indices;
  T* output;
  std::int64_t channels;
  Axis y;
  Axis x;
};

template <class T>
struct MaxPoolGradPixels {
  using Element = T;
  static constexpr bool kOverlap = true;
  MaxPoolGradPlan<T> plan;

  struct Row {
    std::int64_t from;
    std::int64_t y, x;
    std::int64_t out;
  };

  RECEPTIVE_FN Row row(std::int64_t i) const {
    const std::int64_t line = i / plan.x.input;
    const std::int64_t image = line / plan.y.input;
    return Row{image * plan.y.output * plan.x.output, line - image * plan.y.input, i - line * plan.x.input,
               i * plan.channels};
  }

  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t begin, P p) const {
    constexpr int N = P::count;
    const Axis& x = plan.x;
    Pack<T, N> sum(T{0});
    const Pack<std::int32_t, N> self(static_cast<std::int32_t>(row.y * x.input + row.x));
    for_each_cover(plan.y, row.y, [&](std::int64_t oy) RECEPTIVE_INLINE_LAMBDA {
      for_each_cover(x, row.x, [&](std::int64_t ox) RECEPTIVE_INLINE_LAMBDA {
        const std::int64_t at = (row.from + oy * x.output + ox) * plan.channels + begin;
        const auto g = p.load(plan.gradient + at);
        sum += select(convert_mask<T>(p.load(plan.indices + at) == self), g, Pack<T, N>(T{0}));
      });
    });
    p.store(plan.output + row.out + begin, sum);
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
