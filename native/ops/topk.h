// topk (x) -> values, indices int32, both [outer, k, inner], {outer, n, inner, k, largest f}: along n of x seen as
// [outer, n, inner], the k largest elements (or smallest), the best first. NaN counts as larger than every number; of
// equal elements, +0 and -0 among them, the one that comes first is the better one.
//
// An element becomes one unsigned number: its place in the order of its type (turned round for the smallest), followed
// by its position, turned round too. The better of two elements has the larger number, and no two are equal. A thread
// keeps the k largest numbers of its line in a heap whose root is the least of them. Nearly all elements are worse than
// the root, which one comparison of a pack shows.
#pragma once

#include "executor.h"
#include "extent.h"

namespace receptive::RECEPTIVE_TARGET {

struct TopkAttrs {
  std::int64_t outer;
  std::int64_t n;
  std::int64_t inner;
  std::int64_t k;
  bool largest;
};

__extension__ typedef unsigned __int128 Unsigned128;

// Elements of T as numbers: the order in the high half, the position in the low one.
template <class T>
struct Ranking {
  static constexpr bool kFloat = static_cast<T>(0.5) != T{};
  static constexpr bool kWide = sizeof(T) == 8;
  using Bits = std::conditional_t<kWide, std::uint64_t, std::uint32_t>;
  using Number = std::conditional_t<kWide, Unsigned128, std::uint64_t>;
  static constexpr int kBits = 8 * static_cast<int>(sizeof(Bits));
  bool largest;

  RECEPTIVE_FN static Bits ascending(T value) {
    constexpr Bits top = Bits{1} << (kBits - 1);
    if constexpr (kFloat) {
      if (value != value) return static_cast<Bits>(~Bits{0});
      const Bits bits = __builtin_bit_cast(Bits, value == T{} ? T{} : value);  // -0 is 0
      return (bits & top) != 0 ? static_cast<Bits>(~bits) : bits | top;
    } else if constexpr (static_cast<T>(-1) < T{}) {
      return static_cast<Bits>(value) ^ top;
    } else {
      return value;
    }
  }
  RECEPTIVE_FN Number number(T value, std::int64_t position) const {
    const Bits order = ascending(value);
    const auto turned = static_cast<std::uint32_t>(~static_cast<std::uint32_t>(position));
    return static_cast<Number>(largest ? order : static_cast<Bits>(~order)) << kBits | turned;
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

template <class X>
struct TopkOp {
  using Attrs = TopkAttrs;
  static constexpr const char* name = "topk";
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(TopkAttrs, outer), RECEPTIVE_INTEGER(TopkAttrs, n),
                                     RECEPTIVE_INTEGER(TopkAttrs, inner), RECEPTIVE_INTEGER(TopkAttrs, k),
                                     RECEPTIVE_FLAG(TopkAttrs, largest)};
  static constexpr int minInputs = 1, maxInputs = 1, outputs = 2;

  static const char* check(const OpCall& call) {
    const auto& a = attrs_of<TopkAttrs>(call);
    const View &x = call.inputs[0], &values = call.outputs[0], &indices = call.outputs[1];
    if (x.dtype == DType::boolean || values.dtype != x.dtype) return "the values have the input's dtype, a number type";
    if (indices.dtype != DType::int32) return "positions are int32";
    if (a.n < 0 || a.n > INT32_MAX) return "positions are int32: n must be below 2^31";
    if (a.k < 0 || a.k > a.n) return "k must be from 0 to n";
    if (!product_is(x.size, a.outer, a.n, a.inner)) return "outer * n * inner is not the size of the input";
    if (!product_is(values.size, a.outer, a.k, a.inner)) return "outer * k * inner is not the size of the output";
    return indices.size == values.size ? nullptr : "values and positions differ in size";
  }
  static Cost cost(const OpCall& call) {
    const auto size = static_cast<double>(call.inputs[0].size);
    const auto results = static_cast<double>(call.outputs[0].size);
    const auto bytes = static_cast<double>(element_bytes(call.inputs[0].dtype));
    return {size + 20 * results, size * bytes + results * (bytes + 4)};
  }
  // A heap per thread.
  static std::int64_t workspace(const OpCall& call, int threads) { return threads * heap_bytes(call); }

  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<TopkAttrs>(call);
    if (call.outputs[0].size == 0) return;
    const std::int64_t heap = heap_bytes(call);
    auto* const indices = static_cast<std::int32_t*>(call.outputs[1].data);
    dispatch_number(call.inputs[0].dtype, [&](auto tag) {
      using T = decltype(tag);
      const auto* const x = static_cast<const T*>(call.inputs[0].data);
      auto* const values = static_cast<T*>(call.outputs[0].data);
      const std::int64_t lines = a.outer * a.inner;
      const std::int64_t together = a.n < kGrain ? kGrain / a.n : 1;
      const std::int64_t tasks = (lines + together - 1) / together;
      executor.for_each(tasks, lines * a.n >= kParallelElements, [&](std::int64_t task, int worker) {
        const std::int64_t last = (task + 1) * together < lines ? (task + 1) * together : lines;
        auto* const best = reinterpret_cast<typename Best<T>::Number*>(executor.workspace() + worker * heap);
        for (std::int64_t line = task * together; line < last; ++line) {
          const std::int64_t o = line / a.inner;
          const std::int64_t i = line - o * a.inner;
          some_line(a, x + o * a.n * a.inner + i, best, values + o * a.k * a.inner + i,
                    indices + o * a.k * a.inner + i);
        }
      });
    });
  }

 private:
  static std::int64_t heap_bytes(const OpCall& call) {
    const std::int64_t number = element_bytes(call.inputs[0].dtype) == 8 ? 16 : 8;
    return (attrs_of<TopkAttrs>(call).k * number + 63) / 64 * 64;
  }

  template <class T>
  __attribute__((noinline)) static void some_line(const TopkAttrs& a, const T* x, typename Best<T>::Number* heap,
                                                  T* values, std::int32_t* indices) {
    Best<T>(Ranking<T>{a.largest}, x, a.n, a.inner, heap, a.k).find();
    for (std::int64_t j = 0; j < a.k; ++j) {
      const std::int32_t position = Ranking<T>::position(heap[j]);
      values[j * a.inner] = x[position * a.inner];
      indices[j * a.inner] = position;
    }
  }
};

template <class X>
using TopkFamily = Family<X, TopkOp<X>>;

}  // namespace receptive::RECEPTIVE_TARGET
