// The two sums per channel that batch normalisation takes, in one pass over memory: of a - p and of (a - p) (b - q),
// where p and q are numbers of the channel. With a = b = x and p = q near the mean they give mean and variance, with
// the gradient as a, p = 0, and the mean as q the gradients of bias and weight. partial_sums.h adds them up.
#pragma once

#include "channels.h"

namespace receptive::RECEPTIVE_TARGET {

// A body of reduce(), but for the channels: its step takes their numbers.
template <class T>
struct TwoSums {
  using Element = T;
  template <int N>
  struct State {
    Pack<T, N> sum;
    Pack<T, N> product;
  };
  const T* a;
  const T* b;
  const T* p;  // null: 0
  const T* q;

  template <int N>
  RECEPTIVE_FN void init(State<N>& s) const {
    s.sum = s.product = Pack<T, N>(T(0));
  }
  template <class P, class S>
  RECEPTIVE_FN void step(S& s, P lanes, std::int64_t at, Pack<T, P::count> p_of, Pack<T, P::count> q_of) const {
    const auto first = keep_active(lanes, lanes.load(a + at) - p_of, T{});
    s.sum += first;
    if (a == b) {  // of one stream: a load for each of two made it wait for memory
      s.product += first * first;
    } else {
      s.product += first * keep_active(lanes, lanes.load(b + at) - q_of, T{});
    }
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

// p and q for statistics: the mean of a few elements of the channel, spread over all of them, 0 where that is not
// finite. With v the variance, the distance to the mean has a square of at most v n / kSamples, and near v / kSamples
// mostly, so that the subtraction in the variance loses next to nothing.
template <class T>
struct ChannelSample {
  using Element = T;
  static constexpr bool kOverlap = true;
  static constexpr std::int64_t kSamples = 16;
  const T* x;
  T* p;
  T* q;
  ChannelView view;

  RECEPTIVE_FN char row(std::int64_t) const { return 0; }
  template <class P>
  RECEPTIVE_FN void tile(char, std::int64_t channel, P lanes) const {
    using V = Pack<T, P::count>;
    const std::int64_t count = view.count();
    const std::int64_t samples = count < kSamples ? count : kSamples;
    V sum(T(0));
    for (std::int64_t s = 0; s < samples; ++s) {
      const std::int64_t element = s * count / samples;
      const std::int64_t image = element / view.inner;
      const std::int64_t pixel = element - image * view.inner;
      const T* const first = x + (image * view.channels + channel) * view.inner + pixel;
      if (view.inner == 1) {
        sum += lanes.load(first);
      } else {
        V apart(T(0));
        for (int l = 0; l < lanes.active; ++l) apart.set(l, first[l * view.inner]);
        sum += apart;
      }
    }
    const V mean = sum / static_cast<T>(samples);
    const V near = select(mean - mean == V(T(0)), mean, T(0));
    lanes.store(p + channel, near);
    lanes.store(q + channel, near);
  }
};

// What the sums over rows of layer normalisation read: those of g and of g (x - mean) inverseStd.
template <class T>
struct RowTerms {
  const T* g;
  const T* x;
  const T* mean;
  const T* inverse_std;

  template <class P, class S>
  RECEPTIVE_FN void step(S& s, P p, std::int64_t at, T middle, T factor) const {
    const auto v = p.load(g + at);
    s.sum += v;
    s.product += v * ((p.load(x + at) - middle) * factor);
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
