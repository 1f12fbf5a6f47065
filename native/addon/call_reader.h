// Reads the numbers of a call and believes none of them: whatever JavaScript wrote, the result is in range or an Error.
#pragma once

#include <cmath>
#include <cstdint>

#include "../core/dispatch.h"
#include "../core/error.h"
#include "../core/size_class.h"
#include "../core/types.h"

namespace receptive {

inline constexpr double kMaxInteger = 9007199254740992.0;  // 2^53: doubles are exact integers up to here

using host::element_bytes;

#define RECEPTIVE_ONE(name, type) +1
inline constexpr std::uint32_t kDTypes = 0 RECEPTIVE_DTYPES(RECEPTIVE_ONE);
#undef RECEPTIVE_ONE

inline std::int64_t view_bytes(const View& view) { return view.size * element_bytes(view.dtype); }

inline DType read_dtype(const char* op, std::uint32_t number) {
  if (number >= kDTypes) throw Error(ErrorCode::dtype, text_of(op, ": there is no dtype number ", number));
  return static_cast<DType>(number);
}

class CallReader {
 public:
  CallReader(const char* op, const double* numbers) : op_(op), at_(numbers) {}

  // How many numbers after `numbers` it has come to.
  std::uint32_t position(const double* numbers) const { return static_cast<std::uint32_t>(at_ - numbers); }

  double real() { return *at_++; }

  bool flag(const char* name) {
    const double value = *at_++;
    if (value != 0 && value != 1) fail(name, "must be 0 or 1", value);
    return value != 0;
  }

  std::int64_t integer(const char* name) {
    const double value = *at_++;
    if (!(value >= -kMaxInteger && value <= kMaxInteger)) fail(name, "must be an integer of at most 2^53", value);
    const auto whole = static_cast<std::int64_t>(value);
    if (static_cast<double>(whole) != value) fail(name, "must be an integer", value);
    return whole;
  }

  // Rank and dimensions, as a view without data.
  View shape(DType dtype) {
    View view;
    view.data = nullptr;
    view.dtype = dtype;
    const std::int64_t rank = integer("rank");
    if (rank < 0 || rank > kMaxRank) fail("rank", "must be from 0 to 8", static_cast<double>(rank));
    view.rank = static_cast<std::int32_t>(rank);
    std::int64_t size = 1;
    std::int64_t extent = 1;  // the product with zeros left out: strides must not overflow either
    for (std::int32_t i = 0; i < view.rank; ++i) {
      const std::int64_t dim = integer("dimension");
      if (dim < 0) fail("dimension", "must not be negative", static_cast<double>(dim));
      view.dims[i] = dim;
      if (__builtin_mul_overflow(extent, dim > 0 ? dim : 1, &extent) || extent > kMaxBytes / element_bytes(dtype)) {
        throw Error(ErrorCode::shape,
                    text_of(op_, ": the dimensions' product times ", element_bytes(dtype), " bytes passes 2^53"));
      }
      size *= dim;
    }
    view.size = size;
    return view;
  }

 private:
  [[noreturn]] void fail(const char* what, const char* rule, double value) const {
    throw Error(ErrorCode::argument, text_of(op_, ": ", what, " ", rule, ", given ", value));
  }

  const char* op_;
  const double* at_;
};

}  // namespace receptive
