// What topk.h and its backends' top_lines.h share: the attributes, and elements as numbers in the order of their type.
#pragma once

#include "executor.h"

namespace receptive::RECEPTIVE_TARGET {

struct TopkAttrs {
  std::int64_t outer;
  std::int64_t n;
  std::int64_t inner;
  std::int64_t k;
  bool largest;
};

// Turned round for the smallest, so that the better of two elements never has the smaller number.
template <class T>
struct TopkOrder {
  static constexpr bool kFloat = static_cast<T>(0.5) != T{};
  using Bits = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
  static constexpr int kBits = 8 * static_cast<int>(sizeof(Bits));
  bool largest;

  RECEPTIVE_FN Bits of(T value) const {
    const Bits order = ascending(value);
    return largest ? order : static_cast<Bits>(~order);
  }

 private:
  RECEPTIVE_FN static Bits ascending(T value) {
    constexpr Bits top = Bits{1} << (kBits - 1);
    if constexpr (kFloat) {
      if (value != value) return static_cast<Bits>(~Bits{0});
      const Bits bits = __builtin_bit_cast(Bits, value == T{} ? T{} : value);  // -0 is 0
      return (bits & top) != 0 ? static_cast<Bits>(~bits) : bits | top;
    } else if constexpr (static_cast<T>(-1) < T{}) {
      return static_cast<Bits>(value) ^ top;
    } else {
      return value;
    }
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
