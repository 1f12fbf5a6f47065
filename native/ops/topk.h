// topk (x) -> values, indices int32, both [outer, k, inner], {outer, n, inner, k, largest f}: along n of x seen as
// [outer, n, inner], the k largest elements (or smallest), the best first. NaN counts as larger than every number; of
// equal elements, +0 and -0 among them, the one that comes first is the better one. top_lines.h finds them.
#pragma once

#include "extent.h"
#include "top_lines.h"

namespace receptive::RECEPTIVE_TARGET {

template <class X>
struct TopkOp {
  using Attrs = TopkAttrs;
  static constexpr const char* name = "topk";
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(TopkAttrs, outer), RECEPTIVE_INTEGER(TopkAttrs, n),
                                     RECEPTIVE_INTEGER(TopkAttrs, inner), RECEPTIVE_INTEGER(TopkAttrs, k),
                                     RECEPTIVE_FLAG(TopkAttrs, largest)};
  static constexpr int minInputs = 1, maxInputs = 1, outputs = 2;

  static const char* check(const OpCall& call) {
    const auto& a = attrs_of<TopkAttrs>(call);
    const View &x = call.inputs[0], &values = call.outputs[0], &indices = call.outputs[1];
    if (x.dtype == DType::boolean || values.dtype != x.dtype) return "the values have the input's dtype, a number type";
    if (indices.dtype != DType::int32) return "positions are int32";
    if (a.n < 0 || a.n > INT32_MAX) return "positions are int32: n must be below 2^31";
    if (a.k < 0 || a.k > a.n) return "k must be from 0 to n";
    if (!product_is(x.size, a.outer, a.n, a.inner)) return "outer * n * inner is not the size of the input";
    if (!product_is(values.size, a.outer, a.k, a.inner)) return "outer * k * inner is not the size of the output";
    return indices.size == values.size ? nullptr : "values and positions differ in size";
  }
  static Cost cost(const OpCall& call) {
    const auto size = static_cast<double>(call.inputs[0].size);
    const auto results = static_cast<double>(call.outputs[0].size);
    const auto bytes = static_cast<double>(element_bytes(call.inputs[0].dtype));
    return {size + 20 * results, size * bytes + results * (bytes + 4)};
  }
  static std::int64_t workspace(const OpCall& call, int threads) {
    std::int64_t bytes = 0;
    dispatch_number(call.inputs[0].dtype,
                    [&](auto tag) { bytes = top_lines_workspace<decltype(tag)>(attrs_of<TopkAttrs>(call), threads); });
    return bytes;
  }
  static void run(X& executor, const OpCall& call) {
    if (call.outputs[0].size == 0) return;
    dispatch_number(call.inputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      top_lines(executor, attrs_of<TopkAttrs>(call), static_cast<const T*>(call.inputs[0].data),
                static_cast<T*>(call.outputs[0].data), static_cast<std::int32_t*>(call.outputs[1].data));
    });
  }
};

template <class X>
using TopkFamily = Family<X, TopkOp<X>>;

}  // namespace receptive::RECEPTIVE_TARGET
