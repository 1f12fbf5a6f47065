// Losses over classes: x seen as [outer, n, inner] with n classes, one result per line [outer, inner].
//   crossEntropy      ln sum e^(x - max) - (x_label - max)              gradient (softmax(x) - onehot(label)) g scale
//   softCrossEntropy  sum_k p_k (ln sum e^(x - max) - (x_k - max))      gradient (softmax(x) sum p - p) g scale
//   nllLoss           -x_label, x log-probabilities                     gradient -g scale at the label, 0 elsewhere
// g has one element, or one per line. A label outside [0, n) is a fault at its position; nothing is read or written for
// it, and its results are NaN.
#pragma once

#include "executor.h"
#include "extent.h"
#include "line_sums.h"
#include "math_log.h"

namespace receptive::RECEPTIVE_TARGET {

struct ClassLossGradAttrs {
  std::int64_t outer;
  std::int64_t n;
  std::int64_t inner;
  double scale;
};

// The label of lane l of a line, or -1 after reporting one that is out of range.
template <class Line>
RECEPTIVE_FN std::int32_t label_of(const FaultLog& faults, const Line& line, const std::int32_t* labels, int l) {
  const std::int32_t label = labels[line.index + l];
  if (label >= 0 && label < line.n) return label;
  faults.report(line.index + l, label, line.n);
  return -1;
}

// x at each line's label.
template <class T, class Line>
RECEPTIVE_FN Pack<T, Line::count> at_label(const FaultLog& faults, const Line& line, const T* x,
                                           const std::int32_t* labels) {
  T lanes[Line::count] = {};
  for (int l = 0; l < line.p.active; ++l) {
    const std::int32_t label = label_of(faults, line, labels, l);
    lanes[l] = label < 0 ? static_cast<T>(__builtin_nan("")) : x[line.base + label * line.inner + l];
  }
  return Pack<T, Line::count>::read(lanes);
}

// What a gradient needs of each line: its label (-1 where that is none) and g * scale (NaN there).
template <class T, int C>
struct LabelledLine {
  Pack<SignedOf<T>, C> label;
  Pack<T, C> g;
};

template <class T>
struct Upstream {
  const T* g;
  bool each;  // one per line, not one for all
  T scale;

  template <class P>
  RECEPTIVE_FN Pack<T, P::count> load(P p, std::int64_t line) const {
    return (each ? p.load(g + line) : Pack<T, P::count>(g[0])) * scale;
  }
};

template <class T, class Line>
RECEPTIVE_FN LabelledLine<T, Line::count> labelled_line(const FaultLog& faults, const Line& line,
                                                        const std::int32_t* labels, const Upstream<T>& upstream) {
  using I = SignedOf<T>;
  constexpr int C = Line::count;
  I lanes[C] = {};
  for (int l = 0; l < line.p.active; ++l) lanes[l] = label_of(faults, line, labels, l);
  const auto label = Pack<I, C>::read(lanes);
  const auto none = convert_mask<T>(label < Pack<I, C>(I(0)));
  return {label, select(none, static_cast<T>(__builtin_nan("")), upstream.load(line.p, line.index))};
}

template <class T>
struct CrossEntropyBody {
  using Element = T;
  FaultLog faults;
  const T* x;
  const std::int32_t* labels;
  T* out;

  template <class Line>
  RECEPTIVE_FN void line(const Line& line) const {
    const auto scale = softmax_scale(line, x, Keep::nothing);
    line.p.store(out + line.index, log(scale.sum) - (at_label(faults, line, x, labels) - scale.max));
  }
};

template <class T, int C, class Near>
struct SoftmaxMinusOneHot {
  T* dx;
  Pack<T, C> factor;
  LabelledLine<T, C> target;
  const Near* terms;

  template <class P, class At>
  RECEPTIVE_FN void tile(P p, std::int64_t offset, At at) const {
    constexpr int N = P::count;
    using I = SignedOf<T>;
    const auto here = convert_mask<T>(at.template pack<I, N>() == spread<N>(target.label));
    const auto one = select(here, T(1), Pack<T, N>(T(0)));
    p.store(dx + offset, (terms->load(p, at.k) * spread<N>(factor) - one) * spread<N>(target.g));
  }
};

template <class T>
struct CrossEntropyGradBody {
  using Element = T;
  FaultLog faults;
  Upstream<T> upstream;
  const T* x;
  const std::int32_t* labels;
  T* dx;

  template <class Line>
  RECEPTIVE_FN void line(const Line& line) const {
    constexpr int C = Line::count;
    const auto terms = line.near(dx);
    const auto scale = softmax_scale(line, x, Keep::terms, terms);
    const auto target = labelled_line(faults, line, labels, upstream);
    line.map(SoftmaxMinusOneHot<T, C, std::remove_const_t<decltype(terms)>>{dx, Pack<T, C>(T(1)) / scale.sum, target,
                                                                            &terms});
  }
};

// sum_k p_k (logSum - (x_k - max))
template <class T, int C>
struct SoftTerms : AddUp<T> {
  static constexpr bool kCompact = true;
  const T* x;
  const T* probabilities;
  Pack<T, C> max;
  Pack<T, C> logSum;

  RECEPTIVE_FN SoftTerms(const T* x_, const T* probabilities_, Pack<T, C> max_, Pack<T, C> logSum_)
      : x(x_), probabilities(probabilities_), max(max_), logSum(logSum_) {}

  template <class P>
  RECEPTIVE_FN void step(typename AddUp<T>::template State<P::count>& s, P p, std::int64_t offset, std::int64_t,
                         std::int64_t) const {
    constexpr int N = P::count;
    const auto surprise = spread<N>(logSum) - (p.load(x + offset) - spread<N>(max));
    s.sum += keep_active(p, p.load(probabilities + offset) * surprise, T{});
  }
};

template <class T>
struct SoftCrossEntropyBody {
  using Element = T;
  const T* x;
  const T* probabilities;
  T* out;

  template <class Line>
  RECEPTIVE_FN void line(const Line& line) const {
    const auto scale = softmax_scale(line, x, Keep::nothing);
    const SoftTerms<T, Line::count> terms(x, probabilities, scale.max, log(scale.sum));
    line.p.store(out + line.index, line.reduce(terms).sum);
  }
};

template <class T, int C, class Near>
struct SoftmaxMinusTarget {
  const T* probabilities;
  T* dx;
  Pack<T, C> factor;
  Pack<T, C> g;
  const Near* terms;

  template <class P, class At>
  RECEPTIVE_FN void tile(P p, std::int64_t offset, At at) const {
    constexpr int N = P::count;
    p.store(dx + offset, (terms->load(p, at.k) * spread<N>(factor) - p.load(probabilities + offset)) * spread<N>(g));
  }
};

template <class T>
struct SoftCrossEntropyGradBody {
  using Element = T;
  Upstream<T> upstream;
  const T* x;
  const T* probabilities;
  T* dx;

  template <class Line>
  RECEPTIVE_FN void line(const Line& line) const {
    constexpr int C = Line::count;
    const auto terms = line.near(dx);
    const auto scale = softmax_scale(line, x, Keep::terms, terms);
    const Pack<T, C> factor = line.reduce(LineSum<T>(probabilities)).sum / scale.sum;
    line.map(SoftmaxMinusTarget<T, C, std::remove_const_t<decltype(terms)>>{probabilities, dx, factor,
                                                                            upstream.load(line.p, line.index), &terms});
  }
};

template <class T>
struct NllLossBody {
  using Element = T;
  FaultLog faults;
  const T* x;
  const std::int32_t* labels;
  T* out;

  template <class Line>
  RECEPTIVE_FN void line(const Line& line) const {
    line.p.store(out + line.index, -at_label(faults, line, x, labels));
  }
};

template <class T, int C>
struct ValueAtLabel {
  T* dx;
  LabelledLine<T, C> target;

  template <class P, class At>
  RECEPTIVE_FN void tile(P p, std::int64_t offset, At at) const {
    constexpr int N = P::count;
    using I = SignedOf<T>;
    const auto label = spread<N>(target.label);
    const auto here = convert_mask<T>((at.template pack<I, N>() == label) | (label < Pack<I, N>(I(0))));
    p.store(dx + offset, select(here, -spread<N>(target.g), Pack<T, N>(T(0))));
  }
};

template <class T>
struct NllLossGradBody {
  using Element = T;
  FaultLog faults;
  Upstream<T> upstream;
  const std::int32_t* labels;
  T* dx;

  template <class Line>
  RECEPTIVE_FN void line(const Line& line) const {
    line.map(ValueAtLabel<T, Line::count>{dx, labelled_line(faults, line, labels, upstream)});
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
