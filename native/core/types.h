// Plain data that every room shares: element types, the view of a tensor that kernels see, pairs of window numbers.
#pragma once

#include <cstdint>

namespace receptive {

inline constexpr int kMaxRank = 8;

// Rows: name, C++ element type. JavaScript reads this list from the addon, so it is numbered here only.
#define RECEPTIVE_DTYPES(X) \
  X(float32, float)         \
  X(float64, double)        \
  X(int32, std::int32_t)    \
  X(uint8, std::uint8_t)    \
  X(boolean, std::uint8_t)

enum class DType : std::uint8_t {
#define RECEPTIVE_DTYPE_NAME(name, type) name,
  RECEPTIVE_DTYPES(RECEPTIVE_DTYPE_NAME)
#undef RECEPTIVE_DTYPE_NAME
};

// Vertical and horizontal part of a window option; one type, so that H and W cannot drift apart.
struct Pair {
  std::int64_t h;
  std::int64_t w;
};

// What a kernel sees of a tensor: contiguous elements of one type. `data` is null where size is 0.
struct View {
  void* data;
  std::int64_t size;  // elements
  DType dtype;
  std::int32_t rank;
  std::int64_t dims[kMaxRank];
};

}  // namespace receptive
