// What the backends' gradients of pooling in NCHW are told.
#pragma once

#include "window.h"

namespace receptive::RECEPTIVE_TARGET {

template <class T>
struct PoolGradientPlan {
  const T* gradient;
  const std::int32_t* indices;  // max only
  T* output;
  std::int64_t planes;
  Axis y;
  Axis x;
  bool count_padding;  // average only
  bool around;
};

}  // namespace receptive::RECEPTIVE_TARGET
