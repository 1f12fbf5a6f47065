// Binary arithmetic, comparisons and logic with broadcasting, a row per op.
//
// Integers wrap. maximum and minimum give NaN if an operand is NaN, either zero of +0 and -0; comparisons with NaN are
// false but for notEqual. pow: C99, annex F (1^y and x^0 are 1, even of NaN; a negative base with a fraction gives
// NaN). prelu: a where a > 0, else slope * a. Logic takes any byte but 0 for true.
//
// A scalar operand is rounded to float32 or float64, or cast to an integer, beforehand. With the scalar 2 or -1 as
// exponent pow is the correctly rounded x * x or 1 / x.
#pragma once

#include <type_traits>

#include "broadcast.h"
#include "dtype_set.h"
#include "math.h"
#include "number.h"
#include "pointwise.h"

namespace receptive::RECEPTIVE_TARGET {

struct BinaryAttrs {
  std::int64_t rank;
  Dims dims;
  Dims aStrides;
  Dims bStrides;
  double scalar;
  std::int64_t scalarSide;  // 0: two tensors, 1: a is the scalar, 2: b is
};

enum class Result { same, boolean };

#define RECEPTIVE_BINARY(Name, text, set, cost, result, formula) \
  struct Name {                                                  \
    static constexpr const char* name = text;                    \
    static constexpr unsigned types = set;                       \
    static constexpr double flops = cost;                        \
    static constexpr Result kResult = Result::result;            \
    static constexpr bool kSwap = false;                         \
    using Formula = Name;                                        \
    template <class V>                                           \
    RECEPTIVE_FN auto operator()(V a, V b) const {               \
      using T [[maybe_unused]] = typename V::Element;            \
      return formula;                                            \
    }                                                            \
  };

RECEPTIVE_BINARY(Add, "add", kNumbers, 1, same, add(a, b))
RECEPTIVE_BINARY(Sub, "sub", kNumbers, 1, same, subtract(a, b))
RECEPTIVE_BINARY(Mul, "mul", kNumbers, 1, same, multiply(a, b))
RECEPTIVE_BINARY(Div, "div", kFloats, 8, same, a / b)
RECEPTIVE_BINARY(Pow, "pow", kFloats, 140, same, pow(a, b))
RECEPTIVE_BINARY(Maximum, "maximum", kNumbers, 3, same, maximum(a, b))
RECEPTIVE_BINARY(Minimum, "minimum", kNumbers, 3, same, minimum(a, b))
RECEPTIVE_BINARY(Prelu, "prelu", kFloats, 2, same, select(a > T(0), a, multiply(a, b)))
RECEPTIVE_BINARY(Equal, "equal", kAll, 1, boolean, to_bool(a == b))
RECEPTIVE_BINARY(NotEqual, "notEqual", kAll, 1, boolean, to_bool(a != b))
RECEPTIVE_BINARY(Less, "less", kAll, 1, boolean, to_bool(a < b))
RECEPTIVE_BINARY(LessEqual, "lessEqual", kAll, 1, boolean, to_bool(a <= b))
RECEPTIVE_BINARY(LogicalAnd, "logicalAnd", kBoolean, 3, boolean, to_bool((a != T(0)) & (b != T(0))))
RECEPTIVE_BINARY(LogicalOr, "logicalOr", kBoolean, 2, boolean, to_bool((a | b) != T(0)))
RECEPTIVE_BINARY(LogicalXor, "logicalXor", kBoolean, 3, boolean, to_bool((a != T(0)) ^ (b != T(0))))

#undef RECEPTIVE_BINARY

// a > b is b < a: the same code with its operands exchanged.
struct Greater : Less {
  static constexpr const char* name = "greater";
  static constexpr bool kSwap = true;
};
struct GreaterEqual : LessEqual {
  static constexpr const char* name = "greaterEqual";
  static constexpr bool kSwap = true;
};

// One side of an op: a tensor with strides, or the scalar where `data` is null.
struct BinarySide {
  const void* data;
  const std::int64_t* strides;
};

template <class T, class F>
struct BinaryBody {
  using Element = T;
  using Out = typename decltype(F{}(Pack<T, 1>{}, Pack<T, 1>{}))::Element;
  static constexpr bool kOverlap = false;
  using Layout = Broadcast<2>;
  using Plane = Layout::Plane;
  struct Row {
    RowOperand<T> a;
    RowOperand<T> b;
    Out* y;
  };
  Layout layout;
  const T* a;
  const T* b;
  Out* y;
  T scalar;
  bool around;

  RECEPTIVE_FN Plane plane(std::int64_t i) const { return layout.plane(i); }
  RECEPTIVE_FN RowOperand<T> side(const T* data, int k, const Plane& p, std::int64_t j) const {
    if (data == nullptr) return {nullptr, scalar, false};
    return row_operand(data, p.at[k] + j * layout.row_stride[k], layout.dense[k]);
  }
  RECEPTIVE_FN Row row(const Plane& p, std::int64_t j) const {
    return {side(a, 0, p, j), side(b, 1, p, j), y + p.out + j * layout.width};
  }
  template <class P>
  RECEPTIVE_FN void tile(const Row& r, std::int64_t at, P p) const {
    p.store(r.y + at, F{}(r.a.load(at, p), r.b.load(at, p)), around);
  }
};

template <class T, class F, class X>
void run_binary(X& executor, const OpCall& call, BinarySide a, BinarySide b, double scalar) {
  using Body = BinaryBody<T, F>;
  const auto& attrs = attrs_of<BinaryAttrs>(call);
  Broadcast<2> layout(attrs.rank, attrs.dims);
  layout.operand(0, attrs.rank, a.strides);
  layout.operand(1, attrs.rank, b.strides);
  const bool aligned_rows = layout.planes * layout.rows == 1 || layout.width % kWidestPack == 0;
  executor.planes(layout.planes, layout.rows, layout.width,
                  Body{layout, static_cast<const T*>(a.data), static_cast<const T*>(b.data),
                       static_cast<typename Body::Out*>(call.outputs[0].data), element<T>(scalar),
                       aligned_rows && goes_around(executor, call)});
}

template <class X, class F>
struct Binary : F {
  using Attrs = BinaryAttrs;
  static constexpr Field fields[] = {
      RECEPTIVE_INTEGER(BinaryAttrs, rank),     RECEPTIVE_INTEGER(BinaryAttrs, dims),
      RECEPTIVE_INTEGER(BinaryAttrs, aStrides), RECEPTIVE_INTEGER(BinaryAttrs, bStrides),
      RECEPTIVE_REAL(BinaryAttrs, scalar),      RECEPTIVE_INTEGER(BinaryAttrs, scalarSide)};
  static constexpr int minInputs = 1, maxInputs = 2, outputs = 1;

  static const char* check(const OpCall& call) {
    const auto& attrs = attrs_of<BinaryAttrs>(call);
    const View& out = call.outputs[0];
    const DType dtype = call.inputs[0].dtype;
    if (attrs.scalarSide < 0 || attrs.scalarSide > 2) return "scalarSide is not 0, 1 or 2";
    if (call.inputCount != (attrs.scalarSide == 0 ? 2 : 1)) return "scalarSide and the number of inputs disagree";
    if (!takes(F::types, dtype)) return "the op does not take this type";
    if (attrs.scalarSide == 0 && call.inputs[1].dtype != dtype) return "the types of the operands differ";
    if (out.dtype != (F::kResult == Result::boolean ? DType::boolean : dtype)) return "the output has the wrong type";
    if (const char* wrong = check_dims(attrs.rank, attrs.dims, out.size)) return wrong;
    const char* wrong = nullptr;
    if (attrs.scalarSide != 1) wrong = check_operand(attrs.rank, attrs.dims, attrs.aStrides, call.inputs[0], out);
    if (wrong == nullptr && attrs.scalarSide != 2) {
      wrong = check_operand(attrs.rank, attrs.dims, attrs.bStrides, call.inputs[call.inputCount - 1], out);
    }
    return wrong;
  }

  static Cost cost(const OpCall& call) {
    const auto bytes = [](const View& view) { return static_cast<double>(view.size * element_bytes(view.dtype)); };
    const View& out = call.outputs[0];
    double moved = bytes(out) + bytes(call.inputs[0]);
    if (call.inputCount == 2) moved += bytes(call.inputs[1]);
    return {F::flops * static_cast<double>(out.size), moved};
  }

  static void run(X& executor, const OpCall& call) {
    const auto& attrs = attrs_of<BinaryAttrs>(call);
    BinarySide a{attrs.scalarSide == 1 ? nullptr : call.inputs[0].data, attrs.aStrides};
    BinarySide b{attrs.scalarSide == 2 ? nullptr : call.inputs[call.inputCount - 1].data, attrs.bStrides};
    if constexpr (F::kSwap) {
      const BinarySide other = a;
      a = b;
      b = other;
    }
    dispatch_set<F::types>(call.inputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      if constexpr (std::is_same_v<F, Pow>) {
        if (attrs.scalarSide == 2 && attrs.scalar == 2) return run_binary<T, Mul>(executor, call, a, a, 0);
        if (attrs.scalarSide == 2 && attrs.scalar == -1) return run_binary<T, Div>(executor, call, b, a, 1);
      }
      run_binary<T, typename F::Formula>(executor, call, a, b, attrs.scalar);
    });
  }
};

template <class X, class... F>
using BinaryRows = Family<X, Binary<X, F>...>;

template <class X>
using BinaryFamily = BinaryRows<X, Add, Sub, Mul, Div, Pow, Maximum, Minimum, Prelu, Equal, NotEqual, Less, LessEqual,
                                Greater, GreaterEqual, LogicalAnd, LogicalOr, LogicalXor>;

}  // namespace receptive::RECEPTIVE_TARGET
