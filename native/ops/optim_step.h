// What the optimisers' steps share. A step reads a gradient and updates a parameter and the state that goes with it,
// all in place and in one pass. It is plain data S with
//     using Attrs = …; name, fields                 // as every op
//     static constexpr int outputs;                 // the parameter, then its state
//     static constexpr double flops;                // per element
//     template <class T> static auto body(const OpCall&, const Attrs&);   // for rows()
#pragma once

#include "executor.h"
#include "extent.h"

namespace receptive::RECEPTIVE_TARGET {

// Outputs are written in place; a tensor is either the gradient itself or shares no memory with it.
RECEPTIVE_HOST_FN const char* check_in_place(const OpCall& call) {
  const View& gradient = call.inputs[0];
  const std::int64_t bytes = gradient.size * element_bytes(gradient.dtype);
  if (!is_float(gradient.dtype)) return "only float32 and float64";
  for (int i = 0; i < call.outputCount; ++i) {
    const View& out = call.outputs[i];
    if (out.dtype != gradient.dtype) return "dtypes differ";
    if (out.size != gradient.size) return "sizes differ";
    const bool itself = i == 0 && out.data == gradient.data;
    if (!itself && bytes_overlap(out.data, bytes, gradient.data, bytes)) return "the gradient overlaps what is updated";
    for (int j = 0; j < i; ++j) {
      if (bytes_overlap(out.data, bytes, call.outputs[j].data, bytes)) return "the outputs overlap";
    }
  }
  return nullptr;
}

template <class T>
RECEPTIVE_FN T* output_of(const OpCall& call, int index) {
  return static_cast<T*>(call.outputs[index].data);
}

template <class T>
RECEPTIVE_FN const T* gradient_of(const OpCall& call) {
  return static_cast<const T*>(call.inputs[0].data);
}

// a + weight (b - a) from the nearer end, as PyTorch's lerp.
template <class T, int N>
RECEPTIVE_FN Pack<T, N> lerp(Pack<T, N> a, Pack<T, N> b, T weight) {
  if (weight < T(0.5)) return a + (b - a) * weight;
  return b - (b - a) * (T(1) - weight);
}

// Out of line, since steps of several names share a body.
template <class X, class Body>
__attribute__((noinline)) void run_step(X& executor, std::int64_t size, const Body& body) {
  executor.rows(1, size, body);
}

// What depends on no step, so that there is one copy of it.
struct InPlace {
  static constexpr int minInputs = 1, maxInputs = 1;
  static const char* check(const OpCall& call) { return check_in_place(call); }
};

// (gradient) -> parameter, state in place
template <class X, class S>
struct OptimStep : S, InPlace {
  static Cost cost(const OpCall& call) {
    const auto size = static_cast<double>(call.outputs[0].size);
    return {S::flops * size, (1 + 2 * S::outputs) * size * static_cast<double>(element_bytes(call.outputs[0].dtype))};
  }
  static void run(X& executor, const OpCall& call) {
    dispatch_float(call.outputs[0].dtype, [&](auto tag) {
      const auto body = S::template body<decltype(tag)>(call, attrs_of<typename S::Attrs>(call));
      run_step(executor, call.outputs[0].size, body);
    });
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
