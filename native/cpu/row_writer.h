// Rows of an output that follow each other in memory, through a buffer in the first cache. A body writes whole vectors
// and may write past a row's end, since the next row comes there anyway; what leaves the buffer are whole lines of the
// cache, whatever the length of a row, so that they may go around the caches (Executor::writes_around).
#pragma once

#include "../ops/window.h"

namespace receptive::RECEPTIVE_TARGET {

template <class T>
class RowWriter {
 public:
  static constexpr int N = kLanes<T>;
  static constexpr std::int64_t kMostColumns = 512;  // of a row

  explicit RECEPTIVE_FN RowWriter(bool around) : around_(around) {}
  RowWriter(const RowWriter&) = delete;

  // Where to write two rows of `columns` elements, one behind the other, before the next call; `count` of them (1 or 2)
  // go to `to` and `to + pitch`. 2 N elements more may be written.
  __attribute__((noinline)) T* rows(T* to, std::int64_t count, std::int64_t columns, std::int64_t pitch) {
    if (count == 1 || columns == pitch) return room(to, count * columns);
    aside();
    columns_ = columns, to_upper_ = to, pitch_ = pitch;
    return aside_;
  }

  // The same for one row, of at most 2 kMostColumns elements.
  RECEPTIVE_FN T* room(T* to, std::int64_t columns) {
    if (columns_ > 0) aside();
    if (to != to_ + (end_ - begin_)) restart(to);
    if (end_ + columns > kRoom) pass_on();
    T* const place = buffer_ + end_;
    end_ += columns;
    return place;
  }

  // After the last row.
  __attribute__((noinline)) void finish() {
    if (columns_ > 0) aside();
    pass_on();
    for (; begin_ < end_; ++begin_) *to_++ = buffer_[begin_];
    if (around_) fence_stores();
  }

 private:
  static constexpr std::int64_t kLine = 64 / static_cast<std::int64_t>(sizeof(T));
  static constexpr std::int64_t kRoom = 4 * kMostColumns;
  static constexpr std::int64_t kSlack = kMostColumns + 2 * N;  // a lower row that nobody wants

  __attribute__((noinline)) void restart(T* to) {
    pass_on();
    for (; begin_ < end_; ++begin_) *to_++ = buffer_[begin_];
    to_ = to;
    begin_ = end_ = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(to) / sizeof(T)) % kLine;
  }

  // Two rows that do not follow each other.
  RECEPTIVE_COLD void aside() {
    const std::int64_t columns = columns_;
    columns_ = 0;
    for (std::int64_t r = 0; columns > 0 && r < 2; ++r) {
      T* const place = room(to_upper_ + r * pitch_, columns);
      for (std::int64_t j = 0; j < columns; ++j) place[j] = aside_[r * columns + j];
    }
  }

  // Writes all but the last, incomplete line, which moves to the front.
  __attribute__((noinline)) void pass_on() {
    const std::int64_t last = end_ / kLine * kLine;
    if (begin_ >= last) return;
    T* to = to_;
    std::int64_t i = begin_;
    for (; i % kLine != 0; ++i) *to++ = buffer_[i];
    if (around_) {
      for (; i < last; i += N, to += N) Pack<T, N>::read(buffer_ + i).write_around(to);
    } else {
      for (; i < last; i += N, to += N) Pack<T, N>::read(buffer_ + i).write(to);
    }
    for (; i < end_; ++i) buffer_[i - last] = buffer_[i];
    to_ = to;
    begin_ = 0;
    end_ -= last;
  }

  alignas(64) T buffer_[kRoom + kSlack];
  T aside_[2 * kMostColumns + 2 * N];
  T* to_ = nullptr;         // where buffer_[begin_] belongs
  std::int64_t begin_ = 0;  // distance from a line's begin, in the buffer and at its place
  std::int64_t end_ = 0;
  std::int64_t columns_ = 0;  // of the two rows in aside_
  std::int64_t pitch_ = 0;
  T* to_upper_ = nullptr;
  bool around_;
};

}  // namespace receptive::RECEPTIVE_TARGET
