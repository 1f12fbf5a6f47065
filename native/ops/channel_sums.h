// The two sums per channel that batch normalisation takes, in one pass over memory: of a - p and of (a - p) (b - q),
// where p and q are numbers of the channel. With a = b = x and p = q near the mean they give mean and variance, with
// the gradient as a, p = 0, and the mean as q the gradients of bias and weight.
//
// Where channels come last, reduce() runs along them. Otherwise each plane, or each kPart elements of one, is a line of
// its own, whose sums are added up afterwards in float64: a cut that depends on nothing but the plane's size.
#pragma once

#include "channels.h"
#include "line_sums.h"

namespace receptive::RECEPTIVE_TARGET {

template <class T, bool kPixels>
struct TwoSums {
  using Element = T;
  template <int N>
  struct State {
    Pack<T, N> sum;
    Pack<T, N> product;
  };
  const T* a;
  const T* b;
  const T* p_of;  // kPixels: at least a pack of them, repeated where there are fewer channels
  const T* q_of;
  T* sums;
  T* products;
  std::int64_t channels;

  template <int N>
  RECEPTIVE_FN void init(State<N>& s) const {
    s.sum = s.product = Pack<T, N>(T{});
  }
  // kPixels: k is a pixel, else `o` is the line's channel.
  template <class P>
  RECEPTIVE_FN void step(State<P::count>& s, P lanes, std::int64_t offset, std::int64_t o, std::int64_t k) const {
    using V = Pack<T, P::count>;
    V p, q;
    if constexpr (kPixels) {
      const std::int64_t channel = offset - k * channels;
      p = V::read(p_of + channel);
      q = V::read(q_of + channel);
    } else {
      p = V(p_of[o]);
      q = V(q_of[o]);
    }
    const V first = keep_active(lanes, lanes.load(a + offset) - p, T{});
    const V second = keep_active(lanes, lanes.load(b + offset) - q, T{});
    s.sum += first;
    s.product += first * second;
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
  template <class P>
  RECEPTIVE_FN void finish(const State<P::count>& s, P lanes, std::int64_t at) const {
    lanes.store(sums + at, s.sum);
    lanes.store(products + at, s.product);
  }
};

// How the sums are laid out in the workspace, in this order: what reduce() takes, p and q, partial sums.
template <class T>
struct ChannelSums {
  static constexpr std::int64_t kPart = 2 * kGrain;  // elements of a line
  using Pixels = TwoSums<T, true>;
  using Planes = TwoSums<T, false>;
  ChannelView view;
  std::int64_t parts;  // of a plane
  std::int64_t lines;  // partial sums of a channel
  T* p;
  T* q;
  T* sums;  // [lines, channels]
  T* products;

  ChannelSums(const ChannelView& v, Rooms& rooms, int threads) : view(v) {
    parts = v.inner == 1 ? 1 : (v.inner + kPart - 1) / kPart;
    lines = v.inner == 1 ? 1 : v.outer * parts;
    if (v.inner == 1) rooms.take<std::byte>(reduce_workspace<Pixels>(1, v.outer, v.channels, threads));
    p = rooms.take<T>(v.channels + kLanes<T>);
    q = rooms.take<T>(v.channels + kLanes<T>);
    sums = rooms.take<T>(lines * v.channels);
    products = rooms.take<T>(lines * v.channels);
  }

  // With p and q in place for the channels themselves.
  template <class X>
  void run(X& executor, const T* a, const T* b) const {
    if (view.channels == 0 || lines == 0) return;
    if (view.inner == 1) {
      for (std::int64_t i = view.channels; i < kLanes<T>; ++i) p[i] = p[i - view.channels], q[i] = q[i - view.channels];
      executor.reduce(1, view.outer, view.channels, Pixels{a, b, p, q, sums, products, view.channels});
      return;
    }
    const Planes body{a, b, p, q, sums, products, view.channels};
    const std::int64_t all = lines * view.channels;
    const std::int64_t line = view.inner < kPart ? view.inner : kPart;
    const bool parallel = view.size() >= kParallelElements;
    const std::int64_t together = !parallel ? all : line < kGrain ? kGrain / line : 1;
    executor.for_each((all + together - 1) / together, parallel, [&](std::int64_t task, int) {
      const std::int64_t first = task * together;
      some_lines(body, first, first + together < all ? first + together : all);
    });
  }

 private:
  // Lines [first, last) of [outer, parts, channels].
  __attribute__((noinline)) void some_lines(const Planes& shared, std::int64_t first, std::int64_t last) const {
    const Planes body = shared;
    std::int64_t piece = first / view.channels;
    std::int64_t channel = first - piece * view.channels;
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t image = piece / parts;
      const std::int64_t begin = (piece - image * parts) * kPart;
      const std::int64_t n = view.inner - begin < kPart ? view.inner - begin : kPart;
      const LineAlongN<T, false> line{{}, channel, (image * view.channels + channel) * view.inner + begin, n};
      body.finish(line.reduce(body), One{}, i);
      if (++channel == view.channels) channel = 0, ++piece;
    }
  }
};

// p and q for statistics: the mean of a few elements of the channel, spread over all of them, 0 where that is not
// finite. With v the variance, the distance to the mean has a square of at most v n / kSamples, and near v / kSamples
// mostly, so that the subtraction in the variance loses next to nothing.
template <class T>
struct ChannelSample {
  using Element = T;
  static constexpr bool kOverlap = true;
  static constexpr std::int64_t kSamples = 32;
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
      const T* const first = x + image * view.channels * view.inner + pixel;
      sum += lanes.load_strided(first, channel * view.inner, view.inner, view.channels * view.inner - pixel, T(0));
    }
    const V mean = sum / static_cast<T>(samples);
    const V near = select(mean - mean == V(T(0)), mean, T(0));
    lanes.store(p + channel, near);
    lanes.store(q + channel, near);
  }
};

// Adds up the partial sums of each channel and hands them to `Result`:
//     template <class V, class P> void store(P lanes, std::int64_t channel, V sum, V product) const;   // float64
template <class T, class Result>
struct ChannelTotals {
  using Element = T;
  static constexpr bool kOverlap = true;
  const T* sums;
  const T* products;
  std::int64_t channels;
  std::int64_t lines;
  Result result;

  RECEPTIVE_FN char row(std::int64_t) const { return 0; }
  template <class P>
  RECEPTIVE_FN void tile(char, std::int64_t channel, P lanes) const {
    using Wide = Pack<double, P::count>;
    Wide sum(0.0), product(0.0);
    for (std::int64_t i = channel; i < lines * channels; i += channels) {
      sum += convert<double>(lanes.load(sums + i));
      product += convert<double>(lanes.load(products + i));
    }
    result.store(lanes, channel, sum, product);
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
