// What a product may do to its results while they are in registers or in the first cache.
#pragma once

#include "lanes.h"

namespace receptive::RECEPTIVE_TARGET {

// low for what is at most low (+0 for -0 where low is 0), high for what is above high; keeps NaN.
template <class T>
struct Clamp {
  bool any = false;  // or it changes nothing
  T low = -static_cast<T>(__builtin_inff());
  T high = static_cast<T>(__builtin_inff());

  template <int N>
  RECEPTIVE_FN Pack<T, N> operator()(Pack<T, N> x) const {
    return minimum_ordered(Pack<T, N>(high), select(x <= Pack<T, N>(low), Pack<T, N>(low), x));
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
