// top_lines(executor, attributes, x, values, indices): the k best elements of each line of ops/topk.h, the best first.
//
// An element becomes one unsigned number: its place in the order of its type (turned round for the smallest), followed
// by its position, turned round too. The better of two elements has the larger number, and no two are equal. A thread
// keeps the k largest numbers of its line in a heap whose root is the least of them. Nearly all elements are worse than
// the root, which one comparison of a pack shows.
#pragma once

#include "../ops/topk_order.h"

namespace receptive::RECEPTIVE_TARGET {

__extension__ typedef unsigned __int128 Unsigned128;

// Elements of T as numbers: the order in the high half, the position in the low one.
template <class T>
struct Ranking {
  using Order = TopkOrder<T>;
  using Bits = typename Order::Bits;
  using Number = std::conditional_t<sizeof(Bits) == 8, Unsigned128, std::uint64_t>;
  static constexpr int kBits = Order::kBits;
  bool largest;

  RECEPTIVE_FN Number number(T value, std::int64_t position) const {
    const auto turned = static_cast<std::uint32_t>(~static_cast<std::uint32_t>(position));
    return static_cast<Number>(Order{largest}.of(value)) << kBits | turned;
  }
  RECEPTIVE_FN static std::int32_t position(Number number) {
    return static_cast<std::int32_t>(~static_cast<std::uint32_t>(number));
  }
  // Nothing that comes later is better than this.
  RECEPTIVE_FN static bool is_best(Number number) {
    return static_cast<Bits>(number >> kBits) == static_cast<Bits>(~Bits{0});
  }
};

// Puts `number` in place of element `at` of a heap, and further down until what is below it is larger.
template <class Number>
RECEPTIVE_FN void sift_down(Number* heap, std::int64_t size, std::int64_t at, Number number) {
  for (;;) {
    std::int64_t child = 2 * at + 1;
    if (child >= size) break;
    // Either child is as likely to be the smaller one: no branch on it.
    if (child + 1 < size) child += static_cast<std::int64_t>(heap[child + 1] < heap[child]);
    if (!(heap[child] < number)) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = number;
}

// The k best of a line.
template <class T>
class Best {
 public:
  using Number = typename Ranking<T>::Number;

  Best(Ranking<T> ranking, const T* line, std::int64_t n, std::int64_t step, Number* heap, std::int64_t k)
      : ranking_(ranking), line_(line), n_(n), step_(step), heap_(heap), k_(k) {}

  // Leaves their numbers in the heap's memory, the best first.
  void find() {
    for (std::int64_t i = 0; i < k_; ++i) heap_[i] = number(i);
    for (std::int64_t i = k_ / 2 - 1; i >= 0; --i) sift_down(heap_, k_, i, heap_[i]);
    if (step_ == 1) {
      scan_packs();
    } else {
      offer_all(k_, n_);
    }
    for (std::int64_t end = k_ - 1; end > 0; --end) {
      const Number last = heap_[end];
      heap_[end] = heap_[0];
      sift_down(heap_, end, 0, last);
    }
  }

 private:
  static constexpr int N = kLanes<T>;
  static constexpr int kPacks = 4;  // compared together
  using Elements = Pack<T, N>;

  RECEPTIVE_FN Number number(std::int64_t i) const { return ranking_.number(line_[i * step_], i); }
  RECEPTIVE_FN void offer(std::int64_t i) {
    const Number candidate = number(i);
    if (heap_[0] < candidate) sift_down(heap_, k_, 0, candidate);
  }

  // Not worse than `limit`, or one of the two is NaN.
  RECEPTIVE_FN Mask<T, N> may_enter(const T* src, Elements limit) const {
    const auto x = Elements::read(src);
    return ranking_.largest ? ~(x <= limit) : ~(x >= limit);
  }

  // Leaves out packs without an element that may enter, several at once.
  void scan_packs() {
    constexpr std::int64_t step = kPacks * N;
    std::int64_t i = k_;
    while (i + step <= n_ && !Ranking<T>::is_best(heap_[0])) {
      const Elements limit(line_[Ranking<T>::position(heap_[0])]);
      Mask<T, N> entering[kPacks];
      for (int part = 0; part < kPacks; ++part) entering[part] = may_enter(line_ + i + part * N, limit);
      if (any((entering[0] | entering[1]) | (entering[2] | entering[3]))) {
        for (int part = 0; part < kPacks; ++part) {
          if (any(entering[part])) offer_all(i + part * N, i + part * N + N);
        }
      }
      i += step;
    }
    if (!Ranking<T>::is_best(heap_[0])) offer_all(i, n_);
  }
  RECEPTIVE_FN void offer_all(std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) offer(i);
  }

  Ranking<T> ranking_;
  const T* line_;
  std::int64_t n_;
  std::int64_t step_;
  Number* heap_;
  std::int64_t k_;
};

template <class T>
__attribute__((noinline)) void top_line(const TopkAttrs& a, const T* x, typename Best<T>::Number* heap, T* values,
                                        std::int32_t* indices) {
  Best<T>(Ranking<T>{a.largest}, x, a.n, a.inner, heap, a.k).find();
  for (std::int64_t j = 0; j < a.k; ++j) {
    const std::int32_t position = Ranking<T>::position(heap[j]);
    values[j * a.inner] = x[position * a.inner];
    indices[j * a.inner] = position;
  }
}

template <class T>
std::int64_t heap_bytes(const TopkAttrs& a) {
  return (a.k * static_cast<std::int64_t>(sizeof(typename Best<T>::Number)) + 63) / 64 * 64;
}

// A heap per thread.
template <class T>
std::int64_t top_lines_workspace(const TopkAttrs& a, int threads) {
  return threads * heap_bytes<T>(a);
}

// The tensors are not empty.
template <class X, class T>
void top_lines(const X& executor, const TopkAttrs& a, const T* x, T* values, std::int32_t* indices) {
  const std::int64_t heap = heap_bytes<T>(a);
  const std::int64_t lines = a.outer * a.inner;
  const std::int64_t together = a.n < kGrain ? kGrain / a.n : 1;
  const std::int64_t tasks = (lines + together - 1) / together;
  executor.for_each(tasks, lines * a.n >= kParallelElements, [&](std::int64_t task, int worker) {
    const std::int64_t last = (task + 1) * together < lines ? (task + 1) * together : lines;
    auto* const best = reinterpret_cast<typename Best<T>::Number*>(executor.workspace() + worker * heap);
    for (std::int64_t line = task * together; line < last; ++line) {
      const std::int64_t o = line / a.inner;
      const std::int64_t i = line - o * a.inner;
      top_line(a, x + o * a.n * a.inner + i, best, values + o * a.k * a.inner + i, indices + o * a.k * a.inner + i);
    }
  });
}

}  // namespace receptive::RECEPTIVE_TARGET
