// One value in every element: rows(1, size, FillBody<T>{out, value, around}), around as writes_around() has it.
#pragma once

#include "executor.h"

namespace receptive::RECEPTIVE_TARGET {

template <class T>
struct FillBody {
  using Element = T;
  static constexpr bool kOverlap = false;
  T* out;
  T value;
  bool around;

  RECEPTIVE_FN char row(std::int64_t) const { return 0; }
  template <class P>
  RECEPTIVE_FN void tile(char, std::int64_t at, P p) const {
    p.store(out + at, Pack<T, P::count>(value), around);
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
