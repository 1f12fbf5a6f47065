// oneHot (labels int32) -> [size, classes]: `on` at each row's label, `off` elsewhere, converted to the output's dtype
// as a cast does. A label outside [0, classes) is a fault at its position; its row is NaN, or `off` where the dtype has
// no NaN.
#pragma once

#include "executor.h"
#include "extent.h"
#include "number.h"
#include "unit_row.h"

namespace receptive::RECEPTIVE_TARGET {

struct OneHotAttrs {
  std::int64_t classes;
  double on;
  double off;
};

template <class T>
struct OneHotBody {
  using Element = T;
  static constexpr bool kOverlap = true;
  struct Row {
    T* out;
    std::int64_t label;
    T off;
  };
  FaultLog faults;
  const std::int32_t* labels;
  T* out;
  std::int64_t classes;
  T on;
  T off;

  RECEPTIVE_FN Row row(std::int64_t i) const {
    const std::int32_t label = labels[i];
    if (label >= 0 && label < classes) return {out + i * classes, label, off};
    faults.report(i, label, classes);
    return {out + i * classes, -1, kIsFloat<T> ? static_cast<T>(__builtin_nan("")) : off};
  }
  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t at, P p) const {
    p.store(row.out + at, unit_lanes(p, at, row.label, on, row.off));
  }
};

template <class X>
struct OneHot {
  using Attrs = OneHotAttrs;
  static constexpr const char* name = "oneHot";
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(OneHotAttrs, classes), RECEPTIVE_REAL(OneHotAttrs, on),
                                     RECEPTIVE_REAL(OneHotAttrs, off)};
  static constexpr int minInputs = 1, maxInputs = 1, outputs = 1;

  static const char* check(const OpCall& call) {
    const auto& a = attrs_of<OneHotAttrs>(call);
    if (call.inputs[0].dtype != DType::int32) return "labels are int32";
    if (a.classes <= 0) return "there are no classes";
    return product_is(call.outputs[0].size, call.inputs[0].size, a.classes) ? nullptr
                                                                            : "the output is not [size, classes]";
  }
  static Cost cost(const OpCall& call) {
    const auto size = static_cast<double>(call.outputs[0].size);
    return {size, size * static_cast<double>(element_bytes(call.outputs[0].dtype))};
  }
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<OneHotAttrs>(call);
    const View& labels = call.inputs[0];
    const View& out = call.outputs[0];
    const bool boolean = out.dtype == DType::boolean;
    const double on = boolean ? (a.on != 0 ? 1 : 0) : a.on;
    const double off = boolean ? (a.off != 0 ? 1 : 0) : a.off;
    dispatch_number(out.dtype, [&](auto tag) {
      using T = decltype(tag);
      executor.rows(labels.size, a.classes,
                    OneHotBody<T>{executor.faults(), static_cast<const std::int32_t*>(labels.data),
                                  static_cast<T*>(out.data), a.classes, element<T>(on), element<T>(off)});
    });
  }
};

template <class X>
using OneHotFamily = Family<X, OneHot<X>>;

}  // namespace receptive::RECEPTIVE_TARGET
