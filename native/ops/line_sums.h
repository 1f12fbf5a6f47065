// Reductions along a line that softmax and the losses over classes share; all for cpu/lines.h, so without finish().
//
// Stability: exponentials are of x - max. A NaN in a line makes the sum of exponentials NaN whatever max became, so the
// maximum needs no NaN rule of its own; +inf gives inf - inf = NaN, as in PyTorch, and a line of -inf alone gives NaN.
#pragma once

#include "executor.h"
#include "lines.h"
#include "math_exp.h"

namespace receptive::RECEPTIVE_TARGET {

// What the sums below have in common: one pack that adds up.
template <class T>
struct AddUp {
  using Element = T;
  template <int N>
  struct State {
    Pack<T, N> sum;
  };
  template <int N>
  RECEPTIVE_FN void init(State<N>& s) const {
    s.sum = Pack<T, N>(T{});
  }
  template <int N>
  RECEPTIVE_FN void merge(State<N>& into, const State<N>& from) const {
    into.sum += from.sum;
  }
  template <int To, int N>
  RECEPTIVE_FN State<To> part(const State<N>& s, int first, int) const {
    return {lanes_from<To>(s.sum, first, T{})};
  }
};

template <class T>
struct LineMax {
  using Element = T;
  static constexpr T kLowest = static_cast<T>(-__builtin_inf());
  template <int N>
  struct State {
    Pack<T, N> value;
  };
  const T* x;

  template <int N>
  RECEPTIVE_FN void init(State<N>& s) const {
    s.value = Pack<T, N>(kLowest);
  }
  template <class P>
  RECEPTIVE_FN void step(State<P::count>& s, P p, std::int64_t offset, std::int64_t, std::int64_t) const {
    s.value = maximum_ordered(s.value, p.load_range(x + offset, 0, p.active, kLowest));
  }
  template <int N>
  RECEPTIVE_FN void merge(State<N>& into, const State<N>& from) const {
    into.value = maximum_ordered(into.value, from.value);
  }
  template <int To, int N>
  RECEPTIVE_FN State<To> part(const State<N>& s, int first, int) const {
    return {lanes_from<To>(s.value, first, kLowest)};
  }
};

// Sum of exp(x - max). What it keeps near for the next pass: nothing, x - max, or the terms. Chosen at run time, since
// exponentials are long and each kind would have its own.
enum class Keep { nothing, shifted, terms };

template <class T, int C, class Near>
struct ExpSum : AddUp<T> {
  static constexpr bool kCompact = true;
  const T* x;
  Pack<T, C> max;
  Keep keep;
  const Near* near;

  RECEPTIVE_FN ExpSum(const T* x_, Pack<T, C> max_, Keep keep_, const Near* near_)
      : x(x_), max(max_), keep(keep_), near(near_) {}

  template <class P>
  RECEPTIVE_FN void step(typename AddUp<T>::template State<P::count>& s, P p, std::int64_t offset, std::int64_t,
                         std::int64_t k) const {
    // Inactive lanes read as the maximum: the exponential of a very negative number is slow where it underflows.
    const T fill = C == P::count ? T{} : max[0];
    const auto shifted = p.load_range(x + offset, 0, p.active, fill) - spread<P::count>(max);
    const auto term = keep_active(p, exp(shifted), T{});
    if (keep != Keep::nothing) near->store(p, k, keep == Keep::terms ? term : shifted);
    s.sum += term;
  }
};

template <class T>
struct LineSum : AddUp<T> {
  const T* x;

  RECEPTIVE_FN explicit LineSum(const T* x_) : x(x_) {}

  template <class P>
  RECEPTIVE_FN void step(typename AddUp<T>::template State<P::count>& s, P p, std::int64_t offset, std::int64_t,
                         std::int64_t) const {
    s.sum += p.load(x + offset);
  }
};

// a . b
template <class T>
struct LineDot : AddUp<T> {
  const T* a;
  const T* b;

  RECEPTIVE_FN LineDot(const T* a_, const T* b_) : a(a_), b(b_) {}

  template <class P>
  RECEPTIVE_FN void step(typename AddUp<T>::template State<P::count>& s, P p, std::int64_t offset, std::int64_t,
                         std::int64_t) const {
    s.sum += p.load(a + offset) * p.load(b + offset);
  }
};

// The two numbers of a line that its softmax needs.
template <class T, int C>
struct SoftmaxScale {
  Pack<T, C> max;
  Pack<T, C> sum;  // of exp(x - max)
};

template <class T, class Line>
RECEPTIVE_FN SoftmaxScale<T, Line::count> softmax_scale(const Line& line, const T* x, Keep keep,
                                                        const typename Line::Near& near = {}) {
  constexpr int C = Line::count;
  const Pack<T, C> max = line.reduce(LineMax<T>{x}).value;
  return {max, line.reduce(ExpSum<T, C, typename Line::Near>(x, max, keep, &near)).sum};
}

struct LineAttrs {
  std::int64_t outer;
  std::int64_t n;
  std::int64_t inner;
};

}  // namespace receptive::RECEPTIVE_TARGET
