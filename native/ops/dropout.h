// dropout: y = x * scale where element offset + i of the mask's stream is kept, +0 where it is dropped, whatever x is
// there. The gradient is the same op on the output's gradient.
//
// The mask takes one 32-bit word per element of Philox (philox.h), all four of a counter, from counters that no other
// op takes: 64 neighbouring elements of the stream share 16. With c = 16 floor(i / 64) + i mod 16, element i has word
// floor(i mod 64 / 16) of counter (low 32 bits of c, high 32 bits of c, 1, 0), and is kept where that is not below
// `threshold`. (With a counter per element, as random.h has it, numbers took four times as long.)
#pragma once

#include "executor.h"
#include "pointwise.h"
#include "random.h"

namespace receptive::RECEPTIVE_TARGET {

struct DropoutAttrs {
  std::int64_t seed[2];
  std::int64_t offset;
  std::int64_t threshold;
  double scale;
};

inline constexpr std::int64_t kMaskCounters = 16;
inline constexpr std::int64_t kMaskBlock = 4 * kMaskCounters;

// A row is a block of the stream, its width the counters of one: a tile has as many counters as lanes, and four times
// as many elements.
template <class T>
struct DropoutBody {
  using Element = T;
  static constexpr bool kOverlap = false;
  PhiloxKey key;
  std::uint64_t first;   // block of row 0
  std::int64_t skipped;  // elements of that block before the first one
  std::uint64_t threshold;
  const T* x;
  T* y;
  std::int64_t size;
  T scale;
  bool around;

  RECEPTIVE_FN std::int64_t row(std::int64_t i) const { return i; }

  template <class P>
  RECEPTIVE_FN void tile(std::int64_t block, std::int64_t at, P p) const {
    const std::uint64_t counter =
        (first + static_cast<std::uint64_t>(block)) * std::uint64_t{kMaskCounters} + static_cast<std::uint64_t>(at);
    const std::int64_t begin = block * kMaskBlock - skipped + at;
    Mask<T, P::count> kept[4];
    masks(counter, kept);
    if (begin >= 0 && begin + 3 * kMaskCounters + P::count <= size) {
#pragma GCC unroll 4
      for (int w = 0; w < 4; ++w) {
        const std::int64_t i = begin + w * kMaskCounters;
        p.store(y + i, select(kept[w], p.load(x + i) * scale, T(0)), around);
      }
    } else {
      for (int w = 0; w < 4; ++w) some(begin + w * kMaskCounters, kept[w]);
    }
  }

 private:
  // The lanes of a pack that are within the tensor.
  template <int N>
  RECEPTIVE_COLD void some(std::int64_t begin, Mask<T, N> kept) const {
    const Pack<T, N> factor = select(kept, Pack<T, N>(T(1)), T(0));
    for (int l = 0; l < N; ++l) {
      const std::int64_t i = begin + l;
      if (i >= 0 && i < size) y[i] = factor[l] == T(1) ? x[i] * scale : T(0);
    }
  }

  template <int N>
  RECEPTIVE_FN void masks(std::uint64_t counter, Mask<T, N> (&kept)[4]) const {
    if constexpr (sizeof(T) == 8 || N == 1) {
      const auto words = philox_block<N>(key, counter, 1);
      for (int w = 0; w < 4; ++w) {
        const auto word = words.w[w] & std::uint64_t{0xffffffffu};
        const auto keep = word >= Pack<std::uint64_t, N>(threshold);
        kept[w] = convert_mask<T>(keep);
      }
    } else {
      const auto even = philox_block<N / 2>(key, counter, 2);
      const auto odd = philox_block<N / 2>(key, counter + 1, 2);
      for (int w = 0; w < 4; ++w) {
        const auto both = (even.w[w] & std::uint64_t{0xffffffffu}) | (odd.w[w] << 32);
        const Pack<std::uint32_t, N> word(reinterpret_cast<typename Pack<std::uint32_t, N>::Vector>(both.v));
        kept[w] = {(word >= Pack<std::uint32_t, N>(static_cast<std::uint32_t>(threshold))).v};
      }
    }
  }

  template <int N>
  RECEPTIVE_FN static PhiloxWords<N> philox_block(const PhiloxKey& key, std::uint64_t first, std::uint64_t step) {
    using Word = Pack<std::uint64_t, N>;
    const Word index = iota<std::uint64_t, N>() * Word(step) + Word(first);
    return philox(PhiloxWords<N>{{index, index >> 32, Word(std::uint64_t{1}), Word(std::uint64_t{0})}}, key);
  }
};

template <class X>
struct Dropout {
  using Attrs = DropoutAttrs;
  static constexpr const char* name = "dropout";
  static constexpr Field fields[] = {RECEPTIVE_INTEGER(DropoutAttrs, seed), RECEPTIVE_INTEGER(DropoutAttrs, offset),
                                     RECEPTIVE_INTEGER(DropoutAttrs, threshold), RECEPTIVE_REAL(DropoutAttrs, scale)};
  static constexpr int minInputs = 1, maxInputs = 1, outputs = 1;

  static const char* check(const OpCall& call) {
    const auto& a = attrs_of<Attrs>(call);
    if (!is_float(call.inputs[0].dtype)) return "only float32 and float64";
    if (a.offset < 0) return "the stream begins at 0";
    if (a.threshold < 0 || a.threshold > 0xffffffffll) return "the threshold is no 32-bit word";
    return check_alike(call.inputs[0], call.outputs[0]);
  }
  static Cost cost(const OpCall& call) {
    const auto size = static_cast<double>(call.outputs[0].size);
    return {30 * size, 2 * size * static_cast<double>(element_bytes(call.outputs[0].dtype))};
  }
  static void run(X& executor, const OpCall& call) {
    const auto& a = attrs_of<Attrs>(call);
    const View& out = call.outputs[0];
    const std::int64_t first = a.offset / kMaskBlock;
    const std::int64_t skipped = a.offset - first * kMaskBlock;
    if (out.size == 0) return;
    dispatch_float(out.dtype, [&](auto tag) {
      using T = decltype(tag);
      executor.rows((skipped + out.size + kMaskBlock - 1) / kMaskBlock, kMaskCounters,
                    DropoutBody<T>{RandomStream::of(a).key, static_cast<std::uint64_t>(first), skipped,
                                   static_cast<std::uint64_t>(a.threshold), static_cast<const T*>(call.inputs[0].data),
                                   static_cast<T*>(out.data), out.size, static_cast<T>(a.scale),
                                   skipped % kWidestPack == 0 && goes_around(executor, call)});
    });
  }
};

template <class X>
using DropoutFamily = Family<X, Dropout<X>>;

}  // namespace receptive::RECEPTIVE_TARGET
