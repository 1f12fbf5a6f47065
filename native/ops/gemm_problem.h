// What the products of all backends are asked to compute. How an operand is read is the backend's: Operand is declared
// in its gemm.h.
#pragma once

#include "clamp.h"

namespace receptive::RECEPTIVE_TARGET {

RECEPTIVE_FN std::int64_t round_up(std::int64_t v, std::int64_t to) { return (v + to - 1) / to * to; }

template <class T>
struct Operand;

// C of an item: base + offset(item), rows row_stride apart, columns contiguous. Items are numbered outer * inner_items
// + inner, which for a convolution is image * groups + group.
template <class T>
struct Result {
  T* base;
  std::int64_t inner_items;
  std::int64_t outer_stride;
  std::int64_t inner_stride;
  std::int64_t row_stride;
  const T* row_bias;  // of the first inner item; the next one's begins `bias_stride` later
  const T* column_bias;
  std::int64_t bias_stride;
  Clamp<T> clamp{};  // of the whole sums
};

// Whether a product is left to the library that a backend has beside its own kernels, and how that may compute float32.
enum class ProductLibrary : std::int64_t { none, exact, tf32 };
inline constexpr std::int64_t kProductLibraries = 3;

template <class T>
struct GemmProblem {
  std::int64_t rows, columns, steps;  // M, N, K
  std::int64_t items;
  std::int64_t a_items;  // item i uses A number i % a_items
  Operand<T> a;
  Operand<T> b;
  Result<T> c;
  bool accumulate;  // add to what C holds (and no bias)
  // Rows are samples, which get the same bits alone and among others: no split depends on how many there are.
  bool samples = false;
  // A library has neither row_bias nor clamp, and items in one dimension of C.
  ProductLibrary library = ProductLibrary::none;
};

}  // namespace receptive::RECEPTIVE_TARGET
