// The pooling family: attributes, guards and the choice of body. The bodies are in max_pool.h, avg_pool.h and
// adaptive_avg_pool.h, and what a backend does in its own way with planes in pool_dense.h and pool_gradient.h.
#pragma once

#include "adaptive_avg_pool.h"
#include "avg_pool.h"
#include "index_check.h"
#include "max_pool.h"
#include "pointwise.h"
#include "pool_dense.h"
#include "pool_gradient.h"
#include "reduce.h"

namespace receptive::RECEPTIVE_TARGET {

struct PoolAttrs {
  std::int64_t batch;
  std::int64_t channels;
  std::int64_t height;
  std::int64_t width;
  Pair kernel;
  Pair output;
  Pair stride;
  std::int64_t padding[4];  // top, bottom, left, right
  Pair dilation;
  bool nhwc;
  bool countIncludePad;
};

RECEPTIVE_FN Axis vertical(const PoolAttrs& a) {
  return Axis{a.height, a.output.h, a.kernel.h, a.stride.h, a.padding[0], a.padding[1], a.dilation.h};
}
RECEPTIVE_FN Axis horizontal(const PoolAttrs& a) {
  return Axis{a.width, a.output.w, a.kernel.w, a.stride.w, a.padding[2], a.padding[3], a.dilation.w};
}

// Horizontal numbers of a window as the compiler knows them; 0 where it does not.
template <int kStride, int kKernel>
struct KnownWindow {
  static constexpr int stride = kStride, kernel = kKernel;
};

// The usual windows have loops of their own, in float32 only: each costs some KiB.
template <class T, class F>
RECEPTIVE_HOST_FN void with_window(const Axis& y, const Axis& x, F&& run) {
  if constexpr (sizeof(T) == 4) {
    const bool dense = x.dilation == 1 && y.kernel == x.kernel;
    if (dense && x.stride == 2 && x.kernel == 2) return run(KnownWindow<2, 2>{});
    if (dense && x.stride == 2 && x.kernel == 3) return run(KnownWindow<2, 3>{});
  }
  run(KnownWindow<0, 0>{});
}

// What all pooling ops share: the schema, the guard, the cost.
struct PoolBase {
  using Attrs = PoolAttrs;
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(PoolAttrs, batch),       RECEPTIVE_INTEGER(PoolAttrs, channels),
                                     RECEPTIVE_INTEGER(PoolAttrs, height),      RECEPTIVE_INTEGER(PoolAttrs, width),
                                     RECEPTIVE_INTEGER(PoolAttrs, kernel),      RECEPTIVE_INTEGER(PoolAttrs, output),
                                     RECEPTIVE_INTEGER(PoolAttrs, stride),      RECEPTIVE_INTEGER(PoolAttrs, padding),
                                     RECEPTIVE_INTEGER(PoolAttrs, dilation),    RECEPTIVE_FLAG(PoolAttrs, nhwc),
                                     RECEPTIVE_FLAG(PoolAttrs, countIncludePad)};

  static const char* check_sizes(const OpCall& call, const View& large, const View& small) {
    const auto& a = attrs_of<PoolAttrs>(call);
    if (!is_float(large.dtype) || small.dtype != large.dtype) return "tensors must both be float32 or both float64";
    if (!valid_axis(vertical(a)) || !valid_axis(horizontal(a))) return "a window number is out of range";
    if (!fits(large.size, a.batch, a.channels, a.height, a.width))
      return "the input has not batch * channels * height * width elements";
    if (!fits(small.size, a.batch, a.channels, a.output.h, a.output.w))
      return "the output has not batch * channels * OH * OW elements";
    if (a.height * a.width > INT32_MAX) return "a plane has more than 2^31 - 1 elements";
    return nullptr;
  }

  // The same, and windows are covered: bodies may take it for granted that none begins behind the input.
  static const char* check_windows(const OpCall& call, const View& large, const View& small) {
    const auto& a = attrs_of<PoolAttrs>(call);
    if (const char* wrong = check_sizes(call, large, small)) return wrong;
    return covered(vertical(a)) && covered(horizontal(a)) ? nullptr : "a window lies wholly in the padding";
  }

  static Cost cost_of(const OpCall& call, double taps) {
    const auto& a = attrs_of<PoolAttrs>(call);
    const double outputs = static_cast<double>(a.batch * a.channels) * static_cast<double>(a.output.h * a.output.w);
    const double inputs = static_cast<double>(a.batch * a.channels) * static_cast<double>(a.height * a.width);
    return Cost{outputs * taps, (inputs + outputs) * static_cast<double>(element_bytes(call.outputs[0].dtype))};
  }

  static Cost cost(const OpCall& call) {
    const auto& a = attrs_of<PoolAttrs>(call);
    return cost_of(call, 2.0 * static_cast<double>(a.kernel.h * a.kernel.w));
  }
};

template <class X, bool kIndices>
struct MaxPool2dOp : PoolBase {
  static constexpr const char* name = kIndices ? "maxPool2dWithIndices" : "maxPool2d";
  static constexpr int minInputs = 1, maxInputs = 1, outputs = kIndices ? 2 : 1;

  static const char* check(const OpCall& call) {
    if (kIndices && (call.outputs[1].dtype != DType::int32 || call.outputs[1].size != call.outputs[0].size)) {
      return "indices must be int32 and as many as the outputs";
    }
    return check_windows(call, call.inputs[0], call.outputs[0]);
  }

  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto& a = attrs_of<PoolAttrs>(call);
      const MaxPoolPlan<T> plan{static_cast<const T*>(call.inputs[0].data),
                                static_cast<T*>(call.outputs[0].data),
                                kIndices ? static_cast<std::int32_t*>(call.outputs[1].data) : nullptr,
                                a.channels,
                                vertical(a),
                                horizontal(a)};
      if (a.nhwc) {
        executor.rows(a.batch * a.output.h * a.output.w, a.channels, MaxPoolPixels<T, kIndices>{plan});
        return;
      }
      if (dense_max<kIndices>(executor, a.batch * a.channels, plan)) return;
      with_window<T>(plan.y, plan.x, [&](auto window) {
        executor.planes(a.batch * a.channels, a.output.h, a.output.w,
                        MaxPoolPlanes<T, kIndices, window.stride, window.kernel>{plan, interior(plan.x)});
      });
    });
  }
};

// What gradients of windows in planes are told; `indices` of max only.
template <class T, class X>
PoolGradientPlan<T> planes_of_gradient(const X& executor, const OpCall& call, const Axis& y, const Axis& x,
                                       const std::int32_t* indices) {
  const auto& a = attrs_of<PoolAttrs>(call);
  const View& out = call.outputs[0];
  return {static_cast<const T*>(call.inputs[0].data),
          indices,
          static_cast<T*>(out.data),
          a.batch * a.channels,
          y,
          x,
          a.countIncludePad,
          executor.writes_around(out.data, out.size * element_bytes(out.dtype))};
}

template <class X>
struct MaxPool2dGradOp : PoolBase {
  static constexpr const char* name = "maxPool2dGrad";
  static constexpr int minInputs = 2, maxInputs = 2, outputs = 1;

  static const char* check(const OpCall& call) {
    if (call.inputs[1].dtype != DType::int32 || call.inputs[1].size != call.inputs[0].size) {
      return "indices must be int32 and as many as the gradients";
    }
    return check_sizes(call, call.outputs[0], call.inputs[0]);
  }

  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto& a = attrs_of<PoolAttrs>(call);
      const auto* indices = static_cast<const std::int32_t*>(call.inputs[1].data);
      const Axis y = vertical(a), x = horizontal(a);
      if (!a.nhwc) return max_gradient(executor, planes_of_gradient<T>(executor, call, y, x, indices));
      check_indices(executor, indices, call.inputs[1].size, a.height * a.width);
      executor.rows(a.batch * a.height * a.width, a.channels,
                    MaxPoolGradPixels<T>{{static_cast<const T*>(call.inputs[0].data), indices,
                                          static_cast<T*>(call.outputs[0].data), a.channels, y, x}});
    });
  }
};

// Windows that are whole planes, without padding: a mean over the positions of a plane (NCHW) or of an image (NHWC).
struct WholePlanes {
  std::int64_t outer, n, inner;

  RECEPTIVE_FN explicit WholePlanes(const PoolAttrs& a)
      : outer(a.nhwc ? a.batch : a.batch * a.channels), n(a.height * a.width), inner(a.nhwc ? a.channels : 1) {}

  template <class T>
  static std::int64_t workspace(const PoolAttrs& a, int threads) {
    const WholePlanes p(a);
    return reduce_workspace<SumBody<T, T, T>>(p.outer, p.n, p.inner, threads);
  }
  template <class T, class X>
  static void mean(X& executor, const PoolAttrs& a, const OpCall& call) {
    const WholePlanes p(a);
    executor.reduce(p.outer, p.n, p.inner,
                    SumBody<T, T, T>{static_cast<const T*>(call.inputs[0].data), static_cast<T*>(call.outputs[0].data),
                                     static_cast<T>(p.n)});
  }
};

template <class T, class X>
void average_planes(X& executor, std::int64_t planes, const AvgPoolPlan<T>& plan) {
  if (dense_average(executor, planes, plan)) return;
  with_window<T>(plan.y, plan.x, [&](auto window) {
    executor.planes(planes, plan.y.output, plan.x.output,
                    AvgPoolPlanes<T, window.stride, window.kernel>{plan, interior(plan.x)});
  });
}

template <class X>
struct AvgPool2dOp : PoolBase {
  static constexpr const char* name = "avgPool2d";
  static constexpr int minInputs = 1, maxInputs = 1, outputs = 1;

  static const char* check(const OpCall& call) { return check_windows(call, call.inputs[0], call.outputs[0]); }
  static std::int64_t workspace(const OpCall& call, int threads) {
    const auto& a = attrs_of<PoolAttrs>(call);
    if (!whole(a)) return 0;
    std::int64_t bytes = 0;
    dispatch_float(call.outputs[0].dtype, [&](auto tag) { bytes = WholePlanes::workspace<decltype(tag)>(a, threads); });
    return bytes;
  }

  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto& a = attrs_of<PoolAttrs>(call);
      if (whole(a)) return WholePlanes::mean<T>(executor, a, call);
      const AvgPoolPlan<T> plan{static_cast<const T*>(call.inputs[0].data),
                                static_cast<T*>(call.outputs[0].data),
                                a.channels,
                                vertical(a),
                                horizontal(a),
                                a.countIncludePad};
      if (a.nhwc) {
        executor.rows(a.batch * a.output.h * a.output.w, a.channels, AvgPoolPixels<T>{plan});
      } else {
        average_planes(executor, a.batch * a.channels, plan);
      }
    });
  }

 private:
  static bool whole(const PoolAttrs& a) {
    const auto one = [](const Axis& axis) {
      return axis.output == 1 && axis.before == 0 && axis.after == 0 && axis.kernel == axis.input && axis.dilation == 1;
    };
    return one(vertical(a)) && one(horizontal(a));
  }
};

// The gradient of windows side by side; false where they are not.
template <class T, bool kNhwc, class X>
bool spread_tiles(X& executor, const OpCall& call, const Axis& y, const Axis& x) {
  if (!side_by_side(y) || !side_by_side(x)) return false;
  const auto& a = attrs_of<PoolAttrs>(call);
  if constexpr (kNhwc) {
    const View& out = call.outputs[0];
    const bool around = executor.writes_around(out.data, out.size * element_bytes(out.dtype));
    executor.rows(a.batch * y.input * x.input, a.channels,
                  AvgPoolTiles<T>{static_cast<const T*>(call.inputs[0].data), static_cast<T*>(out.data), a.channels, y,
                                  x, around && a.channels % kWidestPack == 0});
  } else {
    spread_rows(executor, planes_of_gradient<T>(executor, call, y, x, nullptr));
  }
  return true;
}

template <class X>
struct AvgPool2dGradOp : PoolBase {
  static constexpr const char* name = "avgPool2dGrad";
  static constexpr int minInputs = 1, maxInputs = 1, outputs = 1;

  static const char* check(const OpCall& call) { return check_windows(call, call.outputs[0], call.inputs[0]); }
  static std::int64_t workspace(const OpCall& call, int) {
    const auto& a = attrs_of<PoolAttrs>(call);
    const Axis y = vertical(a), x = horizontal(a);
    if (side_by_side(y) && side_by_side(x)) return 0;
    const std::int64_t bytes = call.inputs[0].size * element_bytes(call.inputs[0].dtype);
    return a.nhwc || average_gradient_shares<X>(y, x) ? bytes : 0;
  }

  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      if (attrs_of<PoolAttrs>(call).nhwc) {
        gradient<T, true>(executor, call);
      } else {
        gradient<T, false>(executor, call);
      }
    });
  }

 private:
  template <class T, bool kNhwc>
  static void gradient(X& executor, const OpCall& call) {
    const auto& a = attrs_of<PoolAttrs>(call);
    const Axis y = vertical(a), x = horizontal(a);
    if (spread_tiles<T, kNhwc>(executor, call, y, x)) return;
    if constexpr (kNhwc) {
      const AvgPoolShare<T, true> share{static_cast<const T*>(call.inputs[0].data),
                                        reinterpret_cast<T*>(executor.workspace()),
                                        a.channels,
                                        y,
                                        x,
                                        a.countIncludePad};
      share_and_gather(executor, share, a.batch, static_cast<T*>(call.outputs[0].data));
    } else {
      average_gradient(executor, planes_of_gradient<T>(executor, call, y, x, nullptr));
    }
  }
};

// Adaptive pooling reads batch, channels, height, width, output and nhwc; the window numbers must be valid and are not
// used.
template <class X, bool kGrad>
struct AdaptiveAvgPool2dOp : PoolBase {
  static constexpr const char* name = kGrad ? "adaptiveAvgPool2dGrad" : "adaptiveAvgPool2d";
  static constexpr int minInputs = 1, maxInputs = 1, outputs = 1;

  static const char* check(const OpCall& call) {
    const View& large = kGrad ? call.outputs[0] : call.inputs[0];
    const View& small = kGrad ? call.inputs[0] : call.outputs[0];
    const auto& a = attrs_of<PoolAttrs>(call);
    if (const char* wrong = check_sizes(call, large, small)) return wrong;
    return a.height > 0 && a.width > 0 && a.output.h > 0 && a.output.w > 0 ? nullptr : "a size is 0";
  }

  static std::int64_t workspace(const OpCall& call, int threads) {
    const auto& a = attrs_of<PoolAttrs>(call);
    if (kGrad || !whole(a)) return 0;
    std::int64_t bytes = 0;
    dispatch_float(call.outputs[0].dtype, [&](auto tag) { bytes = WholePlanes::workspace<decltype(tag)>(a, threads); });
    return bytes;
  }

  static Cost cost(const OpCall& call) {
    const auto& a = attrs_of<PoolAttrs>(call);
    const double taps = static_cast<double>(a.height * a.width) / static_cast<double>(a.output.h * a.output.w);
    return cost_of(call, taps < 1 ? 4 : 4 * taps);
  }

  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      if (attrs_of<PoolAttrs>(call).nhwc) {
        bodies<T, true>(executor, call);
      } else {
        bodies<T, false>(executor, call);
      }
    });
  }

 private:
  static bool whole(const PoolAttrs& a) { return a.output.h == 1 && a.output.w == 1; }

  static Axis tiling(const Axis& axis) {
    const std::int64_t size = axis.input / axis.output;
    return Axis{axis.input, axis.output, size, size, 0, 0, 1};
  }

  template <class T, bool kNhwc>
  static void bodies(X& executor, const OpCall& call) {
    const auto& a = attrs_of<PoolAttrs>(call);
    const Axis y = vertical(a), x = horizontal(a);
    const T* from = static_cast<const T*>(call.inputs[0].data);
    T* to = static_cast<T*>(call.outputs[0].data);
    const std::int64_t lines = a.batch * (kNhwc ? 1 : a.channels);
    const bool tiled = y.input % y.output == 0 && x.input % x.output == 0;
    if constexpr (kGrad) {
      if (tiled && spread_tiles<T, kNhwc>(executor, call, tiling(y), tiling(x))) return;
      executor.rows(lines * y.input * (kNhwc ? x.input : 1), kNhwc ? a.channels : x.input,
                    AdaptiveAvgPoolGrad<T, kNhwc>{from, to, a.channels, y, x});
    } else {
      if (whole(a)) return WholePlanes::mean<T>(executor, a, call);
      if (!kNhwc && tiled) {
        // Windows side by side: what is left of the formula is a plain window.
        return average_planes(executor, lines, AvgPoolPlan<T>{from, to, a.channels, tiling(y), tiling(x), false});
      }
      executor.rows(lines * y.output * (kNhwc ? x.output : 1), kNhwc ? a.channels : x.output,
                    AdaptiveAvgPool<T, kNhwc>{from, to, a.channels, y, x});
    }
  }
};

template <class X>
using PoolFamily = Family<X, MaxPool2dOp<X, false>, MaxPool2dOp<X, true>, MaxPool2dGradOp<X>, AvgPool2dOp<X>,
                          AvgPool2dGradOp<X>, AdaptiveAvgPool2dOp<X, false>, AdaptiveAvgPool2dOp<X, true>>;

}  // namespace receptive::RECEPTIVE_TARGET
