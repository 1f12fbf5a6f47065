// Layer normalisation (Ba, Kiros & Hinton, "Layer Normalization", arXiv 1607.06450, 2016) of x seen as [rows, n]:
//   y = (x - mean) s weight + bias,  s = 1 / sqrt(mean of (x - mean)^2 + epsilon), of each row
//   layerNormGradInput       dx = s (g weight - mean of (g weight) - (x - mean) s^2 (mean of g weight (x - mean)))
//   layerNormGradParameters  weight: sum of g (x - mean) s, bias: sum of g, over the rows
// One read of a row from memory: what follows finds it in a cache, and the last pass asks for the next rows. The mean
// is taken of the distances to the row's first element, and the variance of those to the mean, so that a large mean
// costs no accuracy.
#pragma once

#include "line_sums.h"
#include "partial_sums.h"
#include "pointwise.h"

namespace receptive::RECEPTIVE_TARGET {

struct LayerNormAttrs {
  std::int64_t rows;
  std::int64_t n;
  double epsilon;
  bool weight;
  bool bias;
};

struct LayerNormGradAttrs {
  std::int64_t rows;
  std::int64_t n;
  bool weight;
};

struct LayerNormParameterAttrs {
  std::int64_t rows;
  std::int64_t n;
};

template <class T>
struct LineDistance : AddUp<T> {
  const T* x;
  T from;

  RECEPTIVE_FN LineDistance(const T* x_, T from_) : x(x_), from(from_) {}

  template <class P>
  RECEPTIVE_FN void step(typename AddUp<T>::template State<P::count>& s, P p, std::int64_t offset, std::int64_t,
                         std::int64_t) const {
    s.sum += keep_active(p, p.load(x + offset) - from, T{});
  }
};

template <class T>
struct LineSquares : AddUp<T> {
  const T* x;
  T mean;

  RECEPTIVE_FN LineSquares(const T* x_, T mean_) : x(x_), mean(mean_) {}

  template <class P>
  RECEPTIVE_FN void step(typename AddUp<T>::template State<P::count>& s, P p, std::int64_t offset, std::int64_t,
                         std::int64_t) const {
    const auto d = keep_active(p, p.load(x + offset) - mean, T{});
    s.sum += d * d;
  }
};

template <class T>
struct NormaliseLine {
  const T* x;
  T* y;
  const T* weight;  // null: 1
  const T* bias;    // null: 0
  T mean;
  T factor;
  bool around;

  template <class P, class At>
  RECEPTIVE_FN void tile(P p, std::int64_t offset, At at) const {
    memory::prefetch_ahead<P::count>(x + offset);
    auto v = (p.load(x + offset) - mean) * factor;
    if (weight != nullptr) v = v * p.load(weight + at.k);
    if (bias != nullptr) v = v + p.load(bias + at.k);
    p.store(y + offset, v, around);
  }
};

template <class T>
struct LayerNormBody {
  using Element = T;
  const T* x;
  T* y;
  const T* weight;
  const T* bias;
  T* mean;  // null: nobody wants it
  T* inverse_std;
  T epsilon;
  bool around;

  template <class Line>
  RECEPTIVE_FN void line(const Line& line) const {
    const T count = static_cast<T>(line.n);
    T from = line.n > 0 ? x[line.base] : T(0);
    if (!(from - from == T(0))) from = T(0);  // of an infinity every distance would be one or NaN
    const T middle = from + line.reduce(LineDistance<T>(x, from)).sum[0] / count;
    const T variance = line.reduce(LineSquares<T>(x, middle)).sum[0] / count;
    const Pack<T, 1> factor = Pack<T, 1>(T(1)) / sqrt(Pack<T, 1>(variance + epsilon));
    if (mean != nullptr) {
      line.p.store(mean + line.index, Pack<T, 1>(middle));
      line.p.store(inverse_std + line.index, factor);
    }
    line.map(NormaliseLine<T>{x, y, weight, bias, middle, factor[0], around});
  }
};

template <class T>
struct WeightedSums {
  using Element = T;
  template <int N>
  struct State {
    Pack<T, N> sum;
    Pack<T, N> product;
  };
  const T* g;
  const T* x;
  const T* weight;  // null: 1
  T mean;

  template <int N>
  RECEPTIVE_FN void init(State<N>& s) const {
    s.sum = s.product = Pack<T, N>(T{});
  }
  template <class P>
  RECEPTIVE_FN void step(State<P::count>& s, P p, std::int64_t offset, std::int64_t, std::int64_t k) const {
    auto v = p.load(g + offset);
    if (weight != nullptr) v = v * p.load(weight + k);
    s.sum += v;
    s.product += v * keep_active(p, p.load(x + offset) - mean, T{});
  }
  template <int N>
  RECEPTIVE_FN void merge(State<N>& into, const State<N>& from) const {
    into.sum += from.sum;
    into.product += from.product;
  }
  template <int To, int N>
  RECEPTIVE_FN State<To> part(const State<N>& s, int first, int) const {
    return {lanes_from<To>(s.sum, first, T{}), lanes_from<To>(s.product, first, T{})};
  }
};

template <class T>
struct LayerNormGradLine {
  const T* g;
  const T* x;
  T* dx;
  const T* weight;
  T mean;
  T factor;
  T sum;      // of g weight, divided by n
  T product;  // of g weight (x - mean), divided by n, times factor^2
  bool around;

  template <class P, class At>
  RECEPTIVE_FN void tile(P p, std::int64_t offset, At at) const {
    memory::prefetch_ahead<P::count>(g + offset);
    memory::prefetch_ahead<P::count>(x + offset);
    auto v = p.load(g + offset);
    if (weight != nullptr) v = v * p.load(weight + at.k);
    p.store(dx + offset, ((v - sum) - (p.load(x + offset) - mean) * product) * factor, around);
  }
};

template <class T>
struct LayerNormGradBody {
  using Element = T;
  const T* g;
  const T* x;
  const T* mean;
  const T* inverse_std;
  const T* weight;
  T* dx;
  bool around;

  template <class Line>
  RECEPTIVE_FN void line(const Line& line) const {
    const T count = static_cast<T>(line.n);
    const T middle = mean[line.index];
    const T factor = inverse_std[line.index];
    const auto sums = line.reduce(WeightedSums<T>{g, x, weight, middle});
    line.map(LayerNormGradLine<T>{g, x, dx, weight, middle, factor, sums.sum[0] / count,
                                  sums.product[0] / count * factor * factor, around});
  }
};

template <class T>
struct RowSumsResult {
  T* weight;
  T* bias;

  template <class V, class P>
  RECEPTIVE_FN void store(P lanes, std::int64_t at, V sum, V product) const {
    lanes.store(weight + at, convert<T>(product));
    lanes.store(bias + at, convert<T>(sum));
  }
};

template <class A>
RECEPTIVE_HOST_FN const char* check_rows(const OpCall& call) {
  const auto& a = attrs_of<A>(call);
  const View& x = call.inputs[0];
  if (!is_float(x.dtype)) return "only float32 and float64";
  // Rows of no elements still have statistics.
  return a.rows >= 0 && product_is(x.size, a.rows, a.n) ? nullptr : "rows * n is not the size";
}

// Operand `view` has `size` elements of x's dtype.
RECEPTIVE_HOST_FN const char* check_part(const OpCall& call, const View& view, std::int64_t size) {
  if (view.dtype != call.inputs[0].dtype) return "dtypes differ";
  return view.size == size ? nullptr : "an operand has another size than its rows";
}

// (x, weight?, bias?) -> like x, and with statistics: mean and inverseStd of each row
template <class X, bool kStatistics>
struct LayerNorm {
  using Attrs = LayerNormAttrs;
  static constexpr const char* name = kStatistics ? "layerNormWithStatistics" : "layerNorm";
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(LayerNormAttrs, rows), RECEPTIVE_INTEGER(LayerNormAttrs, n),
                                     RECEPTIVE_REAL(LayerNormAttrs, epsilon), RECEPTIVE_FLAG(LayerNormAttrs, weight),
                                     RECEPTIVE_FLAG(LayerNormAttrs, bias)};
  static constexpr int minInputs = 1, maxInputs = 3, outputs = kStatistics ? 3 : 1;

  static const char* check(const OpCall& call) {
    const auto& a = attrs_of<Attrs>(call);
    const char* wrong = check_rows<Attrs>(call);
    if (wrong == nullptr) wrong = check_alike(call.inputs[0], call.outputs[0]);
    if (wrong == nullptr && call.inputCount != 1 + a.weight + a.bias) wrong = "other inputs than the flags say";
    for (int i = 1; i < call.inputCount && wrong == nullptr; ++i) wrong = check_part(call, call.inputs[i], a.n);
    for (int i = 1; i < outputs && wrong == nullptr; ++i) wrong = check_part(call, call.outputs[i], a.rows);
    return wrong;
  }
  static Cost cost(const OpCall& call) { return cost_of_passes(call, 8, 2); }
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<Attrs>(call);
    dispatch_float(call.inputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      lines_along_n(executor, a.rows, a.n,
                    LayerNormBody<T>{input_of<T>(call, 0), static_cast<T*>(call.outputs[0].data),
                                     a.weight ? input_of<T>(call, 1) : nullptr,
                                     a.bias ? input_of<T>(call, 1 + a.weight) : nullptr,
                                     kStatistics ? static_cast<T*>(call.outputs[1].data) : nullptr,
                                     kStatistics ? static_cast<T*>(call.outputs[2].data) : nullptr,
                                     static_cast<T>(a.epsilon), a.n % kLanes<T> == 0 && goes_around(executor, call)});
    });
  }
};

// (g, x, mean, inverseStd, weight?) -> like g
template <class X>
struct LayerNormGradInput {
  using Attrs = LayerNormGradAttrs;
  static constexpr const char* name = "layerNormGradInput";
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(LayerNormGradAttrs, rows),
                                     RECEPTIVE_INTEGER(LayerNormGradAttrs, n),
                                     RECEPTIVE_FLAG(LayerNormGradAttrs, weight)};
  static constexpr int minInputs = 4, maxInputs = 5, outputs = 1;

  static const char* check(const OpCall& call) {
    const auto& a = attrs_of<Attrs>(call);
    const char* wrong = check_rows<Attrs>(call);
    if (wrong == nullptr) wrong = check_alike(call.inputs[0], call.outputs[0]);
    if (wrong == nullptr) wrong = check_alike(call.inputs[0], call.inputs[1]);
    if (wrong == nullptr && call.inputCount != 4 + a.weight) wrong = "other inputs than the flags say";
    for (int i = 2; i < call.inputCount && wrong == nullptr; ++i) {
      wrong = check_part(call, call.inputs[i], i < 4 ? a.rows : a.n);
    }
    return wrong;
  }
  static Cost cost(const OpCall& call) { return cost_of_passes(call, 10, 3); }
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<Attrs>(call);
    dispatch_float(call.inputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      lines_along_n(
          executor, a.rows, a.n,
          LayerNormGradBody<T>{input_of<T>(call, 0), input_of<T>(call, 1), input_of<T>(call, 2), input_of<T>(call, 3),
                               a.weight ? input_of<T>(call, 4) : nullptr, static_cast<T*>(call.outputs[0].data),
                               a.n % kLanes<T> == 0 && goes_around(executor, call)});
    });
  }
};

// (g, x, mean, inverseStd) -> weight's and bias' gradient
template <class X>
struct LayerNormGradParameters {
  using Attrs = LayerNormParameterAttrs;
  static constexpr const char* name = "layerNormGradParameters";
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(LayerNormParameterAttrs, rows),
                                     RECEPTIVE_INTEGER(LayerNormParameterAttrs, n)};
  static constexpr int minInputs = 4, maxInputs = 4, outputs = 2;

  static const char* check(const OpCall& call) {
    const auto& a = attrs_of<Attrs>(call);
    const char* wrong = check_rows<Attrs>(call);
    if (wrong == nullptr) wrong = check_alike(call.inputs[0], call.inputs[1]);
    for (int i = 2; i < 4 && wrong == nullptr; ++i) wrong = check_part(call, call.inputs[i], a.rows);
    for (int i = 0; i < 2 && wrong == nullptr; ++i) wrong = check_part(call, call.outputs[i], a.n);
    return wrong;
  }
  static Cost cost(const OpCall& call) { return cost_of_passes(call, 5, 2); }
  static std::int64_t workspace(const OpCall& call, int) {
    const auto& a = attrs_of<Attrs>(call);
    Rooms rooms(nullptr);
    dispatch_float(call.inputs[0].dtype, [&](auto tag) { RowSums<decltype(tag)>(a.rows, a.n, rooms); });
    return rooms.bytes();
  }
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<Attrs>(call);
    dispatch_float(call.inputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      Rooms rooms(executor.workspace());
      const RowTerms<T> terms{input_of<T>(call, 0), input_of<T>(call, 1), input_of<T>(call, 2), input_of<T>(call, 3)};
      const RowSumsResult<T> result{static_cast<T*>(call.outputs[0].data), static_cast<T*>(call.outputs[1].data)};
      RowSums<T>(a.rows, a.n, rooms).run(executor, terms, result);
    });
  }
};

template <class X>
using LayerNormFamily =
    Family<X, LayerNorm<X, false>, LayerNorm<X, true>, LayerNormGradInput<X>, LayerNormGradParameters<X>>;

}  // namespace receptive::RECEPTIVE_TARGET
