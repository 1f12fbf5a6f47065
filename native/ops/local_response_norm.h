// Local response normalisation across channels (Krizhevsky, Sutskever & Hinton, "ImageNet Classification with Deep
// Convolutional Neural Networks", NIPS 2012, section 3.3, with alpha divided by the size as in PyTorch), of x seen as
// [outer, channels, inner]:
//   y_c = x_c d_c^-beta,  d_c = k + alpha / size * sum of x_j^2,  j from c - floor(size / 2) to c + floor((size - 1) /
//   2) dx_i = g_i d_i^-beta - 2 alpha beta / size * x_i * sum of g_c y_c / d_c over all c whose window has i in it
// The squares of a window are added anew for each element: a running sum would keep what rounding left of the numbers
// that have passed, and the window's elements come from the first cache.
#pragma once

#include "channels.h"
#include "math_pow.h"
#include "pointwise.h"

namespace receptive::RECEPTIVE_TARGET {

struct LocalResponseNormAttrs {
  std::int64_t outer;
  std::int64_t channels;
  std::int64_t inner;
  std::int64_t size;
  double alpha;
  double beta;
  double k;
};

// A power of numbers that may be negative.
template <class T, int N>
RECEPTIVE_COLD Pack<T, N> any_power(Pack<T, N> x, T exponent) {
  return pow(x, Pack<T, N>(exponent));
}

// The power of positive numbers: pow() computes more digits of the logarithm, and took six times as long. As long as
// |beta ln d| is below 10, the error is below 10 units in the last place.
template <class T, int N>
RECEPTIVE_APART Pack<T, N> positive_power(Pack<T, N> x, T exponent) {
  return exp(log(x) * exponent);
}

// d^-beta; the exponents in use are roots.
template <class T>
struct NegativePower {
  T beta;

  template <int N>
  RECEPTIVE_FN Pack<T, N> operator()(Pack<T, N> d) const {
    const Pack<T, N> one(T(1));
    if (beta == T(0.75)) {
      const auto root = sqrt(d);
      return one / (root * sqrt(root));
    }
    if (beta == T(0.5)) return one / sqrt(d);
    if (beta == T(1)) return one / d;
    return any(~(d > Pack<T, N>(T(0)))) ? any_power(d, -beta) : positive_power(d, -beta);
  }
};

// y of d
template <class T>
struct ResponseOutput {
  static constexpr bool kOverlap = true;
  static constexpr bool kSquares = true;
  const T* x;
  T* y;
  T k;
  T factor;  // of the sum of squares
  NegativePower<T> power;

  template <class P>
  RECEPTIVE_FN void finish(P p, std::int64_t at, Pack<T, P::count> sum, bool around) const {
    p.store(y + at, p.load(x + at) * power(sum * factor + k), around);
  }
};

// What a window passes to its elements, g y / d, and the gradient's first term.
template <class T>
struct ResponseTerms {
  static constexpr bool kOverlap = true;
  static constexpr bool kSquares = true;
  const T* g;
  const T* y;
  T* terms;
  T* dx;
  T k;
  T factor;
  NegativePower<T> power;

  template <class P>
  RECEPTIVE_FN void finish(P p, std::int64_t at, Pack<T, P::count> sum, bool) const {
    const auto d = sum * factor + k;
    const auto gradient = p.load(g + at);
    p.store(terms + at, gradient * p.load(y + at) / d);
    p.store(dx + at, gradient * power(d));
  }
};

// The gradient's second term, from the windows' terms.
template <class T>
struct ResponseGradient {
  static constexpr bool kOverlap = false;
  static constexpr bool kSquares = false;
  const T* x;
  T* dx;
  T factor;

  template <class P>
  RECEPTIVE_FN void finish(P p, std::int64_t at, Pack<T, P::count> sum, bool) const {
    p.store(dx + at, p.load(dx + at) - p.load(x + at) * sum * factor);
  }
};

// Adds up `from`, or its squares, over channels c - before … c + after for each element and hands the sum to `use`.
template <class T, bool kPixels, class Use>
struct ChannelWindow {
  using Element = T;
  static constexpr bool kOverlap = Use::kOverlap;
  const T* from;
  std::int64_t channels;
  std::int64_t inner;
  std::int64_t before;  // at most channels - 1
  std::int64_t after;
  Use use;
  bool around;

  struct Row {
    std::int64_t at;
    const T* first;      // of the window, where rows are channels
    std::int64_t count;  // of its channels
  };

  // NCHW: planes of channels.
  RECEPTIVE_FN std::int64_t plane(std::int64_t i) const { return i * channels; }
  RECEPTIVE_FN Row row(std::int64_t plane, std::int64_t channel) const {
    const std::int64_t low = channel > before ? channel - before : 0;
    const std::int64_t high = channel + after < channels ? channel + after + 1 : channels;
    return {(plane + channel) * inner, from + (plane + low) * inner, high - low};
  }
  // NHWC: rows of pixels.
  RECEPTIVE_FN Row row(std::int64_t pixel) const { return {pixel * channels, from + pixel * channels, 0}; }

  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t begin, P p) const {
    Pack<T, P::count> sum(T(0));
    const auto add = [&](Pack<T, P::count> v) RECEPTIVE_INLINE_LAMBDA { sum += Use::kSquares ? v * v : v; };
    if constexpr (kPixels) {
      for (std::int64_t c = begin - before; c <= begin + after; ++c) {
        add(p.load_range(row.first, c, channels, T(0)));
      }
    } else {
      const T* at = row.first + begin;
      for (std::int64_t c = 0; c < row.count; ++c, at += inner) add(p.load(at));
    }
    use.finish(p, row.at + begin, sum, around);
  }
};

// A window of channels, from -before to +after, kept to what there is.
struct ChannelReach {
  std::int64_t before;
  std::int64_t after;

  static ChannelReach of(const LocalResponseNormAttrs& a) { return {clip(a, a.size / 2), clip(a, (a.size - 1) / 2)}; }
  ChannelReach mirrored() const { return {after, before}; }

 private:
  static std::int64_t clip(const LocalResponseNormAttrs& a, std::int64_t reach) {
    return reach < a.channels ? reach : a.channels > 0 ? a.channels - 1 : 0;
  }
};

template <class T, class X, class Use>
void window_channels(X& executor, const ChannelView& v, ChannelReach reach, const T* from, const Use& use,
                     bool around = false) {
  if (v.inner == 1) {
    executor.rows(v.outer, v.channels,
                  ChannelWindow<T, true, Use>{from, v.channels, 1, reach.before, reach.after, use, around});
  } else {
    executor.planes(v.outer, v.channels, v.inner,
                    ChannelWindow<T, false, Use>{from, v.channels, v.inner, reach.before, reach.after, use, around});
  }
}

template <class X>
struct LocalResponseNormBase {
  using Attrs = LocalResponseNormAttrs;
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(Attrs, outer), RECEPTIVE_INTEGER(Attrs, channels),
                                     RECEPTIVE_INTEGER(Attrs, inner), RECEPTIVE_INTEGER(Attrs, size),
                                     RECEPTIVE_REAL(Attrs, alpha),    RECEPTIVE_REAL(Attrs, beta),
                                     RECEPTIVE_REAL(Attrs, k)};

  static const char* check(const OpCall& call) {
    const auto& a = attrs_of<Attrs>(call);
    const View& x = call.inputs[0];
    if (!is_float(x.dtype)) return "only float32 and float64";
    if (a.size <= 0) return "the window has no channels";
    for (int i = 0; i < call.inputCount; ++i) {
      const char* wrong = check_alike(call.inputs[i], call.outputs[0]);
      if (wrong != nullptr) return wrong;
    }
    return product_is(x.size, a.outer, a.channels, a.inner) ? nullptr : "outer * channels * inner is not the size";
  }

 protected:
  static ChannelView view_of(const Attrs& a) { return {a.outer, a.channels, a.inner}; }
  static double window_flops(const Attrs& a) {
    return 2.0 * static_cast<double>(a.size < a.channels ? a.size : a.channels);
  }
};

template <class X>
struct LocalResponseNorm : LocalResponseNormBase<X> {
  static constexpr const char* name = "localResponseNorm";
  static constexpr int minInputs = 1, maxInputs = 1, outputs = 1;
  using Base = LocalResponseNormBase<X>;

  static Cost cost(const OpCall& call) {
    return cost_of_passes(call, Base::window_flops(attrs_of<LocalResponseNormAttrs>(call)) + 10, 2);
  }
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<LocalResponseNormAttrs>(call);
    const ChannelView view = Base::view_of(a);
    dispatch_float(call.inputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const T* const x = input_of<T>(call, 0);
      const std::int64_t row = view.inner == 1 ? view.channels : view.inner;
      window_channels(executor, view, ChannelReach::of(a), x,
                      ResponseOutput<T>{x,
                                        static_cast<T*>(call.outputs[0].data),
                                        static_cast<T>(a.k),
                                        static_cast<T>(a.alpha / static_cast<double>(a.size)),
                                        {static_cast<T>(a.beta)}},
                      row % kLanes<T> == 0 && goes_around(executor, call));
    });
  }
};

// (g, x, y) -> like g
template <class X>
struct LocalResponseNormGrad : LocalResponseNormBase<X> {
  static constexpr const char* name = "localResponseNormGrad";
  static constexpr int minInputs = 3, maxInputs = 3, outputs = 1;
  using Base = LocalResponseNormBase<X>;

  // Images in turn, so many that the threads have enough to do and the second step finds what the first one wrote.
  static std::int64_t images_together(const LocalResponseNormAttrs& a) {
    constexpr std::int64_t kTogether = 2 * kParallelElements;
    const std::int64_t image = a.channels * a.inner;
    const std::int64_t count = image > 0 ? kTogether / image : 1;
    return count < 1 ? 1 : count < a.outer ? count : a.outer;
  }
  static Cost cost(const OpCall& call) {
    return cost_of_passes(call, 2 * Base::window_flops(attrs_of<LocalResponseNormAttrs>(call)) + 15, 4);
  }
  static std::int64_t workspace(const OpCall& call, int) {
    const auto& a = attrs_of<LocalResponseNormAttrs>(call);
    return images_together(a) * a.channels * a.inner * element_bytes(call.inputs[0].dtype);
  }
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<LocalResponseNormAttrs>(call);
    const ChannelReach reach = ChannelReach::of(a);
    const std::int64_t together = images_together(a);
    dispatch_float(call.inputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      auto* const terms = reinterpret_cast<T*>(executor.workspace());
      const T factor = static_cast<T>(a.alpha / static_cast<double>(a.size));
      const T twice = static_cast<T>(2 * a.alpha * a.beta / static_cast<double>(a.size));
      for (std::int64_t first = 0; first < a.outer; first += together) {
        const std::int64_t at = first * a.channels * a.inner;
        const T* const g = input_of<T>(call, 0) + at;
        const T* const x = input_of<T>(call, 1) + at;
        const T* const y = input_of<T>(call, 2) + at;
        T* const dx = static_cast<T*>(call.outputs[0].data) + at;
        const ChannelView view{a.outer - first < together ? a.outer - first : together, a.channels, a.inner};
        window_channels(executor, view, reach, x,
                        ResponseTerms<T>{g, y, terms, dx, static_cast<T>(a.k), factor, {static_cast<T>(a.beta)}});
        window_channels(executor, view, reach.mirrored(), terms, ResponseGradient<T>{x, dx, twice});
      }
    });
  }
};

template <class X>
using LocalResponseNormFamily = Family<X, LocalResponseNorm<X>, LocalResponseNormGrad<X>>;

}  // namespace receptive::RECEPTIVE_TARGET
