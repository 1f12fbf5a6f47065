// Elements by index along one axis, x seen as [outer, n, inner]:
//   gather (x, indices) -> [outer, count, inner]           out[o, j, i] = x[o, indices[j], i]
//   gatherElements (x, indices) -> [outer, count, inner]   out[o, j, i] = x[o, indices[o, j, i], i]
//   gatherGrad, gatherElementsGrad (g, indices) -> [outer, n, inner]: each element of x gets the sum of g over the
//   elements that it was copied to, in their order
// Indices are int32. One outside [0, n) is a fault at its position; nothing is read or written for it.
#pragma once

#include "executor.h"
#include "extent.h"
#include "index_check.h"
#include "pointwise.h"
#include "scatter_add.h"

namespace receptive::RECEPTIVE_TARGET {

// Rows of x, whole: gather with inner > 1.
template <class T>
struct GatherRows {
  using Element = T;
  static constexpr bool kOverlap = true;
  struct Plane {
    const T* x;
    T* out;
  };
  struct Row {
    const T* from;  // null: the index is out of range
    T* to;
  };
  const T* x;
  const std::int32_t* indices;
  T* out;
  std::int64_t n;
  std::int64_t count;
  std::int64_t inner;
  bool around;

  RECEPTIVE_FN Plane plane(std::int64_t o) const { return {x + o * n * inner, out + o * count * inner}; }
  RECEPTIVE_FN Row row(const Plane& plane, std::int64_t j) const {
    const std::int32_t index = indices[j];
    return {is_index(index, n) ? plane.x + index * inner : nullptr, plane.out + j * inner};
  }
  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t at, P p) const {
    if (row.from != nullptr) p.store(row.to + at, p.load(row.from + at), around);
  }
};

// Every lane by an index of its own. Rows of `width` lanes lie along the columns of x where it has columns (along is
// 1), else along the axis itself (step is 1, along 0).
template <class T>
struct GatherLanes {
  using Element = T;
  static constexpr bool kOverlap = true;
  struct Plane {
    const T* x;
    const std::int32_t* indices;
    T* out;
  };
  const T* x;
  const std::int32_t* indices;
  T* out;
  std::int64_t n;
  std::int64_t step;            // from element to element along the axis
  std::int64_t along;           // from lane to lane
  std::int64_t width;           // lanes of a row
  std::int64_t size;            // of a plane of the output
  std::int64_t planeOfIndices;  // from plane to plane of the indices; 0 where all planes share them

  RECEPTIVE_FN Plane plane(std::int64_t o) const {
    return {x + o * n * step, indices + o * planeOfIndices, out + o * size};
  }
  RECEPTIVE_FN Plane row(const Plane& plane, std::int64_t j) const {
    return {plane.x, plane.indices + j * width, plane.out + j * width};
  }
  template <class P>
  RECEPTIVE_FN void tile(const Plane& row, std::int64_t at, P p) const {
    // Stored one by one: a pack read from lanes just written would wait for them.
    for (int l = 0; l < p.active; ++l) {
      const std::int32_t index = row.indices[at + l];
      if (is_index(index, n)) row.out[at + l] = row.x[index * step + (at + l) * along];
    }
  }
};

// kEach: an index for every element of the output, not for every row.
template <bool kEach>
struct GatherBase {
  using Attrs = GatherAttrs;
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(GatherAttrs, outer), RECEPTIVE_INTEGER(GatherAttrs, n),
                                     RECEPTIVE_INTEGER(GatherAttrs, count), RECEPTIVE_INTEGER(GatherAttrs, inner)};
  static constexpr int minInputs = 2, maxInputs = 2, outputs = 1;

  static Cost cost(const OpCall& call) {
    const auto moved = static_cast<double>(call.outputs[0].size + call.inputs[0].size);
    return {0, moved * static_cast<double>(element_bytes(call.outputs[0].dtype)) +
                   4.0 * static_cast<double>(call.inputs[1].size)};
  }

 protected:
  // x, or its gradient, has n elements along the axis; what was gathered, or its gradient, has `count`.
  static const char* check_sizes(const OpCall& call, const View& x, const View& gathered) {
    const auto& a = attrs_of<GatherAttrs>(call);
    const View& indices = call.inputs[1];
    if (indices.dtype != DType::int32) return "indices are int32";
    if (x.dtype != gathered.dtype) return "dtypes differ";
    if (a.n < 0 || a.n > INT32_MAX) return "positions are int32: n must be below 2^31";
    if (a.n == 0 && indices.size > 0) return "an axis of size 0 has no elements";
    if (!extents_are(x.size, a.outer, a.n, a.inner)) return "outer * n * inner is not the size";
    if (!extents_are(gathered.size, a.outer, a.count, a.inner)) return "outer * count * inner is not the size";
    if (kEach ? indices.size != gathered.size : indices.size != a.count) return "the number of indices does not fit";
    return nullptr;
  }

 private:
  // The kernels multiply two extents of an empty tensor too.
  static bool extents_are(std::int64_t size, std::int64_t outer, std::int64_t n, std::int64_t inner) {
    std::int64_t plane = 0;
    return product_is(size, outer, n, inner) && !__builtin_mul_overflow(n, inner, &plane);
  }
};

template <class X, bool kEach>
struct GatherOp : GatherBase<kEach> {
  static constexpr const char* name = kEach ? "gatherElements" : "gather";

  static const char* check(const OpCall& call) {
    return GatherBase<kEach>::check_sizes(call, call.inputs[0], call.outputs[0]);
  }
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<GatherAttrs>(call);
    const View& view = call.inputs[1];
    const auto* const indices = static_cast<const std::int32_t*>(view.data);
    check_indices(executor, indices, view.size, a.n);
    dispatch_bits(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto* const x = static_cast<const T*>(call.inputs[0].data);
      auto* const out = static_cast<T*>(call.outputs[0].data);
      if (!kEach && a.inner > 1) {
        const bool around = a.inner % kWidestPack == 0 &&
                            executor.writes_around(out, call.outputs[0].size * static_cast<std::int64_t>(sizeof(T)));
        executor.planes(a.outer, a.count, a.inner, GatherRows<T>{x, indices, out, a.n, a.count, a.inner, around});
        return;
      }
      const std::int64_t size = a.count * a.inner;
      const std::int64_t planeOfIndices = kEach ? size : 0;
      if (a.inner == 1) {
        executor.planes(a.outer, 1, a.count, GatherLanes<T>{x, indices, out, a.n, 1, 0, a.count, size, planeOfIndices});
      } else {
        executor.planes(a.outer, a.count, a.inner,
                        GatherLanes<T>{x, indices, out, a.n, a.inner, 1, a.inner, size, planeOfIndices});
      }
    });
  }
};

template <class X, bool kEach>
struct GatherGradOp : GatherBase<kEach> {
  static constexpr const char* name = kEach ? "gatherElementsGrad" : "gatherGrad";

  static const char* check(const OpCall& call) {
    if (!is_float(call.outputs[0].dtype)) return "only float32 and float64";
    return GatherBase<kEach>::check_sizes(call, call.outputs[0], call.inputs[0]);
  }
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<GatherAttrs>(call);
    const View& view = call.inputs[1];
    const auto* const indices = static_cast<const std::int32_t*>(view.data);
    check_indices(executor, indices, view.size, a.n);
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      scatter_add(
          executor, a, kEach,
          Scatter<T>{static_cast<const T*>(call.inputs[0].data), indices, static_cast<T*>(call.outputs[0].data)});
    });
  }
};

template <class X>
using GatherFamily = Family<X, GatherOp<X, false>, GatherOp<X, true>, GatherGradOp<X, false>, GatherGradOp<X, true>>;

}  // namespace receptive::RECEPTIVE_TARGET
