// A band: some lines of a few planes, copied to where sums over windows read them without a look at any border. Padding
// is zeros. The columns of a line are divided by their remainder by the stride into segments, so that neighbouring
// outputs read neighbours at every tap. A band is cut so that it stays in the first cache while all sums over it are
// formed, unless one output's window is larger than that.
#pragma once

#include "../ops/window.h"

namespace receptive::RECEPTIVE_TARGET {

// One axis of a band: output o + i reads at line (or column) i * step + offset, offset < span.
struct BandAxis {
  std::int64_t source;   // rows (columns) of the planes
  std::int64_t outputs;  // in all
  std::int64_t step;
  std::int64_t origin;  // the row (column) that output 0 reads at offset 0
  std::int64_t span;
  std::int64_t taps;
  std::int64_t dilation;  // of those taps

  // Windows over the source, as the forward pass has them.
  RECEPTIVE_FN static BandAxis forward(const Axis& a) {
    return {a.input, a.output, a.stride, -a.before, (a.kernel - 1) * a.dilation + 1, a.kernel, a.dilation};
  }
};

template <class T>
class PlaneBand {
 public:
  static constexpr int N = kLanes<T>;

  RECEPTIVE_FN PlaneBand(std::int64_t planes, const BandAxis& vertical, const BandAxis& horizontal)
      : planes_(planes), y_(vertical), x_(horizontal) {
    while (period_ < x_.taps && period_ * x_.dilation % x_.step != 0) ++period_;
    residue_ = x_.dilation % x_.step;
    width_ = even_part(x_.outputs, kMostColumns, N);
    measure();
    while (bytes(1) > kLimit && width_ > N) width_ = round_to_lanes(width_ / 2), measure();
    // Neighbouring bands share lines: a few outputs more than a window is high, or it would mostly copy.
    height_ = max_of(kLeastRows, y_.span - 1);
    while (height_ > 1 && bytes(height_) > kLimit) height_ = ceil_div(height_, 2);
    const std::int64_t lines = kBytes / (planes_ * pitch_ * static_cast<std::int64_t>(sizeof(T)) + 1);
    height_ = even_part(y_.outputs, max_of(height_, (lines - y_.span) / y_.step + 1), 1);
    parts_y_ = ceil_div(y_.outputs, height_), parts_x_ = ceil_div(x_.outputs, width_);
  }

  RECEPTIVE_FN std::int64_t height() const { return height_; }  // outputs of a band
  RECEPTIVE_FN std::int64_t width() const { return width_; }
  RECEPTIVE_FN std::int64_t parts_y() const { return parts_y_; }
  RECEPTIVE_FN std::int64_t parts_x() const { return parts_x_; }
  RECEPTIVE_FN std::int64_t row_step() const { return y_.step * pitch_; }
  RECEPTIVE_FN std::int64_t plane() const { return lines(height_) * pitch_; }
  // Reading a vector at any output of a band, at any tap, stays inside.
  RECEPTIVE_FN std::int64_t elements() const { return planes_ * plane() + 2 * N; }

  RECEPTIVE_FN std::int64_t segments() const { return period_ < x_.taps ? period_ : x_.taps; }
  // The place of a line and column of a plane, seen from output 0.
  RECEPTIVE_FN std::int32_t offset(std::int64_t plane, std::int64_t line, std::int64_t column) const {
    return static_cast<std::int32_t>(plane * this->plane() + line * pitch_ + column);
  }
  // The column of tap `tap`, seen from output 0.
  RECEPTIVE_FN std::int64_t column_of(std::int64_t tap) const {
    return tap % period_ * length_ + tap * x_.dilation / x_.step;
  }

  // Copies what the outputs from (oy, ox) read. `first`: the first plane; they lie `apart`.
  RECEPTIVE_FN void fill(const T* first, std::int64_t apart, std::int64_t oy, std::int64_t ox, T* to) const {
    const std::int64_t top = oy * y_.step + y_.origin, left = ox * x_.step + x_.origin;
    const std::int64_t count = lines(height_), segments = this->segments();
    for (std::int64_t plane = 0; plane < planes_; ++plane, first += apart) {
      for (std::int64_t line = 0; line < count; ++line, to += pitch_) {
        // In order: what a vector writes too much, the next one overwrites.
        const std::int64_t row = top + line;
        const T* from = first + row * x_.source;
        if (row < 0 || row >= y_.source) {
          zeros(to, 0, pitch_);
        } else if (x_.step == 1) {
          copy(from, left, to);
        } else if (halved()) {
          halves(from, left, to);
        } else {
          for (std::int64_t s = 0, column = 0; s < segments; ++s) {
            strided(from, left + column, to + s * length_);
            column += residue_;
            if (column >= x_.step) column -= x_.step;
          }
        }
      }
    }
  }

 private:
  static constexpr std::int64_t kBytes = 24 << 10, kLimit = 256 << 10;
  static constexpr std::int64_t kMostColumns = 512, kLeastRows = 4;

  RECEPTIVE_FN static void zeros(T* to, std::int64_t begin, std::int64_t end) {
    const auto zero = Pack<T, N>(T{0}).in_register();  // or GCC calls memset, which takes longer than a short line
    for (; begin < end; begin += N) zero.write(to + begin);
  }
  RECEPTIVE_FN void copy(const T* from, std::int64_t left, T* to) const {
    const std::int64_t begin = min_of(max_of(-left, 0), length_),
                       end = max_of(begin, min_of(x_.source - left, length_));
    zeros(to, 0, begin);
    from += left;
    if (end - begin >= N) {
      for (std::int64_t j = begin; j < end; j += N) {
        const std::int64_t at = min_of(j, end - N);
        Pack<T, N>::read(from + at).write(to + at);
      }
    } else if (begin < end) {
      Lanes<N, false>{static_cast<int>(end - begin)}.load(from + begin).write(to + begin);
    }
    zeros(to, end, length_);
  }
  // Columns left, left + step, …
  RECEPTIVE_FN void strided(const T* from, std::int64_t left, T* segment) const {
    constexpr Lanes<N, true> p{};
    for (std::int64_t j = 0; j < length_; j += N) {
      p.load_strided(from, left + j * x_.step, x_.step, x_.source, T{0}).write(segment + j);
    }
  }
  // Both segments of a stride of 2, which are whole vectors long.
  RECEPTIVE_FN void halves(const T* from, std::int64_t left, T* to) const {
    constexpr Lanes<N, true> p{};
    for (std::int64_t j = 0, column = left; j < length_; j += N, column += 2 * N) {
      Pack<T, N> even, odd;
      if (column >= 0 && column + 2 * N <= x_.source) {
        const auto low = Pack<T, N>::read(from + column), high = Pack<T, N>::read(from + column + N);
        even = memory::even_of_pair(low, high), odd = memory::odd_of_pair(low, high);
      } else {
        even = p.load_strided(from, column, 2, x_.source, T{0});
        odd = p.load_strided(from, column + 1, 2, x_.source, T{0});
      }
      even.write(to + j), odd.write(to + length_ + j);
    }
  }

  RECEPTIVE_FN static std::int64_t round_to_lanes(std::int64_t v) { return ceil_div(v, N) * N; }
  // At most `most` of `all`, in equal parts that are multiples of `unit`.
  RECEPTIVE_FN static std::int64_t even_part(std::int64_t all, std::int64_t most, std::int64_t unit) {
    if (all <= most) return max_of(all, 1);
    return ceil_div(ceil_div(all, ceil_div(all, most)), unit) * unit;
  }
  RECEPTIVE_FN std::int64_t lines(std::int64_t outputs) const { return (outputs - 1) * y_.step + y_.span; }
  RECEPTIVE_FN std::int64_t bytes(std::int64_t outputs) const {
    return planes_ * lines(outputs) * pitch_ * static_cast<std::int64_t>(sizeof(T));
  }
  RECEPTIVE_FN bool halved() const { return x_.step == 2 && x_.dilation % 2 == 1 && x_.taps > 1; }
  RECEPTIVE_FN void measure() {
    length_ = width_ + (x_.span - 1) / x_.step;
    if (halved()) length_ = round_to_lanes(length_);
    pitch_ = segments() * length_;
  }

  std::int64_t planes_;
  BandAxis y_, x_;
  std::int64_t period_ = 1;   // taps s and s + period lie in the same segment
  std::int64_t residue_ = 0;  // of a tap's column by the stride, against the tap before
  std::int64_t width_, height_;
  std::int64_t parts_y_ = 0, parts_x_ = 0;
  std::int64_t length_ = 0;  // of a segment
  std::int64_t pitch_ = 0;
};

}  // namespace receptive::RECEPTIVE_TARGET
