// Tensors from numbers.
//   fill {value}            value, converted as a cast does (saturating; true where it is not 0)
//   arange {start, step}    start + i * step, computed in double and then cast
//   linspace {start, stop}  start + i * (stop - start) / (n - 1) in double, the last one exactly stop; of one element,
//   start eye                     ones on the main diagonal of [n, m]
#pragma once

#include "cast.h"
#include "executor.h"
#include "extent.h"
#include "fill.h"
#include "number.h"
#include "unit_row.h"

namespace receptive::RECEPTIVE_TARGET {

struct FillAttrs {
  double value;
};
struct ArangeAttrs {
  double start;
  double step;
};
struct LinspaceAttrs {
  double start;
  double stop;
};

// To: a conversion of cast.h from double.
template <class To>
struct SequenceBody {
  using Element = double;
  static constexpr bool kOverlap = true;
  typename To::Out* out;
  double start;
  double step;
  std::int64_t last;  // the element that is exactly `stop`, -1 if there is none
  double stop;

  RECEPTIVE_FN char row(std::int64_t) const { return 0; }
  template <class P>
  RECEPTIVE_FN void tile(char, std::int64_t at, P p) const {
    constexpr int N = P::count;
    auto value = (iota<double, N>() + static_cast<double>(at)) * step + start;
    if (last >= at && last < at + N) {
      value = select(iota<double, N>() == Pack<double, N>(static_cast<double>(last - at)), stop, value);
    }
    p.store(out + at, To{}(value));
  }
};

struct SameDouble {
  using Out = double;
  template <int N>
  RECEPTIVE_FN Pack<double, N> operator()(Pack<double, N> x) const {
    return x;
  }
};

template <class X>
RECEPTIVE_HOST_FN void run_sequence(X& executor, const View& out, double start, double step, std::int64_t last,
                                    double stop) {
  const auto run = [&](auto to) {
    using To = decltype(to);
    executor.rows(1, out.size, SequenceBody<To>{static_cast<typename To::Out*>(out.data), start, step, last, stop});
  };
  switch (out.dtype) {
    case DType::float32:
      return run(ToNumber<float>{});
    case DType::float64:
      return run(SameDouble{});
    case DType::int32:
      return run(ToNumber<std::int32_t>{});
    case DType::uint8:
      return run(ToNumber<std::uint8_t>{});
    case DType::boolean:
      return run(ToBoolean{});
  }
}

template <class X>
struct CreationBase {
  static constexpr int minInputs = 0, maxInputs = 0, outputs = 1;
  static const char* check(const OpCall&) { return nullptr; }
  static Cost cost(const OpCall& call) {
    const auto size = static_cast<double>(call.outputs[0].size);
    return {2 * size, size * static_cast<double>(element_bytes(call.outputs[0].dtype))};
  }
};

template <class X>
struct Fill : CreationBase<X> {
  using Attrs = FillAttrs;
  static constexpr const char* name = "fill";
  static constexpr Field fields[] = {RECEPTIVE_REAL(FillAttrs, value)};

  static void run(X& executor, const OpCall& call) {
    const View& out = call.outputs[0];
    const double given = attrs_of<FillAttrs>(call).value;
    const double value = out.dtype == DType::boolean ? (given != 0 ? 1 : 0) : given;
    dispatch_number(out.dtype, [&](auto tag) {
      using T = decltype(tag);
      const bool around = executor.writes_around(out.data, out.size * static_cast<std::int64_t>(sizeof(T)));
      executor.rows(1, out.size, FillBody<T>{static_cast<T*>(out.data), element<T>(value), around});
    });
  }
};

template <class X>
struct Arange : CreationBase<X> {
  using Attrs = ArangeAttrs;
  static constexpr const char* name = "arange";
  static constexpr Field fields[] = {RECEPTIVE_REAL(ArangeAttrs, start), RECEPTIVE_REAL(ArangeAttrs, step)};

  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<ArangeAttrs>(call);
    run_sequence(executor, call.outputs[0], a.start, a.step, -1, 0);
  }
};

template <class X>
struct Linspace : CreationBase<X> {
  using Attrs = LinspaceAttrs;
  static constexpr const char* name = "linspace";
  static constexpr Field fields[] = {RECEPTIVE_REAL(LinspaceAttrs, start), RECEPTIVE_REAL(LinspaceAttrs, stop)};

  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<LinspaceAttrs>(call);
    const View& out = call.outputs[0];
    const auto intervals = static_cast<double>(out.size - 1);
    const double span = a.stop - a.start;
    const bool overflows = span - span != 0;
    const double step = overflows ? a.stop / intervals - a.start / intervals : span / intervals;
    if (out.size == 1) return run_sequence(executor, out, a.start, 0, -1, 0);
    run_sequence(executor, out, a.start, step, out.size - 1, a.stop);
  }
};

template <class T>
struct EyeBody {
  using Element = T;
  static constexpr bool kOverlap = true;
  struct Row {
    T* out;
    std::int64_t diagonal;
  };
  T* out;
  std::int64_t width;

  RECEPTIVE_FN Row row(std::int64_t i) const { return {out + i * width, i}; }
  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t at, P p) const {
    p.store(row.out + at, unit_lanes(p, at, row.diagonal, T(1), T(0)));
  }
};

template <class X>
struct Eye : CreationBase<X> {
  using Attrs = NoAttrs;
  static constexpr const char* name = "eye";

  static const char* check(const OpCall& call) {
    const View& out = call.outputs[0];
    if (out.rank != 2) return "the output is no matrix";
    return product_is(out.size, out.dims[0], out.dims[1]) ? nullptr : "the output's size does not fit its dimensions";
  }
  static void run(X& executor, const OpCall& call) {
    const View& out = call.outputs[0];
    dispatch_number(out.dtype, [&](auto tag) {
      using T = decltype(tag);
      executor.rows(out.dims[0], out.dims[1], EyeBody<T>{static_cast<T*>(out.data), out.dims[1]});
    });
  }
};

template <class X>
using CreationFamily = Family<X, Fill<X>, Arange<X>, Linspace<X>, Eye<X>>;

}  // namespace receptive::RECEPTIVE_TARGET
