// The gradient by input of a convolution with strides (NCHW, or volumes), without the zeros that a stride spreads its
// gradient with. Input pixels whose index leaves the same remainder by the stride form a phase: the same taps reach all
// of them, the next pixel of a phase reads the next output, and so a phase is a convolution of stride 1 over those
// taps.
//
// The taps, too, fall into classes by their remainder, each the taps of one phase: together the packed weights of all
// classes take what those of a convolution of stride 1 take, and depend on stride and dilation alone. The phases of a
// row of pixels are computed together, panel by panel, and woven into that row from a buffer that stays in the caches.
// In a volume, each plane is computed like that, by one sum over the taps along z that reach it.
#pragma once

#include "../ops/tap_class.h"
#include "conv_operands.h"
#include "weave.h"

namespace receptive::RECEPTIVE_TARGET {

// Element (k, j) with k = (filter, r, s) over one class of taps, j = channel.
template <class T>
struct ClassWeights {
  const T* base;
  std::int64_t group_stride, filter_stride, channel_stride, row_length;
  TapClass y, x;

  void pack(std::int64_t group, std::int64_t k0, std::int64_t kc, std::int64_t j0, int count, int width, T* dst) const {
    const std::int64_t taps = y.count * x.count;
    std::int64_t filter = k0 / taps, r = k0 % taps / x.count, s = k0 % x.count;
    const T* from = base + group * group_stride + j0 * channel_stride;
    for (std::int64_t k = 0; k < kc; ++k, dst += width) {
      const T* at = from + filter * filter_stride + (y.first + r * y.step) * row_length + x.first + s * x.step;
      for (int j = 0; j < count; ++j) dst[j] = at[j * channel_stride];
      for (int j = count; j < width; ++j) dst[j] = T{0};
      if (++s < x.count) continue;
      s = 0;
      if (++r == y.count) r = 0, ++filter;
    }
  }
};

template <class T, class X>
class PhasedInput {
 public:
  RECEPTIVE_FN static bool fits(const ConvShape& s) {
    return !s.nhwc && few_phases(s.z.stride, s.y.stride, s.x.stride) && s.z.stride * s.y.stride * s.x.stride > 1;
  }
  static std::int64_t workspace(const ConvShape& s, int threads) {
    return threads * worker_elements(s) * static_cast<std::int64_t>(sizeof(T));
  }

  // `weights`: all of them in packed form.
  PhasedInput(const X& executor, const ConvShape& shape, const T* weight, const T* gradient, T* output,
              PackedRows<T> weights)
      : executor_(executor),
        shape_(shape),
        weight_(weight),
        gradient_(shape_.output(gradient)),
        output_(output),
        packed_(weights.data),
        ready_(weights.ready),
        padded_(round_up(shape_.channels, kTileRows)),
        columns_(ceil_div(shape_.x.input, shape_.x.stride)) {
    const double flops = 2.0 * static_cast<double>(shape_.images * shape_.groups * shape_.out_channel_stride) *
                         static_cast<double>(shape_.filters * shape_.deep_products());
    parallel_ = flops > 1e6;
  }

  void run() const {
    if (shape_.images * shape_.groups * shape_.channels * shape_.in_pixels == 0) return;
    if (!ready_) pack_weights();
    const std::int64_t planes = shape_.z.input, phases = min_of(shape_.y.stride, shape_.y.input);
    const std::int64_t panels = panels_of(ceil_div(shape_.y.input, shape_.y.stride) * columns_);
    const std::int64_t tasks = shape_.images * shape_.groups * planes * phases * panels;
    // Channels are divided so that their sums stay in the caches, and further where tasks are few. No bit depends on
    // it.
    const std::int64_t wanted = executor_.threads() > 1 ? ceil_div(3 * executor_.threads(), tasks) : 1;
    const std::int64_t even = round_up(ceil_div(shape_.channels, wanted), kTileRows);
    const std::int64_t part_rows = min_of(part_limit(shape_), max_of(even, min_of(4 * kTileRows, padded_)));
    const std::int64_t parts = ceil_div(shape_.channels, part_rows);
    executor_.for_each(tasks * parts, parallel_, [&](std::int64_t task, int worker) {
      const std::int64_t begin = task % parts * part_rows;
      const std::int64_t index = task / parts / panels, plane = index / phases;
      panel(plane / planes, plane % planes, index % phases, task / parts % panels, begin,
            min_of(part_rows, shape_.channels - begin), worker);
    });
  }

 private:
  static constexpr int N = kLanes<T>;

  // Rows of sums at a time: about half of a second cache for all the phases of a row.
  RECEPTIVE_FN static std::int64_t part_limit(const ConvShape& s) {
    return min_of(round_up(s.channels, kTileRows), max_of(kTileRows, 1024 / s.x.stride / kTileRows * kTileRows));
  }
  RECEPTIVE_FN static std::int64_t worker_elements(const ConvShape& s) {
    return GemmPlan<T>::panel(GemmBlocks<T>::kSteps) + s.x.stride * part_limit(s) * kTileColumns<T> + 2 * N;
  }
  RECEPTIVE_FN static std::int64_t panels_of(std::int64_t pixels) {
    return ceil_div(ceil_div(pixels, N), kTileVectors);
  }

  RECEPTIVE_FN T* packed_class(std::int64_t group, const TapClass& z, const TapClass& y, const TapClass& x) const {
    const std::int64_t taps = z.before * shape_.taps + z.count * (y.before * shape_.x.kernel + y.count * x.before);
    return packed_ + (group * shape_.deep_taps() + taps) * shape_.filters * padded_;
  }

  // The taps of a class along z one after the other, so that a sum can leave some of them out.
  void pack_weights() const {
    const std::int64_t in_plane = shape_.y.stride * shape_.x.stride, classes = shape_.z.stride * in_plane;
    executor_.for_each(shape_.groups * classes, parallel_, [&](std::int64_t task, int) {
      const std::int64_t group = task / classes, of = task % classes;
      const TapClass z(shape_.z, of / in_plane), y(shape_.y, of % in_plane / shape_.x.stride),
          x(shape_.x, of % shape_.x.stride);
      T* to = packed_class(group, z, y, x);
      const std::int64_t steps = shape_.filters * y.count * x.count;
      for (std::int64_t i = 0; i < z.count; ++i) {
        const ClassWeights<T> source{weight_ + (z.first + i * z.step) * shape_.taps,
                                     shape_.filters * shape_.deep_products(),
                                     shape_.deep_products(),
                                     shape_.deep_taps(),
                                     shape_.x.kernel,
                                     y,
                                     x};
        for (std::int64_t k0 = 0; k0 < steps; k0 += GemmBlocks<T>::kSteps) {
          const std::int64_t kc = min_of(GemmBlocks<T>::kSteps, steps - k0);
          for (std::int64_t row = 0; row < shape_.channels; row += kTileRows, to += kc * kTileRows) {
            source.pack(group, k0, kc, row, static_cast<int>(min_of(kTileRows, shape_.channels - row)), kTileRows, to);
          }
        }
      }
    });
  }

  // Channels [begin, begin + rows) of one panel of the pixels in rows phase_y, phase_y + stride, … of an item's plane:
  // vectors of pixels are dealt evenly to the panels.
  void panel(std::int64_t item, std::int64_t plane, std::int64_t phase_y, std::int64_t panel, std::int64_t begin,
             std::int64_t rows, int worker) const {
    const std::int64_t lines = ceil_div(shape_.y.input - phase_y, shape_.y.stride);
    const std::int64_t vectors = ceil_div(lines * columns_, N), panels = panels_of(lines * columns_);
    if (panel >= panels) return;  // a phase with a row less than the first
    const std::int64_t from = vectors * panel / panels, to = vectors * (panel + 1) / panels;
    const int width = static_cast<int>(to - from) * N;
    const int count = static_cast<int>(min_of(width, lines * columns_ - from * N));
    T* buffer = reinterpret_cast<T*>(executor_.workspace()) + worker * worker_elements(shape_);
    T* sums = buffer + GemmPlan<T>::panel(GemmBlocks<T>::kSteps);
    const TapClass z(shape_.z, (plane + shape_.z.before) % shape_.z.stride);
    const TapClass y(shape_.y, (phase_y + shape_.y.before) % shape_.y.stride);
    for (std::int64_t phase_x = 0; phase_x < shape_.x.stride; ++phase_x) {
      const TapClass x(shape_.x, (phase_x + shape_.x.before) % shape_.x.stride);
      WindowOperand<T, true> windows{gradient_, y.axis(shape_.y, phase_y, lines), x.axis(shape_.x, phase_x, columns_)};
      const T* weights = packed_class(item % shape_.groups, z, y, x);
      const std::int64_t steps = shape_.filters * y.count * x.count;
      TileOut<T> out{sums + phase_x * rows * width, width, rows, width, false, nullptr, nullptr};
      for (std::int64_t i = 0; i < z.count; ++i, weights += steps * padded_) {
        const std::int64_t up = plane + shape_.z.before - (z.first + i * z.step) * shape_.z.dilation;
        if (up < 0 || up / shape_.z.stride >= shape_.z.output) continue;
        windows.planes.base = gradient_.base + up / shape_.z.stride * shape_.out_pixels;
        for (std::int64_t k0 = 0; k0 < steps; k0 += GemmBlocks<T>::kSteps) {
          const std::int64_t kc = min_of(GemmBlocks<T>::kSteps, steps - k0);
          windows.pack(item, k0, kc, from * N, count, width, buffer);
          multiply_panels<T>(kc, weights + k0 * padded_ + begin * kc, kc * kTileRows, buffer, width / N, out);
          out.add = true;
        }
      }
      if (!out.add) {
        for (std::int64_t i = 0; i < rows * width; i += N) Pack<T, N>(T{0}).write(out.c + i);
      }
    }
    const std::int64_t channel = item % shape_.groups * shape_.channels + begin;
    T* to_plane = output_ +
                  (item / shape_.groups * shape_.groups * shape_.channels + channel) * shape_.in_channel_stride +
                  plane * shape_.in_pixels;
    const Weave<T> weave{shape_.x.stride, rows * width, width, shape_.in_channel_stride};
    std::int64_t line = from * N / columns_, column = from * N % columns_;
    for (int at = 0; at < count; ++line, column = 0) {
      const int taken = static_cast<int>(min_of(columns_ - column, count - at));
      const std::int64_t x = column * shape_.x.stride;
      T* row = to_plane + (phase_y + line * shape_.y.stride) * shape_.x.input + x;
      weave.run(sums + at, rows, taken, min_of(taken * shape_.x.stride, shape_.x.input - x), row);
      at += taken;
    }
  }

  const X& executor_;
  ConvShape shape_;
  const T* weight_;
  Planes<T> gradient_;
  T* output_;
  T* packed_;
  bool ready_;
  std::int64_t padded_;   // channels
  std::int64_t columns_;  // of every phase of a row: where the last pixel is not inside, it is not written
  bool parallel_;
};

}  // namespace receptive::RECEPTIVE_TARGET
