// Adaptive average pooling: output o of an axis covers floor(o * in / out) .. ceil((o + 1) * in / out). Where the sizes
// divide, pool.h takes the bodies of avg_pool.h.
#pragma once

#include "window_sums.h"

namespace receptive::RECEPTIVE_TARGET {

RECEPTIVE_FN Range adaptive_window(std::int64_t o, std::int64_t in, std::int64_t out) {
  return Range{o * in / out, ceil_div((o + 1) * in, out)};
}
// The outputs whose windows cover input i.
RECEPTIVE_FN Range adaptive_cover(std::int64_t i, std::int64_t in, std::int64_t out) {
  return Range{i * out / in, ceil_div((i + 1) * out, in)};
}

template <class T, bool kNhwc>
struct AdaptiveAvgPool {
  using Element = T;
  static constexpr bool kOverlap = true;
  const T* input;
  T* output;
  std::int64_t channels;
  Axis y;
  Axis x;

  struct Row {
    const T* from;
    Range down;
    std::int64_t ox;  // NHWC only
    std::int64_t out;
  };

  RECEPTIVE_FN Row row(std::int64_t i) const {
    const std::int64_t line = kNhwc ? i / x.output : i;
    const std::int64_t plane = line / y.output;
    const std::int64_t inner = kNhwc ? channels : 1;
    return Row{input + plane * y.input * x.input * inner, adaptive_window(line - plane * y.output, y.input, y.output),
               i - line * x.output, i * (kNhwc ? channels : x.output)};
  }

  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t begin, P p) const {
    const T height = static_cast<T>(row.down.end - row.down.begin);
    if constexpr (kNhwc) {
      const Range across = adaptive_window(row.ox, x.input, x.output);
      Pack<T, P::count> sum(T{0});
      for (std::int64_t iy = row.down.begin; iy < row.down.end; ++iy) {
        for (std::int64_t ix = across.begin; ix < across.end; ++ix) {
          sum += p.load(row.from + (iy * x.input + ix) * channels + begin);
        }
      }
      p.store(output + row.out + begin, sum / Pack<T, P::count>(height * static_cast<T>(across.end - across.begin)));
    } else {
      constexpr int N = P::count;
      Range across[N];
      Pack<T, N> width(T(1));
      for (int l = 0; l < p.active; ++l) {
        across[l] = adaptive_window(begin + l, x.input, x.output);
        width.set(l, static_cast<T>(across[l].end - across[l].begin));
      }
      const auto sum = window_sums<N>(row.from + row.down.begin * x.input, x.input, row.down.end - row.down.begin,
                                      p.active, [&](int l) RECEPTIVE_INLINE_LAMBDA { return across[l]; });
      p.store(output + row.out + begin, sum / (width * Pack<T, N>(height)));
    }
  }
};

template <class T, bool kNhwc>
struct AdaptiveAvgPoolGrad {
  using Element = T;
  static constexpr bool kOverlap = true;
  const T* gradient;
  T* output;
  std::int64_t channels;
  Axis y;
  Axis x;

  struct Row {
    const T* from;
    Range up;
    std::int64_t ix;
    std::int64_t out;
  };

  RECEPTIVE_FN Row row(std::int64_t i) const {
    const std::int64_t line = kNhwc ? i / x.input : i;
    const std::int64_t plane = line / y.input;
    const std::int64_t inner = kNhwc ? channels : 1;
    return Row{gradient + plane * y.output * x.output * inner,
               adaptive_cover(line - plane * y.input, y.input, y.output), i - line * x.input,
               i * (kNhwc ? channels : x.input)};
  }

  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t begin, P p) const {
    if constexpr (kNhwc) {
      p.store(output + row.out + begin, gathered<Pack<T, P::count>>(row, row.ix, [&](std::int64_t at) {
                return p.load(row.from + at * channels + begin);
              }));
    } else {
      for (int l = 0; l < p.active; ++l) {
        output[row.out + begin + l] = gathered<T>(row, begin + l, [&](std::int64_t at) { return row.from[at]; });
      }
    }
  }

 private:
  template <class V, class Load>
  RECEPTIVE_FN V gathered(const Row& row, std::int64_t ix, Load load) const {
    const Range left = adaptive_cover(ix, x.input, x.output);
    V sum(T{0});
    for (std::int64_t oy = row.up.begin; oy < row.up.end; ++oy) {
      const Range down = adaptive_window(oy, y.input, y.output);
      for (std::int64_t ox = left.begin; ox < left.end; ++ox) {
        const Range across = adaptive_window(ox, x.input, x.output);
        const T count = static_cast<T>((down.end - down.begin) * (across.end - across.begin));
        sum += load(oy * x.output + ox) / V(count);
      }
    }
    return sum;
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
