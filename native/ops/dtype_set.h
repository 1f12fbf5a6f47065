// Which element types an op takes, and a dispatch that instantiates bodies for those only.
#pragma once

#include "executor.h"

namespace receptive::RECEPTIVE_TARGET {

constexpr unsigned dtype_bit(DType dtype) { return 1u << static_cast<unsigned>(dtype); }

inline constexpr unsigned kBoolean = dtype_bit(DType::boolean);
inline constexpr unsigned kFloats = dtype_bit(DType::float32) | dtype_bit(DType::float64);
inline constexpr unsigned kSigned = kFloats | dtype_bit(DType::int32);
inline constexpr unsigned kNumbers = kSigned | dtype_bit(DType::uint8);
inline constexpr unsigned kAll = kNumbers | kBoolean;

RECEPTIVE_FN bool takes(unsigned types, DType dtype) {
  const auto index = static_cast<unsigned>(dtype);
  return index < 8 && (types >> index & 1u) != 0;
}

// f(T{}) with the element type of `dtype`, which check() has found in `types`. uint8 and boolean share uint8_t.
template <unsigned types, class F>
RECEPTIVE_HOST_FN void dispatch_set(DType dtype, F&& f) {
  switch (dtype) {
    case DType::float32:
      if constexpr ((types & dtype_bit(DType::float32)) != 0) f(float{});
      return;
    case DType::float64:
      if constexpr ((types & dtype_bit(DType::float64)) != 0) f(double{});
      return;
    case DType::int32:
      if constexpr ((types & dtype_bit(DType::int32)) != 0) f(std::int32_t{});
      return;
    case DType::uint8:
    case DType::boolean:
      if constexpr ((types & (dtype_bit(DType::uint8) | kBoolean)) != 0) f(std::uint8_t{});
      return;
  }
}

}  // namespace receptive::RECEPTIVE_TARGET
