// Ops that compute each element of the output from the elements at the same place of one or two inputs of the same type
// and size. A row of the table is a formula F, plain data:
//     static constexpr const char* name;
//     static constexpr unsigned types;            // dtype_set.h
//     static constexpr double flops;              // real operations per element
//     using Attrs = …; Attrs attrs;               // optional, with `fields`
//     template <class V> V operator()(V x) const; // Map; operator()(V a, V b) for Zip
// An output may be one of the inputs: no element is computed twice.
#pragma once

#include "dtype_set.h"
#include "extent.h"

namespace receptive::RECEPTIVE_TARGET {

// Null, or why `out` cannot be written from `in` element by element.
RECEPTIVE_HOST_FN const char* check_alike(const View& in, const View& out) {
  if (in.dtype != out.dtype) return "the types of input and output differ";
  if (in.size != out.size) return "the sizes of input and output differ";
  const std::int64_t bytes = in.size * element_bytes(in.dtype);
  if (in.data != out.data && bytes_overlap(in.data, bytes, out.data, bytes)) return "the output lies across an input";
  return nullptr;
}

template <class F>
RECEPTIVE_FN F formula(const OpCall& call) {
  F f{};
  if constexpr (requires { typename F::Attrs; }) f.attrs = attrs_of<typename F::Attrs>(call);
  return f;
}

template <class F>
RECEPTIVE_FN Cost pointwise_cost(const OpCall& call) {
  const View& out = call.outputs[0];
  const auto size = static_cast<double>(out.size);
  return {F::flops * size, size * static_cast<double>(element_bytes(out.dtype) * (call.inputCount + 1))};
}

// Rows of a multiple of this many elements begin and end with whole, aligned tiles, whatever the target and type.
inline constexpr std::int64_t kWidestPack = 64;

// Whether the output is written around the caches; in place its lines are there already.
template <class X>
RECEPTIVE_HOST_FN bool goes_around(const X& executor, const OpCall& call) {
  const View& out = call.outputs[0];
  for (std::int32_t i = 0; i < call.inputCount; ++i) {
    if (call.inputs[i].data == out.data) return false;
  }
  return executor.writes_around(out.data, out.size * element_bytes(out.dtype));
}

template <class T, class F>
struct MapBody {
  using Element = T;
  static constexpr bool kOverlap = false;
  struct Row {};
  const T* x;
  T* y;
  F f;
  bool around;

  RECEPTIVE_FN Row row(std::int64_t) const { return {}; }
  template <class P>
  RECEPTIVE_FN void tile(Row, std::int64_t at, P p) const {
    p.store(y + at, f(p.load(x + at)), around);
  }
};

// (x) -> like x
template <class X, class F>
struct Map : F {
  static constexpr int minInputs = 1, maxInputs = 1, outputs = 1;

  static const char* check(const OpCall& call) {
    if (!takes(F::types, call.inputs[0].dtype)) return "the op does not take this type";
    return check_alike(call.inputs[0], call.outputs[0]);
  }
  static Cost cost(const OpCall& call) { return pointwise_cost<F>(call); }
  static void run(X& executor, const OpCall& call) {
    const View& x = call.inputs[0];
    const View& y = call.outputs[0];
    dispatch_set<F::types>(x.dtype, [&](auto tag) {
      using T = decltype(tag);
      executor.rows(1, x.size,
                    MapBody<T, F>{static_cast<const T*>(x.data), static_cast<T*>(y.data), formula<F>(call),
                                  goes_around(executor, call)});
    });
  }
};

template <class T, class F>
struct ZipBody {
  using Element = T;
  static constexpr bool kOverlap = false;
  struct Row {};
  const T* a;
  const T* b;
  T* y;
  F f;
  bool around;

  RECEPTIVE_FN Row row(std::int64_t) const { return {}; }
  template <class P>
  RECEPTIVE_FN void tile(Row, std::int64_t at, P p) const {
    p.store(y + at, f(p.load(a + at), p.load(b + at)), around);
  }
};

// (g, saved) -> like g
template <class X, class F>
struct Zip : F {
  static constexpr int minInputs = 2, maxInputs = 2, outputs = 1;

  static const char* check(const OpCall& call) {
    if (!takes(F::types, call.inputs[0].dtype)) return "the op does not take this type";
    const char* wrong = check_alike(call.inputs[0], call.outputs[0]);
    return wrong != nullptr ? wrong : check_alike(call.inputs[1], call.outputs[0]);
  }
  static Cost cost(const OpCall& call) { return pointwise_cost<F>(call); }
  static void run(X& executor, const OpCall& call) {
    const View& a = call.inputs[0];
    const View& b = call.inputs[1];
    const View& y = call.outputs[0];
    dispatch_set<F::types>(a.dtype, [&](auto tag) {
      using T = decltype(tag);
      executor.rows(1, a.size,
                    ZipBody<T, F>{static_cast<const T*>(a.data), static_cast<const T*>(b.data), static_cast<T*>(y.data),
                                  formula<F>(call), goes_around(executor, call)});
    });
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
