// ChannelSums and RowSums: how a GPU adds up what ops/channel_sums.h describes, by reduce(). Channels that come last
// are its inner axis; else each plane is a line of its own, and the planes' sums are added up in float64.
//
// Result gets the sums of each channel (or column):
//     template <class V, class P> void store(P lanes, std::int64_t channel, V sum, V product) const;   // float64
#pragma once

#include "../ops/channel_sums.h"

namespace receptive::RECEPTIVE_TARGET {

// What the bodies below share: two sums of A, handed on as float64.
template <class A, class Result>
struct SumsBody {
  using Element = A;
  template <int N>
  struct State {
    Pack<A, N> sum;
    Pack<A, N> product;
  };
  Result result;

  RECEPTIVE_FN void init(State<1>& s) const { s.sum = s.product = Pack<A, 1>(A(0)); }
  RECEPTIVE_FN void merge(State<1>& into, const State<1>& from) const {
    into.sum += from.sum;
    into.product += from.product;
  }
  RECEPTIVE_FN void finish(const State<1>& s, One p, std::int64_t at) const {
    result.store(p, at, convert<double>(s.sum), convert<double>(s.product));
  }
};

// [outer, channels] where kPixels, else [outer * channels, inner].
template <class T, bool kPixels, class Result>
struct ChannelTerms : SumsBody<T, Result> {
  TwoSums<T> terms;
  std::int64_t channels;

  RECEPTIVE_FN void step(StateOf<SumsBody<T, Result>>& s, One p, std::int64_t at, std::int64_t o,
                         std::int64_t k) const {
    const std::int64_t channel = kPixels ? at - k * channels : o % channels;
    terms.step(s, p, at, Pack<T, 1>(terms.p == nullptr ? T(0) : terms.p[channel]), Pack<T, 1>(terms.q[channel]));
  }
};

// Sums of planes, [outer, channels].
template <class T, class Result>
struct PlaneTerms : SumsBody<double, Result> {
  const T* sums;
  const T* products;

  RECEPTIVE_FN void step(StateOf<SumsBody<double, Result>>& s, One p, std::int64_t at, std::int64_t,
                         std::int64_t) const {
    s.sum += convert<double>(p.load(sums + at));
    s.product += convert<double>(p.load(products + at));
  }
};

// The Result that keeps them.
template <class T>
struct PlaneSums {
  T* sums;
  T* products;

  RECEPTIVE_FN void store(One p, std::int64_t at, Pack<double, 1> sum, Pack<double, 1> product) const {
    p.store(sums + at, convert<T>(sum));
    p.store(products + at, convert<T>(product));
  }
};

// Where the numbers of the channels, p and q, lie in the workspace, and what run() needs there.
template <class T>
class ChannelSums {
 public:
  T* p;
  T* q;

  ChannelSums(const ChannelView& v, Rooms& rooms) : view_(v) {
    p = rooms.take<T>(v.channels);
    q = rooms.take<T>(v.channels);
    const std::int64_t planes = v.inner == 1 ? 0 : v.outer * v.channels;
    planes_ = {rooms.take<T>(planes), rooms.take<T>(planes)};
    std::int64_t bytes = v.inner == 1 ? room_of<T>(1, v.outer, v.channels) : room_of<T>(planes, v.inner, 1);
    const std::int64_t second = v.inner == 1 ? 0 : room_of<double>(1, v.outer, v.channels);
    room_ = rooms.take<std::byte>(second > bytes ? second : bytes);
  }

  // With q in place, and p where a is `centred`.
  template <class X, class Result>
  void run(X& executor, const T* a, const T* b, bool centred, const Result& result) const {
    const TwoSums<T> terms{a, b, centred ? p : nullptr, q};
    const std::int64_t channels = view_.channels;
    if (view_.inner == 1) {
      executor.reduce(1, view_.outer, channels, ChannelTerms<T, true, Result>{{result}, terms, channels}, room_);
      return;
    }
    executor.reduce(view_.outer * channels, view_.inner, 1,
                    ChannelTerms<T, false, PlaneSums<T>>{{planes_}, terms, channels}, room_);
    executor.reduce(1, view_.outer, channels, PlaneTerms<T, Result>{{result}, planes_.sums, planes_.products}, room_);
  }

 private:
  template <class A>
  static std::int64_t room_of(std::int64_t outer, std::int64_t n, std::int64_t inner) {
    return reduce_workspace<SumsBody<A, PlaneSums<T>>>(outer, n, inner);
  }

  ChannelView view_;
  PlaneSums<T> planes_;
  std::byte* room_;
};

template <class T, class Result>
struct RowTermsBody : SumsBody<T, Result> {
  RowTerms<T> terms;

  RECEPTIVE_FN void step(StateOf<SumsBody<T, Result>>& s, One p, std::int64_t at, std::int64_t, std::int64_t k) const {
    terms.step(s, p, at, terms.mean[k], terms.inverse_std[k]);
  }
};

// The sums of RowTerms over the rows of [rows, n].
template <class T>
class RowSums {
 public:
  RowSums(std::int64_t rows, std::int64_t n, Rooms& rooms) : rows_(rows), n_(n) {
    room_ = rooms.take<std::byte>(reduce_workspace<SumsBody<T, char>>(1, rows, n));
  }

  template <class X, class Result>
  void run(X& executor, const RowTerms<T>& terms, const Result& result) const {
    executor.reduce(1, rows_, n_, RowTermsBody<T, Result>{{result}, terms}, room_);
  }

 private:
  std::int64_t rows_;
  std::int64_t n_;
  std::byte* room_;
};

}  // namespace receptive::RECEPTIVE_TARGET
