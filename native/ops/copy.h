// copyStrided (src) -> dst, new or in place: elements move unchanged, by size, between two views with a stride per
// axis, source strides of 0 repeating. It carries permute, slice, concat, pad, stack, split, expand and clone. The
// destination may be written in part. Two elements never go to the same place, and source and destination share no
// memory, unless every element would be copied onto itself.
#pragma once

#include "executor.h"
#include "extent.h"
#include "strided_copy.h"

namespace receptive::RECEPTIVE_TARGET {

struct CopyAttrs {
  std::int64_t rank;
  std::int64_t dims[kMaxRank];
  std::int64_t srcStrides[kMaxRank];
  std::int64_t dstStrides[kMaxRank];
  std::int64_t srcOffset;
  std::int64_t dstOffset;
};

// Whether there is nothing to copy; the extents may then be anything.
RECEPTIVE_HOST_FN bool copies_nothing(const CopyAttrs& a) {
  for (int d = 0; d < a.rank; ++d) {
    if (a.dims[d] == 0) return true;
  }
  return false;
}

// The last element that a walk over dims with these strides reaches from offset, or -1 if that is outside [0, size).
RECEPTIVE_HOST_FN std::int64_t last_element(const CopyAttrs& a, const std::int64_t* strides, std::int64_t offset,
                                            std::int64_t size) {
  if (offset < 0) return -1;
  std::int64_t last = offset;
  for (int d = 0; d < a.rank; ++d) {
    std::int64_t reach = 0;
    if (strides[d] < 0 || __builtin_mul_overflow(a.dims[d] - 1, strides[d], &reach) ||
        __builtin_add_overflow(last, reach, &last)) {
      return -1;
    }
  }
  return last < size ? last : -1;
}

RECEPTIVE_HOST_FN CopyPlan plan_of(const CopyAttrs& a) {
  CopyPlan plan;
  plan.rank = static_cast<int>(a.rank);
  for (int d = 0; d < plan.rank; ++d) {
    plan.dims[d] = a.dims[d];
    plan.src[d] = a.srcStrides[d];
    plan.dst[d] = a.dstStrides[d];
  }
  return in_memory_order(plan);
}

// In memory order, each stride of the destination is longer than all that the inner axes reach.
RECEPTIVE_HOST_FN bool writes_once(const CopyPlan& plan) {
  std::int64_t reach = 0;
  for (int d = plan.rank - 1; d >= 0; --d) {
    if (plan.dst[d] <= reach) return false;
    reach += (plan.dims[d] - 1) * plan.dst[d];
  }
  return true;
}

// The address of an element; an output that is new has none when it is checked.
RECEPTIVE_HOST_FN std::uintptr_t address_of(const View& view, std::int64_t at) {
  return reinterpret_cast<std::uintptr_t>(view.data) + static_cast<std::uintptr_t>(at * element_bytes(view.dtype));
}

RECEPTIVE_HOST_FN bool copies_onto_itself(const OpCall& call, const CopyPlan& plan) {
  const auto& a = attrs_of<CopyAttrs>(call);
  if (address_of(call.inputs[0], a.srcOffset) != address_of(call.outputs[0], a.dstOffset)) return false;
  for (int d = 0; d < plan.rank; ++d) {
    if (plan.src[d] != plan.dst[d]) return false;
  }
  return true;
}

template <class X>
struct CopyStrided {
  using Attrs = CopyAttrs;
  static constexpr const char* name = "copyStrided";
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(CopyAttrs, rank),       RECEPTIVE_INTEGER(CopyAttrs, dims),
                                     RECEPTIVE_INTEGER(CopyAttrs, srcStrides), RECEPTIVE_INTEGER(CopyAttrs, dstStrides),
                                     RECEPTIVE_INTEGER(CopyAttrs, srcOffset),  RECEPTIVE_INTEGER(CopyAttrs, dstOffset)};
  static constexpr int minInputs = 1, maxInputs = 1, outputs = 1;

  static const char* check(const OpCall& call) {
    const auto& a = attrs_of<CopyAttrs>(call);
    const View& src = call.inputs[0];
    const View& dst = call.outputs[0];
    if (src.dtype != dst.dtype) return "dtypes differ";
    if (a.rank < 0 || a.rank > kMaxRank) return "the rank is not in 0 .. 8";
    for (int d = 0; d < a.rank; ++d) {
      if (a.dims[d] < 0) return "a dimension is negative";
    }
    if (copies_nothing(a)) return nullptr;
    const std::int64_t last_src = last_element(a, a.srcStrides, a.srcOffset, src.size);
    const std::int64_t last_dst = last_element(a, a.dstStrides, a.dstOffset, dst.size);
    if (last_src < 0) return "the source is left";
    if (last_dst < 0) return "the destination is left";
    const CopyPlan plan = plan_of(a);
    if (!writes_once(plan)) return "two elements would be written to the same place";
    if (dst.data == nullptr) return nullptr;  // new: it shares nothing
    const std::int64_t bytes = element_bytes(dst.dtype);
    const bool shared = bytes_overlap(address_of(src, a.srcOffset), (last_src - a.srcOffset + 1) * bytes,
                                      address_of(dst, a.dstOffset), (last_dst - a.dstOffset + 1) * bytes);
    return shared && !copies_onto_itself(call, plan) ? "source and destination overlap" : nullptr;
  }
  // No element is written twice, so it is all of them when the counts agree.
  static bool overwrites(const OpCall& call) {
    const auto& a = attrs_of<CopyAttrs>(call);
    const std::int64_t size = copies_nothing(a) ? 0 : plan_of(a).size();
    return size == call.outputs[0].size;
  }
  static Cost cost(const OpCall& call) {
    const auto& a = attrs_of<CopyAttrs>(call);
    double size = 1;
    for (int d = 0; d < a.rank; ++d) size *= static_cast<double>(a.dims[d]);
    return {0, 2 * size * static_cast<double>(element_bytes(call.outputs[0].dtype))};
  }
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<CopyAttrs>(call);
    if (copies_nothing(a)) return;
    const CopyPlan plan = plan_of(a);
    if (copies_onto_itself(call, plan)) return;
    dispatch_bits(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      copy_strided(executor, plan, static_cast<const T*>(call.inputs[0].data) + a.srcOffset,
                   static_cast<T*>(call.outputs[0].data) + a.dstOffset);
    });
  }
};

template <class X>
using CopyFamily = Family<X, CopyStrided<X>>;

}  // namespace receptive::RECEPTIVE_TARGET
