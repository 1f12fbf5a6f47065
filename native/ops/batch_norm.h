// Batch normalisation (Ioffe & Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal
// Covariate Shift", ICML 2015) of x seen as [outer, channels, inner]; m = outer * inner elements of a channel.
//   batchNormStatistics      mean and variance of each channel, divided by m; NaN where m = 0
//   batchNormUpdate          running <- (1 - momentum) running + momentum batch; the variance times `correction`
//   batchNorm                y = (x - mean) weight / sqrt(variance + epsilon) + bias
//   batchNormGradParameters  weight: s sum g (x - mean), bias: sum g, where s = inverseStd
//   batchNormGradInput       training: s weight (g - sum g / m - (x - mean) s (weight's gradient) / m); else s weight g
// The mean is subtracted first, not folded into the bias: a channel that is constant gives exactly its bias.
#pragma once

#include "partial_sums.h"
#include "pointwise.h"

namespace receptive::RECEPTIVE_TARGET {

struct ChannelAttrs {
  std::int64_t outer;
  std::int64_t channels;
  std::int64_t inner;
};

struct BatchNormAttrs {
  std::int64_t outer;
  std::int64_t channels;
  std::int64_t inner;
  double epsilon;
  bool weight;
  bool bias;
};

struct BatchNormGradAttrs {
  std::int64_t outer;
  std::int64_t channels;
  std::int64_t inner;
  bool training;
  bool weight;
};

struct BatchNormUpdateAttrs {
  double momentum;
  double correction;
};

template <class A>
RECEPTIVE_HOST_FN const char* check_channel_view(const OpCall& call) {
  const auto& a = attrs_of<A>(call);
  const View& x = call.inputs[0];
  if (!is_float(x.dtype)) return "only float32 and float64";
  return product_is(x.size, a.outer, a.channels, a.inner) ? nullptr : "outer * channels * inner is not the size";
}

// Two outputs of one number per channel.
RECEPTIVE_FN const char* check_channel_outputs(const OpCall& call, std::int64_t channels) {
  for (int i = 0; i < 2; ++i) {
    if (call.outputs[i].dtype != call.inputs[0].dtype) return "dtypes differ";
    if (call.outputs[i].size != channels) return "an output has not one element per channel";
  }
  return nullptr;
}

template <class A>
std::int64_t sums_workspace(const OpCall& call) {
  const auto view = ChannelView::of(attrs_of<A>(call));
  Rooms rooms(nullptr);
  dispatch_float(call.inputs[0].dtype, [&](auto tag) { ChannelSums<decltype(tag)>(view, rooms); });
  return rooms.bytes();
}

template <class T>
struct MomentsResult {
  const T* shift;
  T* mean;
  T* variance;
  double count;

  template <class V, class P>
  RECEPTIVE_FN void store(P lanes, std::int64_t channel, V sum, V product) const {
    const V offset = sum / count;
    const V v = (product - sum * offset) / count;
    lanes.store(mean + channel, convert<T>(convert<double>(lanes.load(shift + channel)) + offset));
    lanes.store(variance + channel, convert<T>(select(v < V(0.0), 0.0, v)));
  }
};

template <class X>
struct BatchNormStatistics {
  using Attrs = ChannelAttrs;
  static constexpr const char* name = "batchNormStatistics";
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(ChannelAttrs, outer), RECEPTIVE_INTEGER(ChannelAttrs, channels),
                                     RECEPTIVE_INTEGER(ChannelAttrs, inner)};
  static constexpr int minInputs = 1, maxInputs = 1, outputs = 2;

  static const char* check(const OpCall& call) {
    const char* wrong = check_channel_view<Attrs>(call);
    return wrong != nullptr ? wrong : check_channel_outputs(call, attrs_of<Attrs>(call).channels);
  }
  static Cost cost(const OpCall& call) { return cost_of_passes(call, 5, 1); }
  static std::int64_t workspace(const OpCall& call, int) { return sums_workspace<Attrs>(call); }
  static void run(X& executor, const OpCall& call) {
    const auto view = ChannelView::of(attrs_of<Attrs>(call));
    dispatch_float(call.inputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const T* const x = input_of<T>(call, 0);
      Rooms rooms(executor.workspace());
      const ChannelSums<T> sums(view, rooms);
      executor.rows(1, view.channels, ChannelSample<T>{x, sums.p, sums.q, view});
      const MomentsResult<T> result{sums.p, static_cast<T*>(call.outputs[0].data),
                                    static_cast<T*>(call.outputs[1].data), static_cast<double>(view.count())};
      sums.run(executor, x, x, true, result);
    });
  }
};

template <class T>
struct UpdateBody {
  using Element = T;
  static constexpr bool kOverlap = false;
  const T* batch[2];
  T* running[2];
  T keep;
  T share[2];

  struct Row {
    const T* batch;
    T* running;
    T share;
  };
  // Not indexed by i, which would put the arrays into a GPU's memory.
  RECEPTIVE_FN Row row(std::int64_t i) const {
    return i == 0 ? Row{batch[0], running[0], share[0]} : Row{batch[1], running[1], share[1]};
  }
  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t at, P p) const {
    p.store(row.running + at, p.load(row.running + at) * keep + p.load(row.batch + at) * row.share);
  }
};

// (mean, variance) -> runningMean, runningVar in place
template <class X>
struct BatchNormUpdate {
  using Attrs = BatchNormUpdateAttrs;
  static constexpr const char* name = "batchNormUpdate";
  static constexpr Field fields[] = {RECEPTIVE_REAL(BatchNormUpdateAttrs, momentum),
                                     RECEPTIVE_REAL(BatchNormUpdateAttrs, correction)};
  static constexpr int minInputs = 2, maxInputs = 2, outputs = 2;

  static const char* check(const OpCall& call) {
    const View* const views[] = {&call.inputs[0], &call.inputs[1], &call.outputs[0], &call.outputs[1]};
    const std::int64_t bytes = views[0]->size * element_bytes(views[0]->dtype);
    if (!is_float(views[0]->dtype)) return "only float32 and float64";
    for (int i = 1; i < 4; ++i) {
      if (views[i]->dtype != views[0]->dtype) return "dtypes differ";
      if (views[i]->size != views[0]->size) return "sizes differ";
      for (int j = 0; j < i; ++j) {
        if (i >= 2 && bytes_overlap(views[i]->data, bytes, views[j]->data, bytes)) return "what is updated overlaps";
      }
    }
    return nullptr;
  }
  static Cost cost(const OpCall& call) { return cost_of_passes(call, 6, 6); }
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<Attrs>(call);
    dispatch_float(call.inputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      executor.rows(2, call.inputs[0].size,
                    UpdateBody<T>{{input_of<T>(call, 0), input_of<T>(call, 1)},
                                  {static_cast<T*>(call.outputs[0].data), static_cast<T*>(call.outputs[1].data)},
                                  static_cast<T>(1 - a.momentum),
                                  {static_cast<T>(a.momentum), static_cast<T>(a.momentum * a.correction)}});
    });
  }
};

// The numbers per channel of batchNorm: mean, weight / sqrt(variance + epsilon), bias.
template <class T>
struct BatchNormNumbers {
  using Element = T;
  static constexpr bool kOverlap = true;
  const T* variance;
  const T* weight;  // null: 1
  const T* bias;    // null: 0
  const T* mean;
  T* numbers[3];
  T epsilon;

  RECEPTIVE_FN char row(std::int64_t) const { return 0; }
  template <class P>
  RECEPTIVE_FN void tile(char, std::int64_t at, P p) const {
    using V = Pack<T, P::count>;
    p.store(numbers[0] + at, p.load(mean + at));
    p.store(numbers[1] + at,
            (weight == nullptr ? V(T(1)) : p.load(weight + at)) / sqrt(p.load(variance + at) + epsilon));
    p.store(numbers[2] + at, bias == nullptr ? V(T(0)) : p.load(bias + at));
  }
};

template <int kNumbers>
std::int64_t numbers_workspace(const OpCall& call, const ChannelView& view) {
  return kNumbers * (ChannelRows(view).width * element_bytes(call.inputs[0].dtype) + 64);
}

// (x, mean, variance, weight?, bias?) -> like x
template <class X>
struct BatchNorm {
  using Attrs = BatchNormAttrs;
  static constexpr const char* name = "batchNorm";
  static constexpr Field fields[] = {
      RECEPTIVE_INTEGER(BatchNormAttrs, outer), RECEPTIVE_INTEGER(BatchNormAttrs, channels),
      RECEPTIVE_INTEGER(BatchNormAttrs, inner), RECEPTIVE_REAL(BatchNormAttrs, epsilon),
      RECEPTIVE_FLAG(BatchNormAttrs, weight),   RECEPTIVE_FLAG(BatchNormAttrs, bias)};
  static constexpr int minInputs = 3, maxInputs = 5, outputs = 1;

  static const char* check(const OpCall& call) {
    const auto& a = attrs_of<Attrs>(call);
    const char* wrong = check_channel_view<Attrs>(call);
    if (wrong == nullptr) wrong = check_alike(call.inputs[0], call.outputs[0]);
    if (wrong == nullptr && call.inputCount != 3 + a.weight + a.bias) wrong = "other inputs than the flags say";
    return wrong != nullptr ? wrong : check_channels(call, 1, call.inputCount, a.channels);
  }
  static Cost cost(const OpCall& call) { return cost_of_passes(call, 3, 2); }
  static std::int64_t workspace(const OpCall& call, int) {
    return numbers_workspace<3>(call, ChannelView::of(attrs_of<Attrs>(call)));
  }
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<Attrs>(call);
    const auto view = ChannelView::of(a);
    const ChannelRows rows(view);
    dispatch_float(call.inputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      Rooms rooms(executor.workspace());
      T* const numbers[] = {rooms.take<T>(rows.width), rooms.take<T>(rows.width), rooms.take<T>(rows.width)};
      executor.rows(1, view.channels,
                    BatchNormNumbers<T>{input_of<T>(call, 2),
                                        a.weight ? input_of<T>(call, 3) : nullptr,
                                        a.bias ? input_of<T>(call, 3 + a.weight) : nullptr,
                                        input_of<T>(call, 1),
                                        {numbers[0], numbers[1], numbers[2]},
                                        static_cast<T>(a.epsilon)});
      for (T* each : numbers) rows.spread_out(executor, each, view.channels);
      map_channels<T, 1>(executor, view, rows, {input_of<T>(call, 0)}, {numbers[0], numbers[1], numbers[2]},
                         static_cast<T*>(call.outputs[0].data));
    });
  }
};

template <class T>
struct ParametersResult {
  const T* inverse_std;
  T* weight;
  T* bias;
  bool empty;  // the channels, whose inverseStd is NaN

  template <class V, class P>
  RECEPTIVE_FN void store(P lanes, std::int64_t channel, V sum, V product) const {
    const V factor = empty ? V(0.0) : convert<double>(lanes.load(inverse_std + channel));
    lanes.store(weight + channel, convert<T>(product * factor));
    lanes.store(bias + channel, convert<T>(sum));
  }
};

// (g, x, mean, inverseStd) -> weight's and bias' gradient
template <class X>
struct BatchNormGradParameters {
  using Attrs = ChannelAttrs;
  static constexpr const char* name = "batchNormGradParameters";
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(ChannelAttrs, outer), RECEPTIVE_INTEGER(ChannelAttrs, channels),
                                     RECEPTIVE_INTEGER(ChannelAttrs, inner)};
  static constexpr int minInputs = 4, maxInputs = 4, outputs = 2;

  static const char* check(const OpCall& call) {
    const auto& a = attrs_of<Attrs>(call);
    const char* wrong = check_channel_view<Attrs>(call);
    if (wrong == nullptr) wrong = check_alike(call.inputs[0], call.inputs[1]);
    if (wrong == nullptr) wrong = check_channels(call, 2, 4, a.channels);
    return wrong != nullptr ? wrong : check_channel_outputs(call, a.channels);
  }
  static Cost cost(const OpCall& call) { return cost_of_passes(call, 5, 2); }
  static std::int64_t workspace(const OpCall& call, int) { return sums_workspace<Attrs>(call); }
  static void run(X& executor, const OpCall& call) {
    const auto view = ChannelView::of(attrs_of<Attrs>(call));
    dispatch_float(call.inputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      Rooms rooms(executor.workspace());
      const ChannelSums<T> sums(view, rooms);
      executor.rows(1, view.channels, RepeatNumbers<T>{input_of<T>(call, 2), sums.q, view.channels});
      const ParametersResult<T> result{input_of<T>(call, 3), static_cast<T*>(call.outputs[0].data),
                                       static_cast<T*>(call.outputs[1].data), view.count() == 0};
      sums.run(executor, input_of<T>(call, 0), input_of<T>(call, 1), false, result);
    });
  }
};

// Of batchNormGradInput: g's offset, its factor, x's offset and factor. Not training: 0, the factor, 0 (added).
template <class T>
struct GradInputNumbers {
  using Element = T;
  static constexpr bool kOverlap = true;
  const T* mean;
  const T* inverse_std;
  const T* weight_gradient;
  const T* bias_gradient;
  const T* weight;  // null: 1
  T* numbers[4];
  T count;
  bool training;

  RECEPTIVE_FN char row(std::int64_t) const { return 0; }
  template <class P>
  RECEPTIVE_FN void tile(char, std::int64_t at, P p) const {
    using V = Pack<T, P::count>;
    const V inverse = p.load(inverse_std + at);
    const V factor = weight == nullptr ? inverse : inverse * p.load(weight + at);
    p.store(numbers[1] + at, factor);
    if (training) {
      p.store(numbers[0] + at, p.load(bias_gradient + at) / count);
      p.store(numbers[2] + at, p.load(mean + at));
      p.store(numbers[3] + at, factor * inverse * (p.load(weight_gradient + at) / count));
    } else {
      p.store(numbers[0] + at, V(T(0)));
      p.store(numbers[2] + at, V(T(0)));
    }
  }
};

// training: (g, x, mean, inverseStd, weightGradient, biasGradient, weight?) -> like g; else (g, inverseStd, weight?)
template <class X>
struct BatchNormGradInput {
  using Attrs = BatchNormGradAttrs;
  static constexpr const char* name = "batchNormGradInput";
  static constexpr Field fields[] = {
      RECEPTIVE_INTEGER(BatchNormGradAttrs, outer), RECEPTIVE_INTEGER(BatchNormGradAttrs, channels),
      RECEPTIVE_INTEGER(BatchNormGradAttrs, inner), RECEPTIVE_FLAG(BatchNormGradAttrs, training),
      RECEPTIVE_FLAG(BatchNormGradAttrs, weight)};
  static constexpr int minInputs = 2, maxInputs = 7, outputs = 1;

  static const char* check(const OpCall& call) {
    const auto& a = attrs_of<Attrs>(call);
    const char* wrong = check_channel_view<Attrs>(call);
    if (wrong == nullptr) wrong = check_alike(call.inputs[0], call.outputs[0]);
    if (wrong == nullptr && call.inputCount != (a.training ? 6 : 2) + a.weight)
      wrong = "other inputs than the flags say";
    if (wrong == nullptr && a.training) wrong = check_alike(call.inputs[0], call.inputs[1]);
    return wrong != nullptr ? wrong : check_channels(call, a.training ? 2 : 1, call.inputCount, a.channels);
  }
  static Cost cost(const OpCall& call) {
    const bool training = attrs_of<Attrs>(call).training;
    return cost_of_passes(call, training ? 5 : 1, training ? 3 : 2);
  }
  static std::int64_t workspace(const OpCall& call, int) {
    return numbers_workspace<4>(call, ChannelView::of(attrs_of<Attrs>(call)));
  }
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<Attrs>(call);
    const auto view = ChannelView::of(a);
    const ChannelRows rows(view);
    dispatch_float(call.inputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      Rooms rooms(executor.workspace());
      GradInputNumbers<T> body{};
      for (T*& each : body.numbers) each = rooms.take<T>(rows.width);
      body.count = static_cast<T>(view.count());
      body.training = a.training;
      body.inverse_std = input_of<T>(call, a.training ? 3 : 1);
      if (a.weight) body.weight = input_of<T>(call, call.inputCount - 1);
      if (a.training) {
        body.mean = input_of<T>(call, 2);
        body.weight_gradient = input_of<T>(call, 4);
        body.bias_gradient = input_of<T>(call, 5);
      }
      executor.rows(1, view.channels, body);
      for (int i = 0; i < (a.training ? 4 : 3); ++i) rows.spread_out(executor, body.numbers[i], view.channels);
      auto* const out = static_cast<T*>(call.outputs[0].data);
      const auto& [n0, n1, n2, n3] = body.numbers;
      if (a.training) {
        map_channels<T, 2>(executor, view, rows, {input_of<T>(call, 0), input_of<T>(call, 1)}, {n0, n1, n2, n3}, out);
      } else {
        map_channels<T, 1>(executor, view, rows, {input_of<T>(call, 0)}, {n0, n1, n2}, out);
      }
    });
  }
};

template <class X>
using BatchNormFamily = Family<X, BatchNormStatistics<X>, BatchNormUpdate<X>, BatchNorm<X>, BatchNormGradParameters<X>,
                               BatchNormGradInput<X>>;

}  // namespace receptive::RECEPTIVE_TARGET
