// Problems for the tests of ops with windows: random geometries with different numbers on every side, and small
// integers, so that results compare exactly with plain loops.
#pragma once

#include "op_harness.h"

namespace harness {

inline std::mt19937 generator(20260101);
inline int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(generator); }

template <class T>
void fill(Guarded<T>& tensor) {
  for (std::size_t i = 0; i < tensor.size; ++i) tensor[i] = static_cast<T>(pick(-4, 4));
}

struct Problem {
  int n, c, h, w, k, r, s, sh, sw, top, bottom, left, right, dh, dw, groups;
  int oh = 0, ow = 0;  // sized()
  bool nhwc = false;

  static Problem random() {
    for (;;) {
      Problem p{};
      p.groups = pick(1, 3);
      p.n = pick(1, 3), p.c = p.groups * pick(1, 5), p.k = p.groups * pick(1, 9), p.h = pick(1, 19), p.w = pick(1, 40);
      p.r = pick(1, 5), p.s = pick(1, 5), p.sh = pick(1, 3), p.sw = pick(1, 4), p.dh = pick(1, 2), p.dw = pick(1, 3);
      p.top = pick(0, 3), p.bottom = pick(0, 3), p.left = pick(0, 4), p.right = pick(0, 2), p.nhwc = pick(0, 1) == 1;
      if (p.h + p.top + p.bottom > p.dh * (p.r - 1) && p.w + p.left + p.right > p.dw * (p.s - 1)) return p.sized();
    }
  }
  Problem sized() const {
    Problem p = *this;
    p.oh = (h + top + bottom - dh * (r - 1) - 1) / sh + 1;
    p.ow = (w + left + right - dw * (s - 1) - 1) / sw + 1;
    return p;
  }

  // The windows that have code of their own, on rows around the lengths of one to five vectors.
  static Problem usual() {
    Problem p = random();
    p.r = p.s = pick(2, 3), p.sh = pick(1, 3), p.sw = pick(1, 2), p.dh = pick(1, 2), p.dw = 1;
    p.h = pick(6, 19), p.w = pick(3, 90), p.nhwc = false;
    return p;
  }

  // Few channels in a group, for `direct`: 3x3 windows half of the time, rows up to several bands.
  static Problem narrow() {
    Problem p = random();
    p.n = pick(1, 2), p.groups = pick(1, 4), p.nhwc = false;
    p.c = p.groups * (pick(0, 2) > 0 ? 1 : pick(2, 4)), p.k = p.groups * (pick(0, 1) == 0 ? 1 : pick(2, 18));
    if (pick(0, 1) == 0) p.r = p.s = 3, p.sh = p.sw = pick(1, 2), p.dh = p.dw = 1;
    p.h = pick(p.dh * (p.r - 1) + 1, 30), p.w = pick(p.dw * (p.s - 1) + 1, pick(0, 9) == 0 ? 1200 : 70);
    return p.sized();
  }

  // Counts of channels around those of one to three vectors, dense, in groups, or each channel its own.
  static Problem pixels() {
    constexpr int counts[] = {1, 2, 3, 5, 8, 16, 17, 33, 49};
    Problem p = random();
    p.n = pick(1, 2), p.h = pick(1, 12), p.w = pick(1, 21), p.nhwc = true;
    const int kind = pick(0, 3);
    p.groups = kind < 2 ? 1 : kind == 2 ? pick(2, 4) : pick(2, 70);
    p.c = p.groups * (kind < 3 ? counts[pick(0, kind < 2 ? 8 : 5)] : 1);
    p.k = p.groups * (kind < 3 ? counts[pick(0, kind < 2 ? 8 : 5)] : 1);
    if (pick(0, 2) == 0) p.dh = p.dw = 1, p.r = p.s = 3, p.sh = p.sw = pick(1, 2);
    if (pick(0, 4) == 0) p.r = p.s = p.sh = p.sw = 1, p.top = p.bottom = p.left = p.right = 0;
    p.h = std::max(p.h, p.dh * (p.r - 1) + 1), p.w = std::max(p.w, p.dw * (p.s - 1) + 1);
    return p.sized();
  }

  // Windows wider than any vector, far apart, or side by side.
  static Problem wide() {
    Problem p = random();
    p.n = p.c = pick(1, 2), p.h = pick(1, 9), p.w = pick(1, 700), p.dh = p.dw = 1;
    p.r = pick(1, p.h), p.s = pick(1, p.w), p.sh = pick(1, 4), p.sw = pick(0, 1) == 0 ? p.s : pick(1, 40);
    if (pick(0, 1) == 0) p.sh = p.r, p.top = p.bottom = p.left = p.right = 0;
    return p;
  }

  // One to nine taps, strides of 1 and 2 along rows around vectors and around parts, or planes of several bands.
  static Problem bands() {
    Problem p = random();
    p.r = pick(1, 9), p.s = pick(1, 9), p.sh = pick(1, 3), p.sw = pick(1, 2), p.dh = p.dw = 1, p.nhwc = false;
    p.n = 1, p.c = pick(1, 3), p.h = pick(1, 24);
    constexpr int kWidths[] = {4, 7, 8, 14, 16, 28, 32, 48, 64, 256, 512, 1024};
    p.w = kWidths[pick(0, 11)] + pick(-2, 2);
    if (pick(0, 4) == 0) p.h = pick(100, 300), p.w = pick(1, 70);
    return p;
  }
  // Enough of the usual windows for several threads.
  static Problem many(int size, int kernel, int stride, int padding) {
    Problem p = random();
    p.n = 2, p.c = 70000 / (size * size), p.h = size, p.w = size + 1, p.r = p.s = kernel, p.sh = p.sw = stride;
    p.dh = p.dw = 1, p.nhwc = false, p.top = p.left = padding, p.bottom = p.right = padding;
    return p;
  }

  std::size_t in(int image, int channel, int y, int x) const {
    return nhwc ? ((static_cast<std::size_t>(image) * h + y) * w + x) * c + channel
                : ((static_cast<std::size_t>(image) * c + channel) * h + y) * w + x;
  }
  std::size_t out(int image, int filter, int y, int x, int filters) const {
    return nhwc ? ((static_cast<std::size_t>(image) * oh + y) * ow + x) * filters + filter
                : ((static_cast<std::size_t>(image) * filters + filter) * oh + y) * ow + x;
  }
  std::size_t weight(int filter, int channel, int y, int x) const {
    return ((static_cast<std::size_t>(filter) * (c / groups) + channel) * r + y) * s + x;
  }
  // f(image, filter, oy, ox, channel of the group, r, s, iy, ix) for every tap inside the input.
  template <class F>
  void taps(F&& f) const {
    for (int i = 0; i < n; ++i)
      for (int o = 0; o < k; ++o)
        for (int oy = 0; oy < oh; ++oy)
          for (int ox = 0; ox < ow; ++ox)
            for (int q = 0; q < c / groups; ++q)
              for (int y = 0; y < r; ++y)
                for (int x = 0; x < s; ++x) {
                  const int iy = oy * sh - top + y * dh, ix = ox * sw - left + x * dw;
                  if (iy >= 0 && iy < h && ix >= 0 && ix < w) f(i, o, oy, ox, q, y, x, iy, ix);
                }
  }
  void describe(Call& call) const {
    call.set("batch", {double(n)}).set("channels", {double(c)}).set("height", {double(h)}).set("width", {double(w)});
    call.set("kernel", {double(r), double(s)})
        .set("output", {double(oh), double(ow)})
        .set("stride", {double(sh), double(sw)});
    call.set("padding", {double(top), double(bottom), double(left), double(right)})
        .set("dilation", {double(dh), double(dw)});
    call.set("nhwc", {double(nhwc)});
  }
  std::string text() const {
    char line[200];
    std::snprintf(line, sizeof line, "n%d c%d %dx%d k%d %dx%d s%d,%d p%d,%d,%d,%d d%d,%d g%d %s", n, c, h, w, k, r, s,
                  sh, sw, top, bottom, left, right, dh, dw, groups, nhwc ? "nhwc" : "nchw");
    return line;
  }
};

template <class T>
void expect_equal(Guarded<T>& got, const std::vector<T>& want, const char* what, const Problem& p) {
  EXPECT(got.intact(), "%s wrote outside its output (%s)", what, p.text().c_str());
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (!(got[i] == want[i])) {
      EXPECT(false, "%s[%zu] = %g, expected %g (%s)", what, i, double(got[i]), double(want[i]), p.text().c_str());
      return;
    }
  }
}

}  // namespace harness
