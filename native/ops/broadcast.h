// Operands that broadcast against an output by NumPy's rules, as strides over the output's collapsed dimensions (0
// where an operand repeats). The last dimension is the row, in which an operand is dense (stride 1) or one value; the
// one before it counts the rows of a plane. What is left costs divisions, once per plane.
#pragma once

#include "executor.h"
#include "extent.h"

namespace receptive::RECEPTIVE_TARGET {

using Dims = std::int64_t[kMaxRank];

// Null, or why dims do not describe `size` elements.
RECEPTIVE_HOST_FN const char* check_dims(std::int64_t rank, const Dims& dims, std::int64_t size) {
  if (rank < 0 || rank > kMaxRank) return "the rank is not in [0, 8]";
  std::int64_t product = 1;
  bool empty = false;
  for (std::int64_t i = 0; i < rank; ++i) {
    if (dims[i] < 0) return "a dimension is negative";
    empty = empty || dims[i] == 0;
    if (!empty && __builtin_mul_overflow(product, dims[i], &product)) return "the product of the dimensions overflows";
  }
  return (empty ? 0 : product) == size ? nullptr : "the product of the dimensions is not the size of the output";
}

// Null, or why an operand cannot be read with these strides, where check_dims() has passed. An operand that is also the
// output must have each element at its own place.
RECEPTIVE_HOST_FN const char* check_operand(std::int64_t rank, const Dims& dims, const Dims& strides, const View& in,
                                            const View& out) {
  if (out.size == 0) return nullptr;
  std::int64_t last = 0, dense = 1;
  bool in_order = true;
  for (std::int64_t i = rank - 1; i >= 0; --i) {
    if (dims[i] == 1) continue;
    std::int64_t reach = 0;
    if (strides[i] < 0) return "a stride is negative";
    if (__builtin_mul_overflow(dims[i] - 1, strides[i], &reach) || __builtin_add_overflow(last, reach, &last)) {
      return "a stride overflows";
    }
    in_order = in_order && strides[i] == dense;
    dense *= dims[i];
  }
  if (last >= in.size) return "strides lead past the end of an operand";
  if (rank > 0 && dims[rank - 1] > 1 && strides[rank - 1] > 1)
    return "the last stride of an operand is neither 0 nor 1";
  const bool overlap =
      bytes_overlap(in.data, in.size * element_bytes(in.dtype), out.data, out.size * element_bytes(out.dtype));
  const bool in_place = in.data == out.data && in_order && element_bytes(in.dtype) == element_bytes(out.dtype);
  return overlap && !in_place ? "the output lies across an operand" : nullptr;
}

template <int kOperands>
struct Broadcast {
  static constexpr int kOuter = kMaxRank - 2;
  std::int64_t planes = 1, rows = 1, width = 1;
  int outer = 0;
  std::int64_t dims[kOuter];
  std::int64_t strides[kOperands][kOuter];
  std::int64_t row_stride[kOperands];
  bool dense[kOperands];

  struct Plane {
    std::int64_t at[kOperands];
    std::int64_t out;
  };

  RECEPTIVE_FN Broadcast(std::int64_t rank, const Dims& all) {
    if (rank > 0) width = all[rank - 1];
    if (rank > 1) rows = all[rank - 2];
    outer = rank > 2 ? static_cast<int>(rank - 2) : 0;
    for (int i = 0; i < outer; ++i) planes *= dims[i] = all[i];
  }

  RECEPTIVE_FN void operand(int k, std::int64_t rank, const std::int64_t* all) {
    for (int i = 0; i < outer; ++i) strides[k][i] = all[i];
    row_stride[k] = rank > 1 ? all[rank - 2] : 0;
    dense[k] = rank > 0 && all[rank - 1] == 1;
  }

  RECEPTIVE_FN Plane plane(std::int64_t i) const {
    Plane p{};
    p.out = i * rows * width;
    for (int d = outer - 1; d >= 0; --d) {
      const std::int64_t next = d == 0 ? 0 : i / dims[d];  // what is left for the first dimension is its index
      const std::int64_t index = i - next * dims[d];
      for (int k = 0; k < kOperands; ++k) p.at[k] += index * strides[k][d];
      i = next;
    }
    return p;
  }
};

// What a row sees of an operand: elements beside each other, or one value for all lanes.
template <class T>
struct RowOperand {
  const T* data;
  T value;
  bool dense;

  template <class P>
  RECEPTIVE_FN Pack<T, P::count> load(std::int64_t at, P p) const {
    if (dense) return p.load(data + at);
    return Pack<T, P::count>(value);
  }
};

template <class T>
RECEPTIVE_FN RowOperand<T> row_operand(const T* data, std::int64_t at, bool dense) {
  return {data + at, dense ? T{} : data[at], dense};
}

}  // namespace receptive::RECEPTIVE_TARGET
