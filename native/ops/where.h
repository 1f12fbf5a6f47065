// Ops of three broadcasting operands: where, and the two gradients of prelu.
//
// where: a where the condition is not 0, else b, moved as bits: a NaN that is not selected has no effect.
// preluGradInput: g where x > 0, else slope * g. preluGradSlope: 0 where x > 0, else x * g (summed over the slope's
// repeats elsewhere). At x = 0 both take the second branch, as PyTorch does; NaN in x gives NaN.
#pragma once

#include "broadcast.h"
#include "dtype_set.h"
#include "number.h"

namespace receptive::RECEPTIVE_TARGET {

// The strides of the three inputs, in their order.
struct TernaryAttrs {
  std::int64_t rank;
  Dims dims;
  Dims strides[3];
};

template <class T, class First, class F>
struct TernaryBody {
  using Element = T;
  static constexpr bool kOverlap = false;
  using Layout = Broadcast<3>;
  using Plane = Layout::Plane;
  struct Row {
    RowOperand<First> first;
    RowOperand<T> second;
    RowOperand<T> third;
    T* y;
  };
  Layout layout;
  const First* first;
  const T* second;
  const T* third;
  T* y;

  RECEPTIVE_FN Plane plane(std::int64_t i) const { return layout.plane(i); }
  RECEPTIVE_FN std::int64_t at(int k, const Plane& p, std::int64_t j) const {
    return p.at[k] + j * layout.row_stride[k];
  }
  RECEPTIVE_FN Row row(const Plane& p, std::int64_t j) const {
    return {row_operand(first, at(0, p, j), layout.dense[0]), row_operand(second, at(1, p, j), layout.dense[1]),
            row_operand(third, at(2, p, j), layout.dense[2]), y + p.out + j * layout.width};
  }
  template <class P>
  RECEPTIVE_FN void tile(const Row& r, std::int64_t begin, P p) const {
    p.store(r.y + begin, F{}(r.first.load(begin, p), r.second.load(begin, p), r.third.load(begin, p)));
  }
};

struct TernaryBase {
  static constexpr int minInputs = 3, maxInputs = 3, outputs = 1;

  static Cost cost(const OpCall& call) {
    const auto bytes = [](const View& view) { return static_cast<double>(view.size * element_bytes(view.dtype)); };
    const double read = bytes(call.inputs[0]) + bytes(call.inputs[1]) + bytes(call.inputs[2]);
    return {3 * static_cast<double>(call.outputs[0].size), read + bytes(call.outputs[0])};
  }

 protected:
  static const char* check_layout(const OpCall& call) {
    const auto& attrs = attrs_of<TernaryAttrs>(call);
    const View& out = call.outputs[0];
    const char* wrong = check_dims(attrs.rank, attrs.dims, out.size);
    for (int k = 0; k < 3 && wrong == nullptr; ++k) {
      wrong = check_operand(attrs.rank, attrs.dims, attrs.strides[k], call.inputs[k], out);
    }
    return wrong;
  }

  template <class T, class First, class F, class X>
  static void run_as(X& executor, const OpCall& call) {
    const auto& attrs = attrs_of<TernaryAttrs>(call);
    Broadcast<3> layout(attrs.rank, attrs.dims);
    for (int k = 0; k < 3; ++k) layout.operand(k, attrs.rank, attrs.strides[k]);
    executor.planes(
        layout.planes, layout.rows, layout.width,
        TernaryBody<T, First, F>{layout, static_cast<const First*>(call.inputs[0].data),
                                 static_cast<const T*>(call.inputs[1].data), static_cast<const T*>(call.inputs[2].data),
                                 static_cast<T*>(call.outputs[0].data)});
  }
};

#define RECEPTIVE_STRIDES(name, k)                                                      \
  ::receptive::Field {                                                                  \
    name, ::receptive::Field::Kind::integer, kMaxRank,                                  \
        static_cast<std::int32_t>(offsetof(TernaryAttrs, strides) + (k) * sizeof(Dims)) \
  }

struct WhereFormula {
  template <int N, class V>
  RECEPTIVE_FN V operator()(Pack<std::uint8_t, N> condition, V a, V b) const {
    using T = typename V::Element;
    if constexpr (sizeof(T) == 8 && N == 2) {
      // Two bytes are widened before they are compared: a two-byte register makes each tile wait for the one before on
      // SSE2.
      return select(convert_mask<T>(convert<std::int64_t>(condition) != std::int64_t{0}), a, b);
    } else {
      return select(convert_mask<T>(condition != std::uint8_t{0}), a, b);
    }
  }
};

template <class X>
struct Where : TernaryBase {
  using Attrs = TernaryAttrs;
  static constexpr const char* name = "where";
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(TernaryAttrs, rank), RECEPTIVE_INTEGER(TernaryAttrs, dims),
                                     RECEPTIVE_STRIDES("cStrides", 0), RECEPTIVE_STRIDES("aStrides", 1),
                                     RECEPTIVE_STRIDES("bStrides", 2)};

  static const char* check(const OpCall& call) {
    if (call.inputs[0].dtype != DType::boolean) return "the condition is not boolean";
    if (call.inputs[1].dtype != call.inputs[2].dtype) return "the types of the operands differ";
    if (call.inputs[1].dtype != call.outputs[0].dtype) return "the output has the wrong type";
    return check_layout(call);
  }
  static void run(X& executor, const OpCall& call) {
    dispatch_bits(call.outputs[0].dtype,
                  [&](auto tag) { run_as<decltype(tag), std::uint8_t, WhereFormula>(executor, call); });
  }
};

struct PreluGradInput {
  static constexpr const char* name = "preluGradInput";
  template <class V>
  RECEPTIVE_FN V operator()(V g, V x, V slope) const {
    using T = typename V::Element;
    return select(is_nan(x), x, select(x > T(0), g, g * slope));
  }
};

struct PreluGradSlope {
  static constexpr const char* name = "preluGradSlope";
  template <class V>
  RECEPTIVE_FN V operator()(V g, V x, V) const {
    using T = typename V::Element;
    return select(x > T(0), V(T(0)), g * x);
  }
};

template <class X, class F>
struct PreluGradient : TernaryBase, F {
  using Attrs = TernaryAttrs;
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(TernaryAttrs, rank), RECEPTIVE_INTEGER(TernaryAttrs, dims),
                                     RECEPTIVE_STRIDES("aStrides", 0), RECEPTIVE_STRIDES("bStrides", 1),
                                     RECEPTIVE_STRIDES("cStrides", 2)};

  static const char* check(const OpCall& call) {
    const DType dtype = call.outputs[0].dtype;
    if (!takes(kFloats, dtype)) return "the op does not take this type";
    for (int k = 0; k < 3; ++k) {
      if (call.inputs[k].dtype != dtype) return "the types of the operands differ";
    }
    return check_layout(call);
  }
  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      run_as<T, T, F>(executor, call);
    });
  }
};

#undef RECEPTIVE_STRIDES

template <class X>
using WhereFamily = Family<X, Where<X>, PreluGradient<X, PreluGradInput>, PreluGradient<X, PreluGradSlope>>;

}  // namespace receptive::RECEPTIVE_TARGET
