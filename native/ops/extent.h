// Arithmetic on sizes for the ops' check(): nothing here overflows, whatever the numbers.
#pragma once

#include <cstdint>

#include "../core/op.h"
#include "../core/target.h"

namespace receptive::RECEPTIVE_TARGET {

// a * b * c == size, all of them counts.
RECEPTIVE_HOST_FN bool product_is(std::int64_t size, std::int64_t a, std::int64_t b, std::int64_t c = 1) {
  if (a < 0 || b < 0 || c < 0) return false;
  if (a == 0 || b == 0 || c == 0) return size == 0;
  std::int64_t product = 0;
  return !__builtin_mul_overflow(a, b, &product) && !__builtin_mul_overflow(product, c, &product) && product == size;
}

// Whether two ranges of bytes share one.
RECEPTIVE_HOST_FN bool bytes_overlap(std::uintptr_t a, std::int64_t a_bytes, std::uintptr_t b, std::int64_t b_bytes) {
  return a_bytes > 0 && b_bytes > 0 && a < b + static_cast<std::uintptr_t>(b_bytes) &&
         b < a + static_cast<std::uintptr_t>(a_bytes);
}
RECEPTIVE_HOST_FN bool bytes_overlap(const void* a, std::int64_t a_bytes, const void* b, std::int64_t b_bytes) {
  // A new output is checked before it has memory, and may be asked to be larger than every address.
  if (a == nullptr || b == nullptr) return false;
  return bytes_overlap(reinterpret_cast<std::uintptr_t>(a), a_bytes, reinterpret_cast<std::uintptr_t>(b), b_bytes);
}

}  // namespace receptive::RECEPTIVE_TARGET
