// Calls a generic function with the element type of a dtype: `dispatch_float(dtype, [&](auto tag) { using T =
// decltype(tag); … })`.
#pragma once

#include <cstdint>

#include "target.h"
#include "types.h"

namespace receptive::RECEPTIVE_TARGET {

RECEPTIVE_FN bool is_float(DType dtype) { return dtype == DType::float32 || dtype == DType::float64; }

RECEPTIVE_FN std::int64_t element_bytes(DType dtype) {
  switch (dtype) {
#define RECEPTIVE_CASE(name, type) \
  case DType::name:                \
    return sizeof(type);
    RECEPTIVE_DTYPES(RECEPTIVE_CASE)
#undef RECEPTIVE_CASE
  }
  return 0;
}

// float32 or float64; the caller's check() has refused everything else.
template <class F>
RECEPTIVE_HOST_FN void dispatch_float(DType dtype, F&& f) {
  if (dtype == DType::float64) {
    f(double{});
  } else {
    f(float{});
  }
}

// The types that have arithmetic: float32, float64, int32, uint8.
template <class F>
RECEPTIVE_HOST_FN void dispatch_number(DType dtype, F&& f) {
  switch (dtype) {
    case DType::float32:
      return f(float{});
    case DType::float64:
      return f(double{});
    case DType::int32:
      return f(std::int32_t{});
    case DType::uint8:
    case DType::boolean:
      return f(std::uint8_t{});
  }
}

// Types told apart by size only, for ops that move elements and do not look at them: 1, 4 or 8 bytes.
template <class F>
RECEPTIVE_HOST_FN void dispatch_bits(DType dtype, F&& f) {
  switch (element_bytes(dtype)) {
    case 1:
      return f(std::uint8_t{});
    case 4:
      return f(std::int32_t{});
    default:
      return f(double{});
  }
}

}  // namespace receptive::RECEPTIVE_TARGET
