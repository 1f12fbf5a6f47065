// Conversion of element types, any to any. Floats become integers by truncation and saturate, NaN gives 0; integers
// wrap among themselves, modulo 2^8 from int32 to uint8; any number but 0 (NaN too) becomes true; true becomes 1.
#pragma once

#include <type_traits>

#include "dtype_set.h"
#include "extent.h"
#include "number.h"

namespace receptive::RECEPTIVE_TARGET {

// From a float, clamped so that the conversion stays inside the integer's range.
template <class T, int N>
RECEPTIVE_FN Pack<std::int32_t, N> saturate_int32(Pack<T, N> x) {
  if constexpr (sizeof(T) == 8) {
    const Pack<T, N> number = select(is_nan(x), Pack<T, N>(T(0)), x);
    return convert<std::int32_t>(minimum_ordered(maximum_ordered(number, T(-2147483648.0)), T(2147483647.0)));
  } else {  // no float is 2^31 - 1
    constexpr T end = T(2147483648.0);
    const Pack<T, N> below = select(x < end, x, T(0));  // NaN is not below
    const Pack<std::int32_t, N> number = convert<std::int32_t>(maximum_ordered(below, -end));
    return select(convert_mask<std::int32_t>(x >= end), Pack<std::int32_t, N>(2147483647), number);
  }
}

template <class T, int N>
RECEPTIVE_FN Pack<std::uint8_t, N> saturate_uint8(Pack<T, N> x) {
  const Pack<T, N> bounded = minimum_ordered(maximum_ordered(x, T(0)), T(255));  // NaN becomes 0
  return convert<std::uint8_t>(convert<std::int32_t>(bounded));
}

struct ToBoolean {
  using Out = std::uint8_t;
  template <class T, int N>
  RECEPTIVE_FN Pack<std::uint8_t, N> operator()(Pack<T, N> x) const {
    return to_bool(x != T(0));
  }
};

template <class U>
struct ToNumber {
  using Out = U;
  template <class T, int N>
  RECEPTIVE_FN Pack<U, N> operator()(Pack<T, N> x) const {
    if constexpr (sizeof(T) == 1 && kIsFloat<U>) {
      return convert<U>(convert<std::int32_t>(x));  // two conversions that processors have
    } else if constexpr (kIsFloat<T> && !kIsFloat<U>) {
      if constexpr (sizeof(U) == 1) {
        return saturate_uint8(x);
      } else {
        return saturate_int32(x);
      }
    } else {
      return convert<U>(x);
    }
  }
};

template <class T, class F>
struct CastBody {
  using Out = typename F::Out;
  using Element = std::conditional_t<(sizeof(T) > sizeof(Out)), T, Out>;
  static constexpr bool kOverlap = false;
  struct Row {};
  const T* x;
  Out* y;

  RECEPTIVE_FN Row row(std::int64_t) const { return {}; }
  template <class P>
  RECEPTIVE_FN void tile(Row, std::int64_t at, P p) const {
    p.store(y + at, F{}(p.load(x + at)));
  }
};

template <class X>
struct Cast {
  static constexpr const char* name = "cast";
  static constexpr int minInputs = 1, maxInputs = 1, outputs = 1;

  static const char* check(const OpCall& call) {
    const View& x = call.inputs[0];
    const View& y = call.outputs[0];
    if (!takes(kAll, x.dtype) || !takes(kAll, y.dtype)) return "unknown type";
    if (x.size != y.size) return "the sizes of input and output differ";
    const std::int64_t from = element_bytes(x.dtype);
    const std::int64_t to = element_bytes(y.dtype);
    const bool in_place = x.data == y.data && from == to;
    if (!in_place && bytes_overlap(x.data, x.size * from, y.data, y.size * to))
      return "the output lies across the input";
    return nullptr;
  }

  static Cost cost(const OpCall& call) {
    const auto size = static_cast<double>(call.outputs[0].size);
    return {4 * size,
            size * static_cast<double>(element_bytes(call.inputs[0].dtype) + element_bytes(call.outputs[0].dtype))};
  }

  static void run(X& executor, const OpCall& call) {
    dispatch_number(call.inputs[0].dtype, [&](auto from) {
      using T = decltype(from);
      if (call.outputs[0].dtype == DType::boolean) return run_as<T, ToBoolean>(executor, call);
      dispatch_number(call.outputs[0].dtype, [&](auto to) { run_as<T, ToNumber<decltype(to)>>(executor, call); });
    });
  }

 private:
  template <class T, class F>
  static void run_as(X& executor, const OpCall& call) {
    const View& y = call.outputs[0];
    executor.rows(1, y.size,
                  CastBody<T, F>{static_cast<const T*>(call.inputs[0].data), static_cast<typename F::Out*>(y.data)});
  }
};

template <class X>
using CastFamily = Family<X, Cast<X>>;

}  // namespace receptive::RECEPTIVE_TARGET
