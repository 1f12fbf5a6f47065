// ChannelSums and RowSums: how the CPU adds up what ops/channel_sums.h describes.
//
// Each plane, or each kPart elements of one, is a line of its own; where channels come last, so are kRows rows of one
// or more pixels, which are read as they lie in memory. What comes out are several sums of a channel, added up in
// float64: a cut that depends on the sizes alone. (reduce() reads four rows side by side, which out of the caches took
// twice as long.)
#pragma once

#include "../ops/channel_sums.h"

namespace receptive::RECEPTIVE_TARGET {

// Adds up the sums of each channel (or column) and hands them to `Result`:
//     template <class V, class P> void store(P lanes, std::int64_t channel, V sum, V product) const;   // float64
template <class T, class Result>
struct SumsTotal {
  using Element = T;
  static constexpr bool kOverlap = true;
  const T* sums;
  const T* products;
  std::int64_t channels;
  std::int64_t lines;
  Result result;

  RECEPTIVE_FN char row(std::int64_t) const { return 0; }
  template <class P>
  RECEPTIVE_FN void tile(char, std::int64_t channel, P lanes) const {
    using Wide = Pack<double, P::count>;
    Wide sum(0.0), product(0.0);
    for (std::int64_t i = channel; i < lines * channels; i += channels) {
      sum += convert<double>(lanes.load(sums + i));
      product += convert<double>(lanes.load(products + i));
    }
    result.store(lanes, channel, sum, product);
  }
};

// Where the numbers of the channels, p and q, and the sums lie in the workspace.
template <class T>
struct ChannelSums {
  static constexpr int N = kLanes<T>;
  static constexpr std::int64_t kPart = 4096;  // elements of a line: what one accumulator adds up stays short
  static constexpr std::int64_t kRows = 128;
  static constexpr std::int64_t kColumns = 2048;  // of rows, whose sums stay in the first cache
  using Body = TwoSums<T>;
  ChannelView view;
  ChannelRows rows;
  std::int64_t parts;   // of a plane
  std::int64_t blocks;  // of rows
  std::int64_t lines;   // sums of a channel
  T* p;
  T* q;
  T* sums;  // [lines, channels]
  T* products;

  ChannelSums(const ChannelView& v, Rooms& rooms) : view(v), rows(v) {
    const bool pixels = v.inner == 1;
    parts = pixels ? 1 : (v.inner + kPart - 1) / kPart;
    blocks = pixels ? (v.outer / rows.repeat + kRows - 1) / kRows : 0;
    lines = pixels ? blocks * rows.repeat + v.outer % rows.repeat : v.outer * parts;
    p = rooms.take<T>(rows.width);
    q = rooms.take<T>(rows.width);
    sums = rooms.take<T>(lines * v.channels);
    products = rooms.take<T>(lines * v.channels);
  }

  // With q in place for the channels themselves, and p where a is `centred`. Result: see SumsTotal.
  template <class X, class Result>
  void run(X& executor, const T* a, const T* b, bool centred, const Result& result) const {
    if (view.size() > 0) sum(executor, a, b, centred);
    executor.rows(1, view.channels, SumsTotal<T, Result>{sums, products, view.channels, lines, result});
  }

 private:
  template <class X>
  void sum(X& executor, const T* a, const T* b, bool centred) const {
    const bool parallel = view.size() >= kParallelElements;
    const Body body{a, b, centred ? p : nullptr, q};
    if (view.inner == 1) {
      if (centred) rows.spread_out(executor, p, view.channels);
      rows.spread_out(executor, q, view.channels);
      const std::int64_t tiles = (rows.width + kColumns - 1) / kColumns;
      executor.for_each((blocks + 1) * tiles, parallel,
                        [&](std::int64_t task, int) { sum_rows(body, task / tiles, task % tiles * kColumns); });
      return;
    }
    const std::int64_t all = lines * view.channels;
    const std::int64_t together = parallel ? kGrain / (view.inner < kPart ? view.inner : kPart) : all;
    executor.for_each((all + together - 1) / together, parallel, [&](std::int64_t task, int) {
      const std::int64_t first = task * together;
      sum_lines(body, first, first + together < all ? first + together : all);
    });
  }

  // Columns from `begin` on of a block of rows; the last block is what is left of the pixels, a part of a row.
  __attribute__((noinline)) void sum_rows(const Body& shared, std::int64_t block, std::int64_t begin) const {
    const Body body = shared;
    const std::int64_t whole = view.outer / rows.repeat;
    const bool last = block == blocks;
    const std::int64_t first = last ? whole : block * kRows;
    const std::int64_t stop = last ? whole + 1 : first + kRows < whole ? first + kRows : whole;
    const std::int64_t width = last ? view.outer % rows.repeat * view.channels : rows.width;
    const std::int64_t end = begin + kColumns < width ? begin + kColumns : width;
    T* const sum = sums + block * rows.width;
    T* const product = products + block * rows.width;
    for (std::int64_t i = begin; i < end; ++i) sum[i] = product[i] = T(0);
    for (std::int64_t row = first; row < stop; ++row) {
      std::int64_t i = begin;
      for (; i + N <= end; i += N) add(body, Lanes<N, true>{}, row * rows.width, i, sum, product);
      if (i < end) add(body, Lanes<N, false>{static_cast<int>(end - i)}, row * rows.width, i, sum, product);
    }
  }

  template <class P>
  RECEPTIVE_FN static void add(const Body& body, P lanes, std::int64_t row, std::int64_t i, T* sum, T* product) {
    typename Body::template State<N> s{lanes.load(sum + i), lanes.load(product + i)};
    const Pack<T, N> p_of = body.p == nullptr ? Pack<T, N>(T(0)) : lanes.load(body.p + i);
    body.step(s, lanes, row + i, p_of, lanes.load(body.q + i));
    lanes.store(sum + i, s.sum);
    lanes.store(product + i, s.product);
  }

  // Lines [first, last) of [outer, parts, channels].
  __attribute__((noinline)) void sum_lines(const Body& shared, std::int64_t first, std::int64_t last) const {
    const Body body = shared;
    std::int64_t piece = first / view.channels;
    std::int64_t channel = first - piece * view.channels;
    for (std::int64_t i = first; i < last; ++i) {
      const std::int64_t image = piece / parts;
      const std::int64_t begin = (piece - image * parts) * kPart;
      const std::int64_t n = view.inner - begin < kPart ? view.inner - begin : kPart;
      const auto s = sum_line(body, channel, (image * view.channels + channel) * view.inner + begin, n);
      sums[i] = s.sum[0];
      products[i] = s.product[0];
      if (++channel == view.channels) channel = 0, ++piece;
    }
  }

  RECEPTIVE_FN static typename Body::template State<1> sum_line(const Body& body, std::int64_t channel, std::int64_t at,
                                                                std::int64_t n) {
    constexpr Lanes<N, true> all;
    const Pack<T, N> p(body.p == nullptr ? T(0) : body.p[channel]), q(body.q[channel]);
    typename Body::template State<N> s[4];
    for (auto& each : s) body.init(each);
    std::int64_t k = 0;
    for (; k + 4 * N <= n; k += 4 * N) {
      body.step(s[0], all, at + k, p, q);
      body.step(s[1], all, at + k + N, p, q);
      body.step(s[2], all, at + k + 2 * N, p, q);
      body.step(s[3], all, at + k + 3 * N, p, q);
    }
    for (; k + N <= n; k += N) body.step(s[0], all, at + k, p, q);
    if (k < n) body.step(s[1], Lanes<N, false>{static_cast<int>(n - k)}, at + k, p, q);
    body.merge(s[0], s[1]);
    body.merge(s[2], s[3]);
    body.merge(s[0], s[2]);
    return across<Body, N>(body, s[0], N);
  }
};

// The sums of RowTerms: blocks of kRows rows, read as they lie in memory, into the workspace, and then those of all
// blocks in float64.
template <class T>
struct RowSums {
  static constexpr int N = kLanes<T>;
  static constexpr std::int64_t kRows = 128;
  static constexpr std::int64_t kColumns = 2048;
  std::int64_t rows;
  std::int64_t n;
  std::int64_t blocks;
  T* sums;  // [blocks, n]
  T* products;

  RowSums(std::int64_t rows_, std::int64_t n_, Rooms& rooms) : rows(rows_), n(n_), blocks((rows + kRows - 1) / kRows) {
    sums = rooms.take<T>(blocks * n);
    products = rooms.take<T>(blocks * n);
  }

  template <class X, class Result>
  void run(X& executor, const RowTerms<T>& terms, const Result& result) const {
    const std::int64_t tiles = (n + kColumns - 1) / kColumns;
    executor.for_each(blocks * tiles, rows * n >= kParallelElements,
                      [&](std::int64_t task, int) { some_rows(terms, task / tiles, task % tiles * kColumns); });
    executor.rows(1, n, SumsTotal<T, Result>{sums, products, n, blocks, result});
  }

 private:
  __attribute__((noinline)) void some_rows(const RowTerms<T>& shared, std::int64_t block, std::int64_t begin) const {
    const RowSums own = *this;
    const RowTerms<T> terms = shared;
    const std::int64_t first = block * kRows;
    const std::int64_t stop = first + kRows < own.rows ? first + kRows : own.rows;
    const std::int64_t end = begin + kColumns < own.n ? begin + kColumns : own.n;
    T* const sum = own.sums + block * own.n;
    T* const product = own.products + block * own.n;
    for (std::int64_t i = begin; i < end; ++i) sum[i] = product[i] = T(0);
    for (std::int64_t row = first; row < stop; ++row) {
      const T middle = terms.mean[row], factor = terms.inverse_std[row];
      const auto add = [&](auto p, std::int64_t i) RECEPTIVE_INLINE_LAMBDA {
        typename TwoSums<T>::template State<N> s{p.load(sum + i), p.load(product + i)};
        terms.step(s, p, row * own.n + i, middle, factor);
        p.store(sum + i, s.sum);
        p.store(product + i, s.product);
      };
      std::int64_t i = begin;
      for (; i + N <= end; i += N) add(Lanes<N, true>{}, i);
      if (i < end) add(Lanes<N, false>{static_cast<int>(end - i)}, i);
    }
  }
};

}  // namespace receptive::RECEPTIVE_TARGET
