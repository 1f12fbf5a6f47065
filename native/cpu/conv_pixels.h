// Forward and gradient by input for NHWC: the rows of the product are pixels of the result, its columns their channels,
// and a step broadcasts from the channels of the pixels that a tap reads, as they lie in memory. Nothing is packed but
// the weights; a table says where each pixel's taps are, with a line of zeros for padding.
//
// k = (r, s, channel) is summed in blocks of whole units, which depend on the weights' sizes alone: the channels under
// one tap (or some of them, where they are many), or, where they are few, those under a row of taps, which are
// neighbours in memory if the dilation is 1 and there is one group, and are copied otherwise.
//
// The gradient by input reads the gradient as the forward pass does its input, with the taps in reverse; strides cut
// its pixels into phases, each a convolution of stride 1 over the taps of one class (conv_phases.h).
#pragma once

#include "conv_phases.h"
#include "pixel_kernels.h"

namespace receptive::RECEPTIVE_TARGET {

// The steps of one class of taps, in blocks.
template <class T>
struct PixelSteps {
  static constexpr std::int64_t kMost = GemmBlocks<T>::kSteps;
  static constexpr std::int64_t kFew = 32;  // channels that are joined along a row of taps

  std::int64_t rows, columns, depth;  // taps, channels under each
  bool joined;                        // a unit is a row of taps; else a tap, or a part of one
  std::int64_t parts;                 // of a tap
  std::int64_t unit, units;
  std::int64_t together;  // units of a block
  std::int64_t blocks;

  // `whole`: all channels of a tap are a unit, and there is one block.
  RECEPTIVE_COLD PixelSteps(std::int64_t r, std::int64_t s, std::int64_t channels, bool whole)
      : rows(r), columns(s), depth(channels) {
    if (whole) {
      joined = false, parts = 1, unit = depth, units = together = rows * columns, blocks = 1;
      return;
    }
    joined = depth <= kFew && columns * depth <= kMost;
    parts = max_of(1, ceil_div(depth, kMost));
    unit = joined ? columns * depth : ceil_div(depth, parts);
    units = joined ? (columns > 0 ? rows : 0) : rows * columns * parts;
    const std::int64_t most = parts > 1 ? 1 : max_of(1, kMost / max_of(1, unit));
    together = ceil_div(units, max_of(1, ceil_div(units, most)));
    blocks = units == 0 ? 1 : ceil_div(units, together);
  }

  struct Block {
    std::int64_t first, runs, length;  // units, and steps of each
    std::int64_t before;               // steps of the blocks before it
    std::int64_t channel;              // the first, where a tap has parts
    RECEPTIVE_FN std::int64_t steps() const { return runs * length; }
  };
  RECEPTIVE_FN Block block(std::int64_t index) const {
    const std::int64_t first = index * together;
    const std::int64_t channel = first % parts * unit;
    return Block{first, min_of(together, units - first), min_of(unit, depth * (joined ? columns : 1) - channel),
                 first / parts * depth * (joined ? columns : 1) + channel, channel};
  }
  // Most units of a block of any class of `taps` taps.
  RECEPTIVE_FN static std::int64_t most_runs(std::int64_t taps, std::int64_t depth) {
    return max_of(1, min_of(taps, kMost / max_of(1, depth)));
  }
};

template <class T, class X>
class PixelProduct {
 public:
  static std::int64_t packed_bytes(const ConvAttrs& a, bool back) {
    const ConvShape s(a);
    const std::int64_t columns = back ? s.channels : s.filters, depth = back ? s.filters : s.channels;
    if (s.channelwise) return s.taps * s.groups * static_cast<std::int64_t>(sizeof(T));
    return s.groups * s.taps * depth * round_up(columns, N) * static_cast<std::int64_t>(sizeof(T));
  }
  RECEPTIVE_FN static bool fits(const ConvAttrs& a, bool back) { return a.nhwc && (!back || few_phases(a)); }

  static std::int64_t workspace(const ConvAttrs& a, bool back, int threads) {
    const ConvShape s(a);
    return threads * Buffers(s, back).bytes();
  }

  PixelProduct(const X& executor, const ConvAttrs& a, bool back, const T* source, const T* weight, const T* bias,
               T* output, PackedRows<T> packed)
      : executor_(executor),
        shape_(a),
        back_(back),
        stride_{back ? a.stride.h : 1, back ? a.stride.w : 1},
        source_(back ? shape_.output(source) : shape_.input(source)),
        result_(back ? shape_.input(static_cast<const T*>(output)) : shape_.output(static_cast<const T*>(output))),
        output_(output),
        weight_(weight),
        bias_(bias),
        clamp_(clamp_of<T>(a)),
        packed_(packed),
        buffers_(shape_, back),
        groups_(shape_.channelwise ? 1 : shape_.groups),
        depth_(shape_.channelwise ? shape_.groups
               : back             ? shape_.filters
                                  : shape_.channels),
        columns_(shape_.channelwise ? shape_.groups
                 : back             ? shape_.channels
                                    : shape_.filters),
        vectors_(ceil_div(columns_, N)),
        panels_(ceil_div(vectors_, shape_.channelwise ? kChannelVectors : kTileVectors)) {
    const double flops = 2.0 * static_cast<double>(shape_.images * shape_.groups * shape_.out_pixels) *
                         static_cast<double>(shape_.filters * shape_.products());
    parallel_ = flops > 1e6;
  }

  void run() const {
    const Phase largest = phase(0, 0);
    const std::int64_t items = shape_.images * groups_;
    if (items * columns_ * largest.pixels() == 0) return;
    if (!packed_.ready) pack_weights();
    const std::int64_t across = min_of(stride_.w, result_width()), phases = min_of(stride_.h, result_height()) * across;
    const std::int64_t blocks = ceil_div(largest.pixels(), kPixels);
    const std::int64_t tasks = items * phases * blocks;
    // Few tasks: the panels are divided too. No bit depends on it.
    const std::int64_t wanted = executor_.threads() > 1 ? ceil_div(3 * executor_.threads(), tasks) : 1;
    const std::int64_t parts = min_of(wanted, panels_);
    executor_.for_each(tasks * parts, parallel_, [&](std::int64_t index, int worker) {
      // The groups of the same pixels follow each other, for their channels share lines of memory.
      const std::int64_t part = index % parts, group = index / parts % groups_;
      const std::int64_t task = index / parts / groups_, of = task / blocks % phases;
      pixels(task / blocks / phases * shape_.groups + group, phase(of / across, of % across), task % blocks,
             panels_ * part / parts, panels_ * (part + 1) / parts, worker);
    });
  }

 private:
  static constexpr int N = kLanes<T>;
  static constexpr int kChannelVectors = 64;   // of a panel, channelwise
  static constexpr std::int64_t kPixels = 96;  // of a task; the table has room for a tile more

  // What a worker needs.
  struct Buffers {
    std::int64_t runs, copied;

    RECEPTIVE_FN Buffers(const ConvShape& s, bool back) {
      const std::int64_t depth = back ? s.filters : s.channels;
      if (s.channelwise) {
        runs = s.taps, copied = round_up(max_of(s.groups, PixelSteps<T>::kMost), N);
        return;
      }
      runs = PixelSteps<T>::most_runs(s.taps, depth);
      copied = PixelSteps<T>::kMost + (depth <= PixelSteps<T>::kFew ? kMostBand + N : 0);
    }
    RECEPTIVE_FN std::int64_t lines_bytes() const {
      return runs * kApart * static_cast<std::int64_t>(sizeof(const T*));
    }
    RECEPTIVE_FN std::int64_t bytes() const {
      return round_up(lines_bytes() + copied * static_cast<std::int64_t>(sizeof(T)), 64);
    }
  };
  static constexpr std::int64_t kApart = kPixels + 8;
  static constexpr std::int64_t kMostBand = kPixels * PixelSteps<T>::kMost;

  // Pixels of the result at distances of the strides, as the output of a forward convolution over some of the taps.
  struct Phase {
    Axis y, x;
    TapClass rows, columns;
    std::int64_t first_row, first_column;
    RECEPTIVE_FN std::int64_t pixels() const { return y.output * x.output; }
  };

  RECEPTIVE_FN std::int64_t result_height() const { return back_ ? shape_.y.input : shape_.y.output; }
  RECEPTIVE_FN std::int64_t result_width() const { return back_ ? shape_.x.input : shape_.x.output; }

  RECEPTIVE_FN TapClass taps(const Axis& axis, std::int64_t remainder) const {
    Axis whole = axis;
    if (!back_) whole.stride = 1;
    return TapClass(whole, remainder);
  }
  RECEPTIVE_FN Axis axis(const Axis& whole, const TapClass& taps, std::int64_t first) const {
    if (!back_) return whole;
    Axis reverse = taps.axis(whole, first, ceil_div(whole.input - first, whole.stride));
    const std::int64_t pixels = reverse.input;
    reverse.input = reverse.output;
    reverse.output = pixels;
    reverse.before = (reverse.kernel - 1) * reverse.dilation - reverse.before;
    return reverse;
  }
  RECEPTIVE_COLD Phase phase(std::int64_t row, std::int64_t column) const {
    const TapClass rows = taps(shape_.y, back_ ? (row + shape_.y.before) % shape_.y.stride : 0);
    const TapClass columns = taps(shape_.x, back_ ? (column + shape_.x.before) % shape_.x.stride : 0);
    return Phase{axis(shape_.y, rows, row), axis(shape_.x, columns, column), rows, columns, row, column};
  }

  struct Panel {
    std::int64_t first, vectors;
  };
  // Vectors of columns are dealt evenly to the panels.
  RECEPTIVE_FN Panel panel(std::int64_t index) const {
    const std::int64_t first = vectors_ * index / panels_;
    return Panel{first, vectors_ * (index + 1) / panels_ - first};
  }
  RECEPTIVE_FN T* packed_panel(std::int64_t group, const TapClass& y, const TapClass& x,
                               const typename PixelSteps<T>::Block& block, const Panel& panel) const {
    const std::int64_t taps = group * shape_.taps + y.before * shape_.x.kernel + y.count * x.before;
    if (shape_.channelwise) return packed_.data + taps * depth_ + panel.first * N;
    return packed_.data + (taps * depth_ + block.before) * vectors_ * N + panel.first * N * block.steps();
  }

  void pack_weights() const {
    const std::int64_t classes = stride_.h * stride_.w;
    executor_.for_each(groups_ * classes * panels_, parallel_, [&](std::int64_t task, int) {
      const std::int64_t group = task / panels_ / classes, of = task / panels_ % classes;
      const TapClass y = taps(shape_.y, of / stride_.w), x = taps(shape_.x, of % stride_.w);
      const PixelSteps<T> steps(y.count, x.count, depth_, shape_.channelwise);
      for (std::int64_t i = 0; i < steps.blocks && steps.units > 0; ++i) {
        const auto block = steps.block(i);
        const Panel columns = panel(task % panels_);
        if (shape_.channelwise) {
          pack_channels(y, x, columns, packed_panel(0, y, x, block, columns));
          continue;
        }
        pack_panel(group, y, x, steps, block, columns, packed_panel(group, y, x, block, columns));
      }
    });
  }

  void pack_panel(std::int64_t group, const TapClass& y, const TapClass& x, const PixelSteps<T>& steps,
                  const typename PixelSteps<T>::Block& block, const Panel& panel, T* to) const {
    const std::int64_t width = panel.vectors * N, count = min_of(width, columns_ - panel.first * N);
    const std::int64_t column_stride = back_ ? shape_.taps : shape_.products();
    const std::int64_t depth_stride = back_ ? shape_.products() : shape_.taps;
    const T* from = weight_ + group * shape_.filters * shape_.products() + panel.first * N * column_stride;
    std::int64_t c = block.channel, tap = steps.joined ? block.first * x.count : block.first / steps.parts;
    for (std::int64_t k = 0; k < block.steps(); ++k, to += width) {
      const T* at = from + c * depth_stride + tap_of(y, x, tap);
      for (std::int64_t j = 0; j < count; ++j) to[j] = at[j * column_stride];
      for (std::int64_t j = count; j < width; ++j) to[j] = T{0};
      if (++c == depth_) c = 0, ++tap;
    }
  }

  void pack_channels(const TapClass& y, const TapClass& x, const Panel& panel, T* to) const {
    const std::int64_t count = min_of(panel.vectors * N, columns_ - panel.first * N);
    for (std::int64_t tap = 0; tap < y.count * x.count; ++tap, to += depth_) {
      const T* from = weight_ + panel.first * N * shape_.taps + tap_of(y, x, tap);
      for (std::int64_t c = 0; c < count; ++c) to[c] = from[c * shape_.taps];
    }
  }

  // Where the weights have the tap number `tap` of a class.
  RECEPTIVE_FN std::int64_t tap_of(const TapClass& y, const TapClass& x, std::int64_t tap) const {
    const std::int64_t of = back_ ? y.count * x.count - 1 - tap : tap;
    return (y.first + of / x.count * y.step) * shape_.x.kernel + x.first + of % x.count * x.step;
  }

  // Where the taps of each pixel begin.
  struct Firsts {
    std::int64_t row[kPixels], column[kPixels];
    std::int64_t count;
  };

  // Panels [begin, end) of one block of a phase's pixels.
  void pixels(std::int64_t item, const Phase& phase, std::int64_t index, std::int64_t begin, std::int64_t end,
              int worker) const {
    const std::int64_t all = phase.pixels();
    const std::int64_t even = round_up(ceil_div(all, max_of(1, ceil_div(all, kPixels))), kTileRows);
    const std::int64_t first = index * even;
    if (first >= all) return;
    std::byte* memory = executor_.workspace() + worker * buffers_.bytes();
    auto** lines = reinterpret_cast<const T**>(memory);
    T* zeros = reinterpret_cast<T*>(memory + buffers_.lines_bytes());
    for (std::int64_t i = 0; i < max_of(shape_.channelwise ? depth_ : 0, PixelSteps<T>::kMost); ++i) zeros[i] = T{0};
    T* base = output_ + (result_.item(item) - result_.base);
    T* to[kApart];
    Firsts firsts;
    firsts.count = min_of(even, all - first);
    std::int64_t row = first / phase.x.output, column = first % phase.x.output;
    for (std::int64_t i = 0; i < firsts.count; ++i) {
      firsts.row[i] = phase.y.first(row);
      firsts.column[i] = phase.x.first(column);
      to[i] = base + ((phase.first_row + row * stride_.h) * result_width() + phase.first_column + column * stride_.w) *
                         result_.pixel_stride;
      if (++column == phase.x.output) column = 0, ++row;
    }
    for (std::int64_t i = firsts.count; i < firsts.count + 8; ++i) to[i] = to[0];
    const PixelSteps<T> steps(phase.rows.count, phase.columns.count, depth_, shape_.channelwise);
    T* rest = zeros + PixelSteps<T>::kMost;
    Source source{source_.item(item), source_.pixel_stride, phase.y.input, phase.x.input, 0, 0};
    if (steps.joined && source.pitch != depth_ && phase.x.dilation == 1) copy_band(phase, firsts, source, rest);
    for (std::int64_t b = 0; b < steps.blocks; ++b) {
      const auto block = steps.block(b);
      find_lines(source, phase, firsts, steps, block, lines, zeros, rest);
      const PixelRuns<T> runs{lines, kApart, block.runs, block.length};
      for (std::int64_t p = begin; p < end; ++p) {
        const Panel panel = this->panel(p);
        const T* weights = packed_panel(item % shape_.groups, phase.rows, phase.columns, block, panel);
        TileOut<T> out{};
        out.row_stride = result_.pixel_stride;
        out.rows = firsts.count;
        out.columns = static_cast<int>(min_of(panel.vectors * N, columns_ - panel.first * N));
        out.add = b > 0;
        if (bias_ != nullptr) out.column_bias = bias_ + item % shape_.groups * columns_ + panel.first * N;
        if (b + 1 == steps.blocks) out.clamp = clamp_;
        multiply(runs, weights, static_cast<int>(panel.vectors), to, panel.first * N, out);
      }
    }
  }

  // What the taps read: rows and columns from (row, column) on.
  struct Source {
    const T* base;
    std::int64_t pitch, height, width;
    std::int64_t row, column;
  };

  // The part of the source that the pixels' taps read, with its padding, so that the few channels of a group are
  // neighbours; where that is not more than there is room for.
  void copy_band(const Phase& phase, const Firsts& firsts, Source& source, T*& to) const {
    const std::int64_t end = firsts.count - 1;
    const bool whole = firsts.row[0] != firsts.row[end];
    const std::int64_t top = firsts.row[0], left = whole ? phase.x.first(0) : firsts.column[0];
    const std::int64_t right = whole ? phase.x.first(phase.x.output - 1) : firsts.column[end];
    const std::int64_t rows = firsts.row[end] - top + (phase.y.kernel - 1) * phase.y.dilation + 1;
    const std::int64_t columns = right - left + phase.x.kernel;
    if (rows > kMostBand || columns > kMostBand || rows * columns * depth_ > kMostBand) return;
    const Source from = source;
    source = Source{to, depth_, rows, columns, top, left};
    for (std::int64_t y = top; y < top + rows; ++y, to += columns * depth_) {
      copy_taps(from, y, left, columns, 1, to);
    }
  }

  // lines[run * kApart + i]: where pixel i reads the steps of a run. `to`: room for what has to be copied.
  void find_lines(const Source& source, const Phase& phase, const Firsts& firsts, const PixelSteps<T>& steps,
                  const typename PixelSteps<T>::Block& block, const T** lines, const T* zeros, T* to) const {
    const bool neighbours = steps.joined && phase.x.dilation == 1 && source.pitch == depth_;
    const std::int64_t reach = steps.joined ? (steps.columns - 1) * phase.x.dilation : 0;
    for (std::int64_t run = 0; run < block.runs; ++run, lines += kApart) {
      const std::int64_t tap = steps.joined ? (block.first + run) * steps.columns : (block.first + run) / steps.parts;
      const std::int64_t down = tap / steps.columns * phase.y.dilation - source.row;
      const std::int64_t right = tap % steps.columns * phase.x.dilation - source.column;
      for (std::int64_t i = 0; i < firsts.count; ++i) {
        const std::int64_t y = firsts.row[i] + down, x = firsts.column[i] + right;
        const bool above = y >= 0 && y < source.height, inside = x >= 0 && x + reach < source.width;
        const T* at = zeros;
        if (above && inside && (neighbours || !steps.joined)) {
          at = source.base + (y * source.width + x) * source.pitch + block.channel;
        } else if (above && steps.joined) {
          copy_taps(source, y, x, steps.columns, phase.x.dilation, to);
          at = to;
          to += block.length;
        }
        lines[i] = at;
      }
      for (std::int64_t i = firsts.count; i < firsts.count + 8; ++i) lines[i] = lines[0];
    }
  }

  // The channels of `count` pixels of row y from column x on, `step` columns apart, with zeros for padding. Whole
  // vectors, the excess of which is overwritten.
  __attribute__((noinline)) void copy_taps(const Source& source, std::int64_t y, std::int64_t x, std::int64_t count,
                                           std::int64_t step, T* to) const {
    const std::int64_t whole = depth_ / N * N;
    const memory::LaneRange<T, N> rest(0, static_cast<int>(depth_ - whole));
    const Pack<T, N> zeros(T{0});
    const bool inside = y >= 0 && y < source.height;
    for (std::int64_t s = 0; s < count; ++s, to += depth_, x += step) {
      if (inside && x >= 0 && x < source.width) {
        const T* from = source.base + (y * source.width + x) * source.pitch;
        for (std::int64_t c = 0; c < whole; c += N) Pack<T, N>::read(from + c).write(to + c);
        if (whole < depth_) rest.load(from + whole, zeros).write(to + whole);
      } else {
        for (std::int64_t c = 0; c < depth_; c += N) zeros.write(to + c);
      }
    }
  }

  RECEPTIVE_FN void multiply(const PixelRuns<T>& runs, const T* weights, int vectors, T* const* to, std::int64_t column,
                             TileOut<T> out) const {
    if (shape_.channelwise) {
      return tiles<4>(runs, to, column, out, [&](const PixelRuns<T>& of, T* const* rows, const TileOut<T>& tile) {
        channel_kernel<T, 4>(of, weights, depth_, rows, column, tile);
      });
    }
    // Few vectors: more rows, so that there are enough sums to hide latencies.
    constexpr int kTwo = kTileRows < 8 ? 6 : kTileRows;
    const auto with = [&](auto r, auto nv) RECEPTIVE_INLINE_LAMBDA {
      constexpr int R = decltype(r)::value, NV = decltype(nv)::value;
      tiles<R>(runs, to, column, out,
               [&](const PixelRuns<T>& of, T* const* rows, const TileOut<T>& tile)
                   RECEPTIVE_INLINE_LAMBDA { pixel_kernel<T, R, NV>(of, weights, rows, column, tile); });
    };
    using std::integral_constant;
    if (vectors == 1) return with(integral_constant<int, 8>{}, integral_constant<int, 1>{});
    if (vectors == 2) return with(integral_constant<int, kTwo>{}, integral_constant<int, 2>{});
    with(integral_constant<int, kTileRows>{}, integral_constant<int, 3>{});
  }

  template <int R, class Kernel>
  RECEPTIVE_FN void tiles(PixelRuns<T> runs, T* const* to, std::int64_t column, TileOut<T> out, Kernel kernel) const {
    for (std::int64_t left = out.rows; left > 0; left -= R, to += R, runs.lines += R) {
      out.rows = min_of(R, left);
      out.c = *to + column;
      kernel(runs, to, out);
      if (out.clamp.any) clamp_tile(out);
    }
  }

  const X& executor_;
  ConvShape shape_;
  bool back_;
  Pair stride_;  // of the result's pixels in a phase
  Planes<T> source_;
  Planes<T> result_;
  T* output_;
  const T* weight_;
  const T* bias_;
  Clamp<T> clamp_;
  PackedRows<T> packed_;
  Buffers buffers_;
  std::int64_t groups_;           // computed one by one
  std::int64_t depth_, columns_;  // of a group: what is summed over, and the result's channels
  std::int64_t vectors_, panels_;
  bool parallel_;
};

}  // namespace receptive::RECEPTIVE_TARGET
