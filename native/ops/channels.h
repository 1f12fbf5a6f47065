// What has one number per channel: a tensor seen as [outer, channels, inner], that is [N, C, pixels] in NCHW and
// [N * pixels, C, 1] where the channels come last.
#pragma once

#include "executor.h"
#include "extent.h"

namespace receptive::RECEPTIVE_TARGET {

struct ChannelView {
  std::int64_t outer;
  std::int64_t channels;
  std::int64_t inner;

  RECEPTIVE_FN std::int64_t count() const { return outer * inner; }  // of elements of a channel
  RECEPTIVE_FN std::int64_t size() const { return outer * channels * inner; }

  // One channel is one line, whatever the layout.
  template <class Attrs>
  RECEPTIVE_HOST_FN static ChannelView of(const Attrs& a) {
    if (a.channels == 1) return {1, 1, a.outer * a.inner};
    return {a.outer, a.channels, a.inner};
  }
};

// `flops` for each element of the first input, and so many passes over as much memory as it has.
RECEPTIVE_FN Cost cost_of_passes(const OpCall& call, double flops, int passes) {
  const auto size = static_cast<double>(call.inputs[0].size);
  return {flops * size, size * static_cast<double>(element_bytes(call.inputs[0].dtype)) * passes};
}

template <class T>
RECEPTIVE_FN const T* input_of(const OpCall& call, int i) {
  return static_cast<const T*>(call.inputs[i].data);
}

// Null, or which of the operands [first, last) of a call has other than one number per channel.
RECEPTIVE_FN const char* check_channels(const OpCall& call, int first, int last, std::int64_t channels) {
  for (int i = first; i < last; ++i) {
    if (call.inputs[i].dtype != call.inputs[0].dtype) return "dtypes differ";
    if (call.inputs[i].size != channels) return "an operand has not one element per channel";
  }
  return nullptr;
}

// Pieces of the workspace, one behind the other, each on lines of its own.
class Rooms {
 public:
  explicit Rooms(std::byte* base) : base_(base) {}

  template <class T>
  T* take(std::int64_t count) {
    T* const room = reinterpret_cast<T*>(base_ + bytes_);
    bytes_ += (count * static_cast<std::int64_t>(sizeof(T)) + 63) / 64 * 64;
    return room;
  }
  std::int64_t bytes() const { return bytes_; }

 private:
  std::byte* base_;
  std::int64_t bytes_ = 0;
};

// The numbers of the channels again and again: row i of `to`.
template <class T>
struct RepeatNumbers {
  using Element = T;
  static constexpr bool kOverlap = true;
  const T* numbers;
  T* to;
  std::int64_t channels;

  RECEPTIVE_FN T* row(std::int64_t i) const { return to + i * channels; }
  template <class P>
  RECEPTIVE_FN void tile(T* row, std::int64_t at, P p) const {
    p.store(row + at, p.load(numbers + at));
  }
};

// Numbers per channel as rows of pixels take them: where channels come last and are few, `repeat` pixels make a row, so
// that a row is worth its overhead and, where a small multiple does it, begins with a line of the cache.
struct ChannelRows {
  std::int64_t repeat;
  std::int64_t width;  // of a row; of the numbers per channel too

  RECEPTIVE_HOST_FN explicit ChannelRows(const ChannelView& v) : repeat(1), width(v.channels) {
    constexpr std::int64_t kEnough = 256, kMost = 1024, kLine = 64;
    if (v.inner != 1 || v.channels <= 0 || v.channels >= kEnough) return;
    std::int64_t step = 1;
    while (step < kLine && step * v.channels % kLine != 0) step *= 2;
    repeat = step * v.channels <= kMost ? step : 1;
    while (repeat * v.channels < kEnough) repeat *= 2;
    if (repeat > v.outer) repeat = v.outer > 0 ? v.outer : 1;
    width = repeat * v.channels;
  }

  // Fills numbers[channels, width) from numbers[0, channels).
  template <class X, class T>
  RECEPTIVE_HOST_FN void spread_out(X& executor, T* numbers, std::int64_t channels) const {
    executor.rows(repeat - 1, channels, RepeatNumbers<T>{numbers, numbers + channels, channels});
  }
};

// out = (x0 - n0) n1 + n2, or with two inputs (x0 - n0) n1 - (x1 - n2) n3; n0 … are numbers of the channel.
template <class T, int kInputs, bool kPixels>
struct ChannelMap {
  using Element = T;
  static constexpr bool kOverlap = true;
  static constexpr int kNumbers = kInputs + 2;
  const T* x[kInputs];
  T* out;
  const T* numbers[kNumbers];
  ChannelView view;
  std::int64_t width;
  bool around;

  struct Row {
    std::int64_t at;
    T n[kPixels ? 1 : kNumbers];
  };

  // NCHW: planes of channels, whose rows are planes of pixels.
  RECEPTIVE_FN std::int64_t plane(std::int64_t i) const { return i * view.channels; }
  RECEPTIVE_FN Row row(std::int64_t first, std::int64_t channel) const {
    Row r;
    r.at = (first + channel) * view.inner;
    for (int i = 0; i < kNumbers; ++i) r.n[i] = numbers[i][channel];
    return r;
  }
  // NHWC: rows of pixels.
  RECEPTIVE_FN Row row(std::int64_t i) const { return {i * width, {}}; }

  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t begin, P p) const {
    using V = Pack<T, P::count>;
    V n[kNumbers];
#pragma GCC unroll 4
    for (int i = 0; i < kNumbers; ++i) {
      if constexpr (kPixels) {
        n[i] = p.load(numbers[i] + begin);
      } else {
        n[i] = V(row.n[i]);
      }
    }
    const std::int64_t at = row.at + begin;
    const V first = (p.load(x[0] + at) - n[0]) * n[1];
    if constexpr (kInputs == 1) {
      p.store(out + at, first + n[2], around);
    } else {
      p.store(out + at, first - (p.load(x[1] + at) - n[2]) * n[3], around);
    }
  }
};

// Runs ChannelMap over a tensor; `numbers` have rows.width elements each.
template <class T, int kInputs, class X>
void map_channels(X& executor, const ChannelView& view, const ChannelRows& rows, const T* const (&x)[kInputs],
                  const T* const (&numbers)[kInputs + 2], T* out) {
  const std::int64_t row = view.inner == 1 ? rows.width : view.inner;
  const bool around = row % kLanes<T> == 0 && executor.writes_around(out, view.size() * std::int64_t{sizeof(T)});
  const auto fill = [&](auto body) {
    for (int i = 0; i < kInputs; ++i) body.x[i] = x[i];
    for (int i = 0; i < kInputs + 2; ++i) body.numbers[i] = numbers[i];
    body.out = out, body.view = view, body.width = rows.width, body.around = around;
    return body;
  };
  if (view.inner != 1) {
    executor.planes(view.outer, view.channels, view.inner, fill(ChannelMap<T, kInputs, false>{}));
    return;
  }
  auto body = fill(ChannelMap<T, kInputs, true>{});
  const std::int64_t whole = view.outer / rows.repeat;
  executor.rows(whole, rows.width, body);
  const std::int64_t done = whole * rows.width;
  for (int i = 0; i < kInputs; ++i) body.x[i] += done;
  body.out += done;
  body.around = false;
  executor.rows(1, view.size() - done, body);
}

}  // namespace receptive::RECEPTIVE_TARGET
