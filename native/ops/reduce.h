// Reductions of x, seen as [outer, n, inner], along n: sum, sumSquares, mean, max, min, argmax, argmin.
//
// sum: float types in their own type (blocked accumulation, see fold.h); int32, uint8 and boolean give int32 and
// wrap.
//   n = 0 gives 0. sumSquares: float types, likewise, of each element times itself; inner is 1.
//   mean: float types; n = 0 gives NaN.
// max, min: the dtype of x. NaN wins, as in NumPy. argmax, argmin: int32, the first position of the extreme; the first
// NaN wins.
//   n = 0 has no answer and is refused.
//
// Minimum is maximum in another order: `flip` (the sign bit of a float, all bits of an integer) is applied to what is
// read and to the result, so that one body does both.
#pragma once

#include "executor.h"
#include "extent.h"

namespace receptive::RECEPTIVE_TARGET {

struct ReduceAttrs {
  std::int64_t outer;
  std::int64_t n;
  std::int64_t inner;
};

template <class X>
struct ReduceBase {
  using Attrs = ReduceAttrs;
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(ReduceAttrs, outer), RECEPTIVE_INTEGER(ReduceAttrs, n),
                                     RECEPTIVE_INTEGER(ReduceAttrs, inner)};
  static constexpr int minInputs = 1, maxInputs = 1, outputs = 1;

  static Cost cost(const OpCall& call) {
    const auto size = static_cast<double>(call.inputs[0].size);
    return {size, size * static_cast<double>(element_bytes(call.inputs[0].dtype)) +
                      static_cast<double>(call.outputs[0].size * element_bytes(call.outputs[0].dtype))};
  }

 protected:
  static const char* check_extents(const OpCall& call) {
    const auto& a = attrs_of<ReduceAttrs>(call);
    if (!product_is(call.inputs[0].size, a.outer, a.n, a.inner))
      return "outer * n * inner is not the size of the input";
    if (!product_is(call.outputs[0].size, a.outer, a.inner)) return "outer * inner is not the size of the output";
    return nullptr;
  }
};

// T is read, A accumulates: float types in themselves, integers in uint32, whose overflow wraps.
template <class T, class A, class Out, bool kSquares = false>
struct SumBody {
  using Element = A;
  static constexpr bool kLine = kSquares;
  template <int N>
  struct State {
    Pack<A, N> sum;
  };
  const T* x;
  Out* out;
  A divisor;

  template <int N>
  RECEPTIVE_FN void init(State<N>& s) const {
    s.sum = Pack<A, N>(A{});
  }
  template <class P>
  RECEPTIVE_FN void step(State<P::count>& s, P p, std::int64_t offset, std::int64_t, std::int64_t) const {
    if constexpr (kSquares) {
      const auto v = p.load(x + offset);
      s.sum += v * v;
    } else if constexpr (sizeof(T) == sizeof(A)) {
      s.sum += bit_cast<A>(p.load(x + offset));
    } else {
      s.sum += convert<A>(p.load(x + offset));
    }
  }
  template <int N>
  RECEPTIVE_FN void merge(State<N>& into, const State<N>& from) const {
    into.sum += from.sum;
  }
  template <int To, int N>
  RECEPTIVE_FN State<To> part(const State<N>& s, int first, int) const {
    return {lanes_from<To>(s.sum, first, A{})};
  }
  template <class P>
  RECEPTIVE_FN void finish(const State<P::count>& s, P p, std::int64_t at) const {
    if constexpr (static_cast<A>(0.5) != A{}) {
      p.store(out + at, s.sum / divisor);
    } else {
      p.store(out + at, bit_cast<Out>(s.sum));
    }
  }
};

// Calls f(body) for the input's dtype: run() and workspace() must agree about the body.
template <class F>
RECEPTIVE_HOST_FN void with_sum_body(const OpCall& call, double divisor, F&& f) {
  const View& x = call.inputs[0];
  void* const out = call.outputs[0].data;
  dispatch_number(x.dtype, [&](auto tag) {
    using T = decltype(tag);
    if constexpr (static_cast<T>(0.5) != T{}) {
      f(SumBody<T, T, T>{static_cast<const T*>(x.data), static_cast<T*>(out), static_cast<T>(divisor)});
    } else {
      f(SumBody<T, std::uint32_t, std::int32_t>{static_cast<const T*>(x.data), static_cast<std::int32_t*>(out), 1});
    }
  });
}

template <class F>
RECEPTIVE_HOST_FN void with_squares_body(const OpCall& call, F&& f) {
  const View& x = call.inputs[0];
  dispatch_float(x.dtype, [&](auto tag) {
    using T = decltype(tag);
    f(SumBody<T, T, T, true>{static_cast<const T*>(x.data), static_cast<T*>(call.outputs[0].data), T(1)});
  });
}

template <class X>
struct SumSquaresOp : ReduceBase<X> {
  static constexpr const char* name = "sumSquares";

  static const char* check(const OpCall& call) {
    const DType in = call.inputs[0].dtype;
    if (!is_float(in)) return "only float32 and float64";
    if (call.outputs[0].dtype != in) return "the output's dtype does not fit";
    if (attrs_of<ReduceAttrs>(call).inner != 1) return "inner is not 1";
    return ReduceBase<X>::check_extents(call);
  }
  static std::int64_t workspace(const OpCall& call, int threads) {
    const auto& a = attrs_of<ReduceAttrs>(call);
    std::int64_t bytes = 0;
    with_squares_body(call, [&](const auto& body) {
      bytes = reduce_workspace<std::remove_cvref_t<decltype(body)>>(a.outer, a.n, a.inner, threads);
    });
    return bytes;
  }
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<ReduceAttrs>(call);
    with_squares_body(call, [&](const auto& body) { executor.reduce(a.outer, a.n, a.inner, body); });
  }
};

template <class X, bool kMean>
struct SumOp : ReduceBase<X> {
  static constexpr const char* name = kMean ? "mean" : "sum";

  static const char* check(const OpCall& call) {
    const DType in = call.inputs[0].dtype;
    if (kMean && !is_float(in)) return "the mean of integers is a float: cast the input first";
    if (call.outputs[0].dtype != (is_float(in) ? in : DType::int32)) return "the output's dtype does not fit";
    return ReduceBase<X>::check_extents(call);
  }
  static std::int64_t workspace(const OpCall& call, int threads) {
    const auto& a = attrs_of<ReduceAttrs>(call);
    std::int64_t bytes = 0;
    with_sum_body(call, 1, [&](const auto& body) {
      bytes = reduce_workspace<std::remove_cvref_t<decltype(body)>>(a.outer, a.n, a.inner, threads);
    });
    return bytes;
  }
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<ReduceAttrs>(call);
    with_sum_body(call, kMean ? static_cast<double>(a.n) : 1,
                  [&](const auto& body) { executor.reduce(a.outer, a.n, a.inner, body); });
  }
};

// The order of T's values: how to turn it round, and what comes before all of them.
template <class V>
struct Order {
  using Bits = typename IntOfSize<sizeof(V)>::Unsigned;
  static constexpr bool kFloat = static_cast<V>(0.5) != V{};
  static constexpr Bits kTop = static_cast<Bits>(Bits{1} << (8 * sizeof(V) - 1));
  static constexpr bool kSigned = static_cast<V>(-1) < V{};
  Bits flip;

  RECEPTIVE_FN static Order of(bool reversed) {
    return {static_cast<Bits>(!reversed ? 0 : kFloat ? kTop : static_cast<Bits>(~Bits{}))};
  }
  RECEPTIVE_FN static V lowest() {
    if constexpr (kFloat) {
      return static_cast<V>(-__builtin_inf());
    } else {
      return static_cast<V>(kSigned ? kTop : Bits{});
    }
  }
  template <int N>
  RECEPTIVE_FN Pack<V, N> apply(Pack<V, N> a) const {
    return bit_cast<V>(bit_cast<Bits>(a) ^ flip);
  }
  // The active elements, the others lowest.
  template <class T, class P>
  RECEPTIVE_FN Pack<V, P::count> load(P p, const T* src) const {
    const Pack<V, 1> fill = apply(Pack<V, 1>(lowest()));
    if constexpr (sizeof(T) == sizeof(V)) {
      return apply(p.load_range(src, 0, p.active, fill[0]));
    } else {  // bytes as int32, whose lowest value no byte has
      constexpr int N = P::count;
      const auto wide = convert<V>(p.load(src));
      return p.active == N ? apply(wide)
                           : apply(select(iota<V, N>() < Pack<V, N>(p.active), wide, Pack<V, N>(fill[0])));
    }
  }
};

// Lanes that have met a NaN; integers need none. Kept beside the maximum, so that the chain from step to step is the
// processor's own maximum and nothing else (with compare and select it was half as quick).
template <class T, int N>
struct NanSeen {
  Pack<SignedOf<T>, N> lanes;
};

template <class T>
struct MaxBody {
  static constexpr bool kFloat = Order<T>::kFloat;
  using Element = T;
  struct Nothing {};
  template <int N>
  struct State {
    Pack<T, N> value;
    [[no_unique_address]] std::conditional_t<kFloat, NanSeen<T, N>, Nothing> nan;
  };
  const T* x;
  T* out;
  Order<T> order;

  template <int N>
  RECEPTIVE_FN void init(State<N>& s) const {
    s.value = Pack<T, N>(Order<T>::lowest());
    if constexpr (kFloat) s.nan.lanes = Pack<SignedOf<T>, N>(0);
  }
  template <class P>
  RECEPTIVE_FN void step(State<P::count>& s, P p, std::int64_t offset, std::int64_t, std::int64_t) const {
    const auto b = order.load(p, x + offset);
    s.value = maximum_ordered(s.value, b);
    if constexpr (kFloat) s.nan.lanes = s.nan.lanes | Pack<SignedOf<T>, P::count>(is_nan(b).v);
  }
  template <int N>
  RECEPTIVE_FN void merge(State<N>& into, const State<N>& from) const {
    into.value = maximum_ordered(into.value, from.value);
    if constexpr (kFloat) into.nan.lanes = into.nan.lanes | from.nan.lanes;
  }
  template <int To, int N>
  RECEPTIVE_FN State<To> part(const State<N>& s, int first, int) const {
    State<To> r;
    r.value = lanes_from<To>(s.value, first, Order<T>::lowest());
    if constexpr (kFloat) r.nan.lanes = lanes_from<To>(s.nan.lanes, first, SignedOf<T>{});
    return r;
  }
  template <class P>
  RECEPTIVE_FN void finish(const State<P::count>& s, P p, std::int64_t at) const {
    auto value = order.apply(s.value);
    if constexpr (kFloat) {
      const Mask<T, P::count> nan = {(s.nan.lanes != Pack<SignedOf<T>, P::count>(0)).v};
      value = select(nan, static_cast<T>(__builtin_nan("")), value);
    }
    p.store(out + at, value);
  }
};

// Value and position of the extreme. A line whose elements are all `lowest` never replaces kNone, and its answer is 0.
template <class T, class V>
struct ArgMaxBody {
  using Element = V;
  using Index = SignedOf<V>;
  static constexpr bool kCompact = true;
  static constexpr Index kNone = 0x7fffffff - 64;  // part() adds up to 63 to it
  template <int N>
  struct State {
    Pack<V, N> value;
    Pack<Index, N> index;
  };
  const T* x;
  std::int32_t* out;
  Order<V> order;

  template <int N>
  RECEPTIVE_FN void init(State<N>& s) const {
    s.value = Pack<V, N>(Order<V>::lowest());
    s.index = Pack<Index, N>(kNone);
  }
  template <class P>
  RECEPTIVE_FN void step(State<P::count>& s, P p, std::int64_t offset, std::int64_t, std::int64_t k) const {
    const auto b = order.load(p, x + offset);
    auto better = b > s.value;
    if constexpr (Order<V>::kFloat) better = better | (is_nan(b) & (s.value == s.value));
    s.value = select(better, b, s.value);
    s.index = select(convert_mask<Index>(better), Pack<Index, P::count>(static_cast<Index>(k)), s.index);
  }
  template <int N>
  RECEPTIVE_FN void merge(State<N>& into, const State<N>& from) const {
    auto better = from.value > into.value;
    auto same = from.value == into.value;
    if constexpr (Order<V>::kFloat) {
      better = better | (is_nan(from.value) & (into.value == into.value));
      same = same | (is_nan(from.value) & is_nan(into.value));
    }
    better = better | (same & convert_mask<V>(from.index < into.index));
    into.value = select(better, from.value, into.value);
    into.index = select(convert_mask<Index>(better), from.index, into.index);
  }
  template <int To, int N>
  RECEPTIVE_FN State<To> part(const State<N>& s, int first, int shift) const {
    return {lanes_from<To>(s.value, first, Order<V>::lowest()),
            lanes_from<To>(s.index, first, kNone) + static_cast<Index>(shift)};
  }
  template <class P>
  RECEPTIVE_FN void finish(const State<P::count>& s, P p, std::int64_t at) const {
    constexpr int N = P::count;
    const auto index = select(s.index >= Pack<Index, N>(kNone), Pack<Index, N>(Index{}), s.index);
    p.store(out + at, convert<std::int32_t>(index));
  }
};

template <bool kArg, class F>
RECEPTIVE_HOST_FN void with_max_body(const OpCall& call, bool reversed, F&& f) {
  const View& x = call.inputs[0];
  void* const out = call.outputs[0].data;
  dispatch_number(x.dtype, [&](auto tag) {
    using T = decltype(tag);
    if constexpr (kArg) {
      using V = std::conditional_t<sizeof(T) == 1, std::int32_t, T>;
      f(ArgMaxBody<T, V>{static_cast<const T*>(x.data), static_cast<std::int32_t*>(out), Order<V>::of(reversed)});
    } else {
      f(MaxBody<T>{static_cast<const T*>(x.data), static_cast<T*>(out), Order<T>::of(reversed)});
    }
  });
}

template <class X, bool kArg, bool kReversed>
struct MaxOp : ReduceBase<X> {
  static constexpr const char* name = kArg ? (kReversed ? "argmin" : "argmax") : (kReversed ? "min" : "max");

  static const char* check(const OpCall& call) {
    const auto& a = attrs_of<ReduceAttrs>(call);
    const DType in = call.inputs[0].dtype;
    if (call.outputs[0].dtype != (kArg ? DType::int32 : in)) return "the output's dtype does not fit";
    if (a.n <= 0) return "an axis of size 0 has no extreme";
    if (kArg && a.n >= 0x7fffffff - 64) return "a position may exceed int32: n must be below 2^31 - 65";
    return ReduceBase<X>::check_extents(call);
  }
  static std::int64_t workspace(const OpCall& call, int threads) {
    const auto& a = attrs_of<ReduceAttrs>(call);
    std::int64_t bytes = 0;
    with_max_body<kArg>(call, kReversed, [&](const auto& body) {
      bytes = reduce_workspace<std::remove_cvref_t<decltype(body)>>(a.outer, a.n, a.inner, threads);
    });
    return bytes;
  }
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<ReduceAttrs>(call);
    with_max_body<kArg>(call, kReversed, [&](const auto& body) { executor.reduce(a.outer, a.n, a.inner, body); });
  }
};

template <class X>
using ReduceFamily = Family<X, SumOp<X, false>, SumOp<X, true>, MaxOp<X, false, false>, MaxOp<X, false, true>,
                            MaxOp<X, true, false>, MaxOp<X, true, true>, SumSquaresOp<X>>;

}  // namespace receptive::RECEPTIVE_TARGET
