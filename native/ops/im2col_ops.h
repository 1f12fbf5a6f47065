// im2col and col2im as ops.
#pragma once

#include "conv_base.h"
#include "im2col.h"

namespace receptive::RECEPTIVE_TARGET {

// They read batch, channels, height, width and the window; filters, groups and algorithm must be
// valid.
template <class X, bool kBack>
struct Im2ColOp : ConvBase {
  static constexpr const char* name = kBack ? "col2im" : "im2col";
  static constexpr int minInputs = 1, maxInputs = 1, outputs = 1;

  static const char* check(const OpCall& call) {
    const auto& a = attrs_of<ConvAttrs>(call);
    if (const char* wrong = check_window(a)) return wrong;
    const View& image = kBack ? call.outputs[0] : call.inputs[0];
    const View& columns = kBack ? call.inputs[0] : call.outputs[0];
    if (a.nhwc) return "columns have no NHWC form";
    if (!is_float(image.dtype) || columns.dtype != image.dtype) return "tensors must both be float32 or both float64";
    if (!fits(image.size, a.batch, a.channels, a.height, a.width))
      return "the image has not batch * channels * height * width elements";
    std::int64_t taps = 0;
    if (__builtin_mul_overflow(a.kernel.h, a.kernel.w, &taps) || !small_count(taps))
      return "a window number is out of range";
    std::int64_t rows = 0;
    if (__builtin_mul_overflow(a.channels, taps, &rows) || !small_count(rows)) return "too many column rows";
    return fits(columns.size, a.batch, rows, a.output.h, a.output.w)
               ? nullptr
               : "the columns have not batch * C*R*S * OH*OW elements";
  }

  static Cost cost(const OpCall& call) {
    const double bytes = static_cast<double>(element_bytes(call.outputs[0].dtype));
    return Cost{0, static_cast<double>(call.inputs[0].size + call.outputs[0].size) * bytes};
  }

  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto& a = attrs_of<ConvAttrs>(call);
      const ConvShape s(a);
      const auto* from = static_cast<const T*>(call.inputs[0].data);
      auto* to = static_cast<T*>(call.outputs[0].data);
      if constexpr (kBack) {
        col2im(executor, from, to, a.batch, a.channels, a.channels * s.in_pixels, s.in_pixels, 1, s.y, s.x);
      } else {
        im2col(executor, from, to, a.batch, a.channels, a.channels * s.in_pixels, s.in_pixels, 1, s.y, s.x);
      }
    });
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
