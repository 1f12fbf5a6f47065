// A GPU's gradients of pooling in NCHW: max_gradient(), average_gradient(), and spread_rows() for averages over windows
// side by side. A thread adds up what the windows over its input element give it: the gradient of those that chose it
// (max), or an equal share of each (average). Nothing is scattered, so the order of additions is always the same.
#pragma once

#include "../ops/avg_pool.h"
#include "../ops/index_check.h"
#include "../ops/pool_plan.h"

namespace receptive::RECEPTIVE_TARGET {

// An element of input, and the windows of its plane.
struct PlaneRow {
  std::int64_t windows;  // flat index of the plane's first one
  std::int64_t iy;
  std::int64_t out;  // flat index of the row's first element
};

template <class T>
RECEPTIVE_FN PlaneRow plane_row(const PoolGradientPlan<T>& plan, std::int64_t plane, std::int64_t iy) {
  return PlaneRow{plane * plan.y.output * plan.x.output, iy, (plane * plan.y.input + iy) * plan.x.input};
}

template <class T>
struct MaxPoolGradPlanes {
  using Element = T;
  static constexpr bool kOverlap = true;
  PoolGradientPlan<T> plan;

  RECEPTIVE_FN std::int64_t plane(std::int64_t i) const { return i; }
  RECEPTIVE_FN PlaneRow row(std::int64_t plane, std::int64_t iy) const { return plane_row(plan, plane, iy); }

  template <class P>
  RECEPTIVE_FN void tile(const PlaneRow& row, std::int64_t ix, P) const {
    const auto self = static_cast<std::int32_t>(row.iy * plan.x.input + ix);
    T sum{0};
    for_each_cover(plan.y, row.iy, [&](std::int64_t oy) RECEPTIVE_INLINE_LAMBDA {
      const std::int64_t line = row.windows + oy * plan.x.output;
      for_each_cover(plan.x, ix, [&](std::int64_t ox) RECEPTIVE_INLINE_LAMBDA {
        if (plan.indices[line + ox] == self) sum += plan.gradient[line + ox];
      });
    });
    plan.output[row.out + ix] = sum;
  }
};

template <class T>
struct AvgPoolGradPlanes {
  using Element = T;
  static constexpr bool kOverlap = true;
  PoolGradientPlan<T> plan;

  RECEPTIVE_FN std::int64_t plane(std::int64_t i) const { return i; }
  RECEPTIVE_FN PlaneRow row(std::int64_t plane, std::int64_t iy) const { return plane_row(plan, plane, iy); }

  template <class P>
  RECEPTIVE_FN void tile(const PlaneRow& row, std::int64_t ix, P) const {
    T sum{0};
    for_each_cover(plan.y, row.iy, [&](std::int64_t oy) RECEPTIVE_INLINE_LAMBDA {
      const std::int64_t line = row.windows + oy * plan.x.output;
      const T down = static_cast<T>(tap_count(plan.y, oy, plan.count_padding));
      for_each_cover(plan.x, ix, [&](std::int64_t ox) RECEPTIVE_INLINE_LAMBDA {
        sum += plan.gradient[line + ox] / (static_cast<T>(tap_count(plan.x, ox, plan.count_padding)) * down);
      });
    });
    plan.output[row.out + ix] = sum;
  }
};

// Windows side by side: each element has one window, or none behind the last.
template <class T>
struct AvgPoolSpread {
  using Element = T;
  static constexpr bool kOverlap = true;
  PoolGradientPlan<T> plan;

  struct Row {
    const T* from;  // the row's windows, or null
    std::int64_t out;
  };

  RECEPTIVE_FN std::int64_t plane(std::int64_t i) const { return i; }
  RECEPTIVE_FN Row row(std::int64_t plane, std::int64_t iy) const {
    const std::int64_t oy = iy / plan.y.kernel;
    return Row{oy < plan.y.output ? plan.gradient + (plane * plan.y.output + oy) * plan.x.output : nullptr,
               (plane * plan.y.input + iy) * plan.x.input};
  }

  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t ix, P) const {
    const std::int64_t ox = ix / plan.x.kernel;
    const T g = row.from != nullptr && ox < plan.x.output ? row.from[ox] : T(0);
    plan.output[row.out + ix] = g / (static_cast<T>(plan.y.kernel) * static_cast<T>(plan.x.kernel));
  }
};

template <class T, class X>
void spread_rows(const X& executor, const PoolGradientPlan<T>& plan) {
  executor.planes(plan.planes, plan.y.input, plan.x.input, AvgPoolSpread<T>{plan});
}

template <class T, class X>
void max_gradient(const X& executor, const PoolGradientPlan<T>& plan) {
  check_indices(executor, plan.indices, plan.planes * plan.y.output * plan.x.output, plan.y.input * plan.x.input);
  executor.planes(plan.planes, plan.y.input, plan.x.input, MaxPoolGradPlanes<T>{plan});
}

// Whether average_gradient() needs workspace for as many elements as there are windows.
template <class X>
bool average_gradient_shares(const Axis&, const Axis&) {
  return false;
}

template <class T, class X>
void average_gradient(const X& executor, const PoolGradientPlan<T>& plan) {
  executor.planes(plan.planes, plan.y.input, plan.x.input, AvgPoolGradPlanes<T>{plan});
}

}  // namespace receptive::RECEPTIVE_TARGET
