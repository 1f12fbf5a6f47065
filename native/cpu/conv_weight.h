// The gradient by weight without a column buffer and without packed columns: a tile of it holds kRows taps (channel, r,
// s) against vectors of filters. A step is an output pixel: the gradients of the filters there are a vector, once they
// are transposed (NHWC: copied), and what a tap reads there is broadcast from its line of the image, so that the taps
// of a window share lines in the first cache.
//
// A task computes the taps of some channels against one panel of filters, pixels in blocks: it transposes the
// gradients of a block, copies the lines that the block reads with their padding (where there is none it reads the
// image; NHWC: always, some channels beside each other, so that they take few lines of the first cache), and adds the
// block's products to sums that stay in the second cache. At the end these are transposed into the result. Few tasks
// with long sums are cut into splits along the pixels, added in order.
//
// Of a volume, each plane of gradients is an image, and each plane that its windows read along z is a channel: a pair
// (channel, tap), (image, output plane).
//
// Exactness: an element is the sum over the blocks in order, each summed pixel by pixel; blocks and splits depend on
// the problem alone.
#pragma once

#include "../ops/conv_shape.h"
#include "line_products.h"
#include "transpose.h"

namespace receptive::RECEPTIVE_TARGET {

// Where the steps of a block read, relative to a tap: `runs` of `length` elements, `stride` apart in each.
struct TapRuns {
  const std::int64_t* starts;
  int runs;
  std::int64_t length;
  std::int64_t stride;
};

// Taps x filters of one block: rows[i] is the line of tap i, `gradients` holds NV vectors per step. `sums`: NV vectors
// per tap, of which the first `count` are written. Not kBroadcast: a line holds NV vectors per step as well.
template <class T, int R, int NV, bool kBroadcast = true>
__attribute__((noinline, noclone)) void tap_kernel(const T* const* rows, TapRuns runs, const T* gradients, T* sums,
                                                   int count, bool add) {
  constexpr int L = kLanes<T>;
  using P = Pack<T, L>;
  P acc[R][NV];
  const T* lines[R];
  clear_tile(acc);
#pragma GCC unroll 24
  for (int i = 0; i < R; ++i) lines[i] = rows[i];
  for (int run = 0; run < runs.runs; ++run) {
    gradients = add_products<T, R, NV, kBroadcast>(acc, lines, runs.starts[run], runs.length, runs.stride, gradients);
  }
#pragma GCC unroll 24
  for (int i = 0; i < R; ++i) {
    if (i >= count) return;
#pragma GCC unroll 3
    for (int v = 0; v < NV; ++v) {
      T* to = sums + (i * NV + v) * L;
      (add ? P::read(to) + acc[i][v] : acc[i][v]).write(to);
    }
  }
}

// What a problem's numbers make of the blocks.
template <class T>
struct WeightPlan {
  static constexpr std::int64_t kSteps = GemmBlocks<T>::kSteps;
  static constexpr int kBeside = kTileRows;
  static constexpr std::int64_t kTaps = 576;       // rows of sums of a task, where a channel has fewer
  static constexpr std::int64_t kMostTaps = 1024;  // of a channel
  static constexpr std::int64_t kCopied = (192 << 10) / static_cast<int>(sizeof(T));  // elements copied for a block
  static constexpr std::int64_t kSums = (128 << 10) / static_cast<int>(sizeof(T));    // elements of panels together

  std::int64_t images, rows, columns;  // of a block
  std::int64_t image_blocks, row_blocks, column_blocks;
  bool copies;                       // else no tap reads padding
  std::int64_t beside;               // channels that stay beside each other where they are copied
  std::int64_t in_rows, in_columns;  // read by a block in each image
  std::int64_t channels, parts;      // channels of a task, tasks that take all of them
  std::int64_t panels;
  std::int64_t together;  // panels of a task: they share the block's pixels, and what lies in one line of gradients
  std::int64_t splits;

  RECEPTIVE_COLD WeightPlan(const ConvShape& s, int threads) {
    column_blocks = max_of(1, ceil_div(s.x.output, kSteps));
    columns = ceil_div(s.x.output, column_blocks);
    row_blocks = max_of(1, ceil_div(s.y.output, max_of(1, kSteps / max_of(1, columns))));
    rows = ceil_div(s.y.output, row_blocks);
    const bool whole = column_blocks == 1 && row_blocks == 1;
    images = whole ? max_of(1, min_of(s.images, kSteps / max_of(1, s.out_pixels))) : 1;
    image_blocks = ceil_div(s.images, images);
    copies = reads_padding(s.y) || reads_padding(s.x) || (s.nhwc && s.taps > 1) || s.channelwise || s.volume;
    beside = !s.nhwc ? 1 : s.channelwise ? kTileColumns<T> : copies ? kBeside : s.channels;
    in_rows = (rows - 1) * s.y.stride + (s.y.kernel - 1) * s.y.dilation + 1;
    in_columns = (columns - 1) * s.x.stride + (s.x.kernel - 1) * s.x.dilation + 1;
    std::int64_t most = max_of(1, kTaps / s.taps);
    if (copies) most = max_of(1, min_of(most, kCopied / max_of(1, copied())));
    parts = max_of(1, ceil_div(s.channels, most));
    channels = ceil_div(s.channels, parts);
    panels = ceil_div(ceil_div(s.filters, kLanes<T>), kTileVectors);
    splits = max_of(1, min_of(min_of(16, blocks() / 8), 32 / max_of(1, s.groups * panels * parts)));
    together = 1;
    if (s.nhwc && !s.channelwise) {  // what no bit depends on
      together = max_of(1, kSums / max_of(1, sum_elements(s)));
      if (threads > 1) together = min_of(together, ceil_div(s.groups * splits * parts * panels, 3 * threads));
      together = max_of(1, min_of(together, panels));
    }
  }

  // Whether a channel's lines, padding included, are few enough to copy.
  RECEPTIVE_FN bool fits(const ConvShape& s) const {
    return s.taps <= kMostTaps && (!copies || copied() * (s.channelwise ? beside : 1) <= kCopied);
  }

  RECEPTIVE_FN std::int64_t blocks() const { return image_blocks * row_blocks * column_blocks; }
  RECEPTIVE_FN std::int64_t copied() const {  // of one channel
    constexpr std::int64_t kFar = std::int64_t{1} << 20;
    return in_rows > kFar || in_columns > kFar ? kFar : images * in_rows * in_columns;
  }
  RECEPTIVE_FN static std::int64_t gradient_elements() { return kSteps * kTileColumns<T>; }
  RECEPTIVE_FN std::int64_t sum_elements(const ConvShape& s) const { return channels * s.taps * kTileColumns<T>; }
  RECEPTIVE_FN std::int64_t worker_elements(const ConvShape& s) const {
    return gradient_elements() + together * sum_elements(s) +
           round_up(copies ? round_up(channels, beside) * copied() + kLanes<T> : 0, 16);
  }
  RECEPTIVE_FN std::int64_t partial_elements(const ConvShape& s) const {
    return splits > 1 ? splits * s.groups * s.filters * s.products() : 0;
  }

 private:
  RECEPTIVE_FN static bool reads_padding(const Axis& a) {
    return a.before > 0 || (a.output - 1) * a.stride + (a.kernel - 1) * a.dilation >= a.input;
  }
};

// A volume's planes as images and channels of their own.
RECEPTIVE_COLD inline ConvShape in_planes(ConvShape s) {
  s.channels *= s.z.kernel;
  s.images *= s.z.output;
  return s;
}

template <class T>
RECEPTIVE_FN bool fits_tap_rows(const ConvShape& shape) {
  const ConvShape s = in_planes(shape);
  return s.images > 0 && WeightPlan<T>(s, 1).fits(s);
}

// What the next block reads, fetched a few lines at a time between the products of this one: `rows` rows of `lines`
// cache lines.
template <class T>
struct Ahead {
  static constexpr int L = 64 / static_cast<int>(sizeof(T));
  const T* from;
  std::int64_t stride, lines, rows;
  std::int64_t row = 0, line = 0;

  RECEPTIVE_FN void fetch(std::int64_t count) {
    for (; count > 0 && row < rows; --count) {
      __builtin_prefetch(from + row * stride + line * L, 0, 2);
      if (++line == lines) line = 0, ++row;
    }
  }
};

template <class T, class X>
class WeightGradient {
 public:
  static std::int64_t workspace(const ConvShape& shape, int threads) {
    const ConvShape s = shape_of(shape);
    const WeightPlan<T> plan(s, threads);
    return (threads * plan.worker_elements(s) + plan.partial_elements(s)) * static_cast<std::int64_t>(sizeof(T));
  }

  WeightGradient(const X& executor, const ConvShape& s, const T* input, const T* gradient, T* output)
      : executor_(executor),
        turned_(turns(s)),
        shape_(shape_of(s)),
        plan_(shape_, executor.threads()),
        input_(turned_ ? s.output(gradient) : s.input(input)),
        gradient_(turned_ ? s.input(input) : s.output(gradient)),
        output_(output) {
    workspace_ = reinterpret_cast<T*>(executor.workspace());
    partial_ = workspace_ + executor.threads() * plan_.worker_elements(shape_);
  }

  void run() const {
    const double flops = 2.0 * static_cast<double>(shape_.images * shape_.groups * shape_.out_pixels) *
                         static_cast<double>(shape_.filters * shape_.products());
    const std::int64_t all = shape_.groups * shape_.filters * shape_.products();
    if (all == 0) return;
    const std::int64_t across = ceil_div(plan_.panels, plan_.together);
    executor_.for_each(shape_.groups * plan_.splits * plan_.parts * across, flops > 1e6,
                       [&](std::int64_t index, int worker) {
                         const std::int64_t part = index / across, begin = index % across * plan_.together;
                         task(part / plan_.parts / plan_.splits, part / plan_.parts % plan_.splits, part % plan_.parts,
                              begin, min_of(plan_.panels, begin + plan_.together), worker);
                       });
    if (plan_.splits > 1) executor_.rows(1, all, AddSplits{partial_, output_, plan_.splits, all});
  }

 private:
  static constexpr int N = kLanes<T>;

  // Where each pixel is read once, images and gradients may change places: the sums are then the result's own rows,
  // and the images are transposed.
  RECEPTIVE_FN static bool turns(const ConvShape& s) { return s.is_pointwise() && (!s.nhwc || s.filters < s.channels); }
  RECEPTIVE_COLD static ConvShape shape_of(const ConvShape& of) {
    ConvShape s = of;
    if (turns(of)) s.channels = of.filters, s.filters = of.channels;
    if (s.channelwise) s.filters = s.groups, s.groups = 1;
    return in_planes(s);
  }

  struct Block {
    std::int64_t image, row, column;  // the first
    std::int64_t images, rows, columns;
    RECEPTIVE_FN std::int64_t pixels() const { return rows * columns; }  // of an image: neighbours in memory
  };
  RECEPTIVE_FN Block block(std::int64_t index) const {
    const std::int64_t line = index / plan_.column_blocks;
    const std::int64_t image = line / plan_.row_blocks * plan_.images;
    const std::int64_t row = line % plan_.row_blocks * plan_.rows;
    const std::int64_t column = index % plan_.column_blocks * plan_.columns;
    return Block{image,
                 row,
                 column,
                 min_of(plan_.images, shape_.images - image),
                 min_of(plan_.rows, shape_.y.output - row),
                 min_of(plan_.columns, shape_.x.output - column)};
  }

  struct Filters {
    std::int64_t first;
    int count, vectors;
  };
  // Vectors of filters are dealt evenly to the panels.
  RECEPTIVE_FN Filters filters_of(std::int64_t panel) const {
    const std::int64_t vectors = ceil_div(shape_.filters, N);
    const std::int64_t begin = vectors * panel / plan_.panels, end = vectors * (panel + 1) / plan_.panels;
    return Filters{begin * N, static_cast<int>(min_of(end * N, shape_.filters) - begin * N),
                   static_cast<int>(end - begin)};
  }

  // Panels [begin, end) of filters.
  void task(std::int64_t group, std::int64_t split, std::int64_t part, std::int64_t begin, std::int64_t end,
            int worker) const {
    const std::int64_t channel = part * plan_.channels;
    const std::int64_t channels = min_of(plan_.channels, shape_.channels - channel);
    if (channels <= 0) return;
    T* gradients = workspace_ + worker * plan_.worker_elements(shape_);
    T* sums = gradients + WeightPlan<T>::gradient_elements();
    T* lines = sums + plan_.together * plan_.sum_elements(shape_);
    const std::int64_t first = plan_.blocks() * split / plan_.splits;
    const std::int64_t last = plan_.blocks() * (split + 1) / plan_.splits;
    for (std::int64_t i = first; i < last; ++i) {
      const Block b = block(i);
      const T* from = nullptr;
      const std::int64_t width = shape_.channelwise ? filters_of(begin).vectors * N : plan_.beside;  // copied together
      const std::int64_t pixel = plan_.copies ? width : input_.pixel_stride;
      Pitch pitch{shape_.in_pixels, input_.image_stride, shape_.x.input * pixel, pixel};
      if (plan_.copies) {
        const std::int64_t row = plan_.in_columns * pixel;
        pitch = {plan_.copied() * pixel, plan_.in_rows * row, row, pixel};
        if (shape_.nhwc) {
          const Filters filters = filters_of(begin);
          from = plane(group, channel, b.image);
          if (shape_.channelwise) from += filters.first;
          copy_pixels(from, shape_.channelwise ? filters.count : channels, width, b, lines);
        } else {
          copy_lines(group, channel, channels, b, lines);
        }
        from = lines;
      } else {
        from = plane(group, channel, b.image) +
               (b.row * shape_.y.stride * shape_.x.input + b.column * shape_.x.stride) * pixel;
      }
      for (std::int64_t panel = begin; panel < end; ++panel) {
        const Filters filters = filters_of(panel);
        turn_gradients(group, filters, b, gradients);
        Ahead<T> ahead{nullptr, 0, 0, 0};
        if (panel + 1 < end) {
          ahead = ahead_of(group, filters_of(panel + 1), b);
        } else if (i + 1 < last) {
          ahead = ahead_of(group, filters_of(begin), block(i + 1));
        }
        multiply(from, pitch, channels, b, filters, gradients, sums + (panel - begin) * plan_.sum_elements(shape_),
                 i > first, ahead);
      }
    }
    T* to = plan_.splits > 1 ? partial_ + split * shape_.groups * shape_.filters * shape_.products() : output_;
    to += group * shape_.filters * shape_.products() + channel * (turned_ ? shape_.filters : shape_.taps);
    for (std::int64_t panel = begin; panel < end; ++panel, sums += plan_.sum_elements(shape_)) {
      store_sums(sums, filters_of(panel), channels * shape_.taps, to);
    }
  }

  // The gradients of a block that is still to come.
  RECEPTIVE_FN Ahead<T> ahead_of(std::int64_t group, const Filters& filters, const Block& b) const {
    const T* from = gradients_of(group, filters, b);
    if (shape_.nhwc) return {from, gradient_.pixel_stride, filters.count / Ahead<T>::L + 1, b.pixels()};
    return {from, gradient_.channel_stride, b.pixels() / Ahead<T>::L + 1, filters.count};
  }

  // to[b * to_stride + a] = from[a * from_stride + b] for a < rows, b < columns; `together` columns at a time.
  RECEPTIVE_FN static void turn(const T* from, std::int64_t from_stride, T* to, std::int64_t to_stride,
                                std::int64_t rows, std::int64_t columns, std::int64_t together) {
    const Transpose<T> t{from, to, from_stride, to_stride};
    if (rows < kTurn<T> || columns < kTurn<T>) return t.thin_block(0, rows, 0, columns);
    for (std::int64_t b = 0; b < columns; b += together) {
      const std::int64_t begin = max_of(0, min_of(b, columns - together));
      t.template block<false>(0, rows, begin, min_of(columns, begin + together));
    }
  }

  // The sums of a task to where they belong: a few rows of the result at a time, which are then written in long runs
  // (writing line after line of all of them took four times as long).
  void store_sums(const T* sums, const Filters& filters, std::int64_t rows, T* to) const {
    const std::int64_t width = filters.vectors * N, products = shape_.products();
    if (!turned_) return turn(sums, width, to + filters.first * products, products, rows, filters.count, kTurn<T>);
    for (std::int64_t i = 0; i < rows; ++i, sums += width) {
      T* row = to + i * shape_.filters + filters.first;
      int j = 0;
      for (; j + N <= filters.count; j += N) Pack<T, N>::read(sums + j).write(row + j);
      if (j < filters.count) Lanes<N, false>{filters.count - j}.store(row + j, Pack<T, N>::read(sums + j));
    }
  }

  // What a channel's taps read of an image; of a volume a plane of it, null where that is padding.
  RECEPTIVE_FN const T* plane(std::int64_t group, std::int64_t channel, std::int64_t image) const {
    const T* base = input_.base + group * input_.group_stride;
    if (!shape_.volume) return base + image * input_.image_stride + channel * input_.channel_stride;
    const Axis& z = shape_.z;
    const std::int64_t depth = z.first(image % z.output) + channel % z.kernel * z.dilation;
    if (depth < 0 || depth >= z.input) return nullptr;
    return base + image / z.output * input_.image_stride + channel / z.kernel * input_.channel_stride +
           depth * shape_.in_pixels;
  }
  // Elements before the gradients of an image.
  RECEPTIVE_FN std::int64_t image_offset(std::int64_t image) const {
    if (!shape_.volume) return image * gradient_.image_stride;
    return image / shape_.z.output * gradient_.image_stride + image % shape_.z.output * shape_.out_pixels;
  }

  RECEPTIVE_FN const T* gradients_of(std::int64_t group, const Filters& filters, const Block& b) const {
    return gradient_.base + image_offset(b.image) + group * gradient_.group_stride +
           filters.first * gradient_.channel_stride + (b.row * shape_.x.output + b.column) * gradient_.pixel_stride;
  }
  void turn_gradients(std::int64_t group, const Filters& filters, const Block& b, T* to) const {
    const int width = filters.vectors * N;
    const T* const first = gradients_of(group, filters, b);
    const std::int64_t before = image_offset(b.image);
    for (std::int64_t i = 0; i < b.images; ++i, to += b.pixels() * width) {
      const T* from = first + image_offset(b.image + i) - before;
      if (shape_.nhwc) {
        pack_rows(from, gradient_.pixel_stride, b.pixels(), filters.count, width, to);
        continue;
      }
      turn(from, gradient_.channel_stride, to, width, filters.count, b.pixels(), max_of(kTurn<T>, b.pixels()));
      for (std::int64_t k = 0; k < b.pixels() && filters.count < width; ++k) {
        for (int j = filters.count; j < width; ++j) to[k * width + j] = T{0};
      }
    }
  }

  // The lines that a block reads, with zeros for padding: whole vectors, the excess of which the next line overwrites.
  void copy_lines(std::int64_t group, std::int64_t channel, std::int64_t channels, const Block& b, T* to) const {
    constexpr Lanes<N, true> p{};
    const std::int64_t fresh = plan_.rows * shape_.y.stride;  // lines that the next block reads and this one does not
    const std::int64_t top = shape_.y.first(b.row), left = shape_.x.first(b.column);
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t image = 0; image < plan_.images; ++image) {
        const T* from = image < b.images ? plane(group, channel + c, b.image + image) : nullptr;
        for (std::int64_t row = 0; row < plan_.in_rows; ++row, to += plan_.in_columns) {
          const bool inside = from != nullptr && top + row >= 0 && top + row < shape_.y.input;
          const T* line = inside ? from + (top + row) * shape_.x.input : nullptr;
          for (std::int64_t x = 0; x < plan_.in_columns; x += N) {
            if (inside && row >= plan_.in_rows - fresh) __builtin_prefetch(line + x + fresh * shape_.x.input, 0, 2);
            (inside ? p.load_range(line, left + x, shape_.x.input, T{0}) : Pack<T, N>(T{0})).write(to + x);
          }
        }
      }
    }
  }

  // The same for NHWC: `beside` channels of a pixel stay together, those of the next one follow. Behind a last few
  // channels lies what follows them in the image; no sum that is kept reads it.
  void copy_pixels(const T* pixels, std::int64_t channels, std::int64_t beside, const Block& b, T* to) const {
    constexpr int V = WeightPlan<T>::kBeside < N ? WeightPlan<T>::kBeside : N;
    const std::int64_t pitch = input_.pixel_stride, all = plan_.in_columns;
    const std::int64_t top = shape_.y.first(b.row), left = shape_.x.first(b.column);
    const std::int64_t begin = min_of(all, max_of(0, -left)), end = max_of(begin, min_of(all, shape_.x.input - left));
    const T* last = input_.base + shape_.images * input_.image_stride - beside;  // where so many can be read
    const auto zeros = [](T* from, const T* until) RECEPTIVE_INLINE_LAMBDA {
      for (; from < until; from += V) Pack<T, V>(T{0}).write(from);
    };
    for (std::int64_t c = 0; c < channels; c += beside) {
      for (std::int64_t image = 0; image < plan_.images; ++image) {
        const T* from = pixels + image * input_.image_stride + c;
        for (std::int64_t row = 0; row < plan_.in_rows; ++row) {
          T* const next = to + all * beside;
          if (image < b.images && top + row >= 0 && top + row < shape_.y.input) {
            const T* at = from + ((top + row) * shape_.x.input + left + begin) * pitch;
            T* const high = to + end * beside;
            zeros(to, to + begin * beside);
            for (to += begin * beside; to < high; to += beside, at += pitch) {
              if (at > last) {
                for (std::int64_t i = 0; i < channels - c; ++i) to[i] = at[i];
                continue;
              }
              for (std::int64_t i = 0; i < beside; i += V) Pack<T, V>::read(at + i).write(to + i);
            }
          }
          zeros(to, next);
          to = next;
        }
      }
    }
  }

  // Elements between neighbours where a block is read; `channel`: between as many channels as are beside each other.
  struct Pitch {
    std::int64_t channel, image, row, column;
  };
  void multiply(const T* from, const Pitch& pitch, std::int64_t channels, const Block& b, const Filters& filters,
                const T* gradients, T* sums, bool add, Ahead<T>& ahead) const {
    std::int64_t starts[WeightPlan<T>::kSteps];
    TapRuns runs{starts, 0, b.columns, shape_.x.stride * pitch.column};
    for (std::int64_t image = 0; image < b.images; ++image) {
      for (std::int64_t row = 0; row < b.rows; ++row) {
        starts[runs.runs++] = image * pitch.image + row * shape_.y.stride * pitch.row;
      }
    }
    constexpr int kFew = kTileRows < 8 ? 2 * kTileRows : kTileRows;  // of one vector: enough sums to hide latencies
    const int vectors = filters.vectors;
    const int together = vectors == 1 ? kFew : kTileRows;
    const auto kernel = shape_.channelwise ? vectors == 1   ? tap_kernel<T, kFew, 1, false>
                                             : vectors == 2 ? tap_kernel<T, kTileRows, 2, false>
                                                            : tap_kernel<T, kTileRows, 3, false>
                        : vectors == 1 ? tap_kernel<T, kFew, 1>
                        : vectors == 2     ? tap_kernel<T, kTileRows, 2>
                                           : tap_kernel<T, kTileRows, 3>;
    const std::int64_t taps = channels * shape_.taps;
    const std::int64_t fetched = ahead.rows * ahead.lines / ceil_div(taps, together) + 1;
    const std::int64_t step = pitch.channel - plan_.beside;  // behind the last channel of those beside each other
    std::int64_t c = 0, r = 0, s = 0;
    for (std::int64_t tap = 0; tap < taps; tap += together) {
      const int count = static_cast<int>(min_of(together, taps - tap));
      const T* rows[kFew];
      for (int i = 0; i < together; ++i) {
        if (i >= count) {  // computed and not written
          rows[i] = rows[0];
          continue;
        }
        rows[i] = from + r * shape_.y.dilation * pitch.row + s * shape_.x.dilation * pitch.column;
        if (++s < shape_.x.kernel) continue;
        s = 0;
        if (++r < shape_.y.kernel) continue;
        r = 0, ++from;
        if (++c == plan_.beside) c = 0, from += step;
      }
      ahead.fetch(fetched);
      kernel(rows, runs, gradients, sums + tap * vectors * N, count, add);
    }
  }

  struct AddSplits {
    using Element = T;
    static constexpr bool kOverlap = true;
    const T* partial;
    T* to;
    std::int64_t splits, apart;

    struct Row {};
    RECEPTIVE_FN Row row(std::int64_t) const { return {}; }
    template <class P>
    RECEPTIVE_FN void tile(const Row&, std::int64_t begin, P p) const {
      auto sum = p.load(partial + begin);
      for (std::int64_t s = 1; s < splits; ++s) sum += p.load(partial + s * apart + begin);
      p.store(to + begin, sum);
    }
  };

  const X& executor_;
  bool turned_;
  ConvShape shape_;
  WeightPlan<T> plan_;
  Planes<T> input_;
  Planes<T> gradient_;
  T* output_;
  T* workspace_;
  T* partial_;
};

}  // namespace receptive::RECEPTIVE_TARGET
