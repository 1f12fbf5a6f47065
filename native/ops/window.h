// Window geometry of convolution and pooling, one axis at a time, so that height and width share every formula.
// Tap k of output o reads input o * stride - before + k * dilation.
#pragma once

#include "executor.h"

namespace receptive::RECEPTIVE_TARGET {

struct Axis {
  std::int64_t input;
  std::int64_t output;
  std::int64_t kernel;
  std::int64_t stride;
  std::int64_t before;  // padding before the first element
  std::int64_t after;
  std::int64_t dilation;

  RECEPTIVE_FN std::int64_t first(std::int64_t o) const { return o * stride - before; }
};

RECEPTIVE_FN std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
RECEPTIVE_FN std::int64_t min_of(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
RECEPTIVE_FN std::int64_t max_of(std::int64_t a, std::int64_t b) { return a > b ? a : b; }

// The taps that fall on [low, high) when tap 0 falls on `first`.
RECEPTIVE_FN Range taps_inside(const Axis& axis, std::int64_t first, std::int64_t low, std::int64_t high) {
  if (first >= low && first + (axis.kernel - 1) * axis.dilation < high) return Range{0, axis.kernel};
  const bool dense = axis.dilation == 1;  // the usual case, without a division
  const std::int64_t begin = first >= low ? 0 : dense ? low - first : ceil_div(low - first, axis.dilation);
  const std::int64_t room = dense ? high - first : (high - 1 - first) / axis.dilation + 1;
  const std::int64_t end = first >= high ? 0 : min_of(axis.kernel, room);
  return Range{begin, max_of(begin, end)};
}

RECEPTIVE_FN Range taps_inside(const Axis& axis, std::int64_t first) { return taps_inside(axis, first, 0, axis.input); }

// Taps that count for the divisor of an average: those inside the input, or inside the padded input.
RECEPTIVE_FN std::int64_t tap_count(const Axis& axis, std::int64_t o, bool count_padding) {
  const std::int64_t first = axis.first(o);
  const Range r =
      count_padding ? taps_inside(axis, first, -axis.before, axis.input + axis.after) : taps_inside(axis, first);
  return r.end - r.begin;
}

// Calls visit(output) for the outputs whose windows have a tap on input i, in the order of those taps. Walks whichever
// are fewer, taps or outputs: a window may have 2^31 taps, nearly all of them on padding.
template <class F>
RECEPTIVE_FN void for_each_cover(const Axis& axis, std::int64_t i, F&& visit) {
  const std::int64_t at = i + axis.before;  // output * stride + tap * dilation
  if (axis.kernel <= axis.output) {
    for (std::int64_t k = 0, up = at; k < axis.kernel && up >= 0; ++k, up -= axis.dilation) {
      const std::int64_t o = up / axis.stride;
      if (o * axis.stride == up && o < axis.output) visit(o);
    }
    return;
  }
  const std::int64_t reach = (axis.kernel - 1) * axis.dilation;
  const std::int64_t first = at <= reach ? 0 : ceil_div(at - reach, axis.stride);
  for (std::int64_t o = min_of(at / axis.stride, axis.output - 1); o >= first; --o) {
    if ((at - o * axis.stride) % axis.dilation == 0) visit(o);
  }
}

// Outputs o with 0 <= o * stride + low and o * stride + high < axis.input: the interior for reads between those
// offsets.
RECEPTIVE_FN Range interior(const Axis& axis, std::int64_t low, std::int64_t high) {
  const std::int64_t begin = low >= 0 ? 0 : ceil_div(-low, axis.stride);
  const std::int64_t reach = axis.input - 1 - high;
  const std::int64_t end = reach < 0 ? 0 : min_of(axis.output, reach / axis.stride + 1);
  return Range{begin, max_of(begin, end)};
}

// Outputs whose first and last tap fall inside the input.
RECEPTIVE_FN Range interior(const Axis& axis) {
  return interior(axis, -axis.before, (axis.kernel - 1) * axis.dilation - axis.before);
}

// Numbers that no kernel multiplies past 2^62: each at most 2^31, products checked by the caller with fits().
RECEPTIVE_FN bool small_count(std::int64_t v) { return v >= 0 && v <= (std::int64_t{1} << 31); }

RECEPTIVE_FN bool valid_axis(const Axis& a) {
  return small_count(a.input) && small_count(a.output) && small_count(a.kernel) && a.kernel > 0 &&
         small_count(a.stride) && a.stride > 0 && small_count(a.before) && small_count(a.after) &&
         small_count(a.dilation) && a.dilation > 0;
}

// a * b * c * d == size without overflow, all factors at most 2^31.
RECEPTIVE_HOST_FN bool fits(std::int64_t size, std::int64_t a, std::int64_t b, std::int64_t c = 1, std::int64_t d = 1) {
  if (!small_count(a) || !small_count(b) || !small_count(c) || !small_count(d)) return false;
  std::int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product) || __builtin_mul_overflow(product, c, &product) ||
      __builtin_mul_overflow(product, d, &product)) {
    return false;
  }
  return product == size;
}

}  // namespace receptive::RECEPTIVE_TARGET
