// softmax and logSoftmax along n of x seen as [outer, n, inner], and their gradients from the saved output y:
//   softmax     y = exp(x - max) / sum exp(x - max)             dx = y (g - sum g y)
//   logSoftmax  y = (x - max) - log sum exp(x - max)            dx = g - exp(y) sum g
// A line with a NaN or +inf is NaN throughout; -inf among finite values gives 0 (-inf for logSoftmax). line_sums.h says
// why.
#pragma once

#include "executor.h"
#include "extent.h"
#include "line_sums.h"
#include "math_log.h"

namespace receptive::RECEPTIVE_TARGET {

template <class T, int C, class Near>
struct ScaleLine {
  T* y;
  Pack<T, C> factor;
  const Near* terms;

  template <class P, class At>
  RECEPTIVE_FN void tile(P p, std::int64_t offset, At at) const {
    p.store(y + offset, terms->load(p, at.k) * spread<P::count>(factor));
  }
};

template <class T>
struct SoftmaxBody {
  using Element = T;
  const T* x;
  T* y;

  template <class Line>
  RECEPTIVE_FN void line(const Line& line) const {
    constexpr int C = Line::count;
    const auto terms = line.near(y);
    const auto scale = softmax_scale(line, x, Keep::terms, terms);
    line.map(ScaleLine<T, C, std::remove_const_t<decltype(terms)>>{y, Pack<T, C>(T(1)) / scale.sum, &terms});
  }
};

template <class T, int C, class Near>
struct LogSoftmaxLine {
  T* y;
  Pack<T, C> logSum;
  const Near* shifted;

  template <class P, class At>
  RECEPTIVE_FN void tile(P p, std::int64_t offset, At at) const {
    p.store(y + offset, shifted->load(p, at.k) - spread<P::count>(logSum));
  }
};

template <class T>
struct LogSoftmaxBody {
  using Element = T;
  const T* x;
  T* y;

  template <class Line>
  RECEPTIVE_FN void line(const Line& line) const {
    constexpr int C = Line::count;
    const auto shifted = line.near(y);
    const auto scale = softmax_scale(line, x, Keep::shifted, shifted);
    line.map(LogSoftmaxLine<T, C, std::remove_const_t<decltype(shifted)>>{y, log(scale.sum), &shifted});
  }
};

template <class T, int C>
struct SoftmaxGradLine {
  const T* g;
  const T* y;
  T* dx;
  Pack<T, C> dot;

  template <class P, class At>
  RECEPTIVE_FN void tile(P p, std::int64_t offset, At) const {
    p.store(dx + offset, p.load(y + offset) * (p.load(g + offset) - spread<P::count>(dot)));
  }
};

template <class T>
struct SoftmaxGradBody {
  using Element = T;
  const T* g;
  const T* y;
  T* dx;

  template <class Line>
  RECEPTIVE_FN void line(const Line& line) const {
    line.map(SoftmaxGradLine<T, Line::count>{g, y, dx, line.reduce(LineDot<T>(g, y)).sum});
  }
};

template <class T, int C>
struct LogSoftmaxGradLine {
  const T* g;
  const T* y;
  T* dx;
  Pack<T, C> sum;

  template <class P, class At>
  RECEPTIVE_FN void tile(P p, std::int64_t offset, At) const {
    p.store(dx + offset, p.load(g + offset) - exp(p.load(y + offset)) * spread<P::count>(sum));
  }
};

template <class T>
struct LogSoftmaxGradBody {
  using Element = T;
  const T* g;
  const T* y;
  T* dx;

  template <class Line>
  RECEPTIVE_FN void line(const Line& line) const {
    line.map(LogSoftmaxGradLine<T, Line::count>{g, y, dx, line.reduce(LineSum<T>(g)).sum});
  }
};

// The four ops differ by their body. kFlops: per element, an exponential counted as 10.
template <class X, template <class> class Body, bool kGrad>
struct SoftmaxBase {
  using Attrs = LineAttrs;
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(LineAttrs, outer), RECEPTIVE_INTEGER(LineAttrs, n),
                                     RECEPTIVE_INTEGER(LineAttrs, inner)};
  static constexpr int minInputs = kGrad ? 2 : 1, maxInputs = minInputs, outputs = 1;

  static const char* check(const OpCall& call) {
    const auto& a = attrs_of<LineAttrs>(call);
    const View& out = call.outputs[0];
    if (!is_float(out.dtype)) return "only float32 and float64";
    for (int i = 0; i < call.inputCount; ++i) {
      if (call.inputs[i].dtype != out.dtype) return "dtypes differ";
      if (call.inputs[i].size != out.size) return "sizes differ";
    }
    return product_is(out.size, a.outer, a.n, a.inner) ? nullptr : "outer * n * inner is not the size";
  }
  static Cost cost(const OpCall& call) {
    const auto size = static_cast<double>(call.outputs[0].size);
    return {16 * size, size * static_cast<double>(element_bytes(call.outputs[0].dtype)) * (kGrad ? 3 : 2)};
  }
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<LineAttrs>(call);
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto* const first = static_cast<const T*>(call.inputs[0].data);
      auto* const out = static_cast<T*>(call.outputs[0].data);
      if constexpr (kGrad) {
        lines(executor, a.outer, a.n, a.inner, Body<T>{first, static_cast<const T*>(call.inputs[1].data), out});
      } else {
        lines(executor, a.outer, a.n, a.inner, Body<T>{first, out});
      }
    });
  }
};

template <class X>
struct Softmax : SoftmaxBase<X, SoftmaxBody, false> {
  static constexpr const char* name = "softmax";
};
template <class X>
struct LogSoftmax : SoftmaxBase<X, LogSoftmaxBody, false> {
  static constexpr const char* name = "logSoftmax";
};
template <class X>
struct SoftmaxGrad : SoftmaxBase<X, SoftmaxGradBody, true> {
  static constexpr const char* name = "softmaxGrad";
};
template <class X>
struct LogSoftmaxGrad : SoftmaxBase<X, LogSoftmaxGradBody, true> {
  static constexpr const char* name = "logSoftmaxGrad";
};

template <class X>
using SoftmaxFamily = Family<X, Softmax<X>, LogSoftmax<X>, SoftmaxGrad<X>, LogSoftmaxGrad<X>>;

}  // namespace receptive::RECEPTIVE_TARGET
