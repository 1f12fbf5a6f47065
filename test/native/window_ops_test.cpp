// Convolution and pooling of the target that this file is compiled for, against plain loops: random geometries with
// different numbers on every side, small integers so that results compare exactly, both layouts, several algorithms,
// one thread and three.
#include "executor.h"
#include "ops/conv2d.h"
#include "ops/matmul.h"
#include "ops/pool.h"

#include "op_harness.h"

namespace t = receptive::RECEPTIVE_TARGET;
using harness::Call;
using harness::Guarded;

namespace {

std::mt19937 generator(20260101);
int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(generator); }

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

template <class T>
void convolution(const Problem& p) {
  const auto list = t::Conv2dFamily<t::Executor>::list();
  Guarded<T> x(std::size_t(p.n) * p.c * p.h * p.w), weight(std::size_t(p.k) * (p.c / p.groups) * p.r * p.s), bias(p.k);
  Guarded<T> g(std::size_t(p.n) * p.k * p.oh * p.ow);
  fill(x), fill(weight), fill(bias), fill(g);
  std::vector<T> y(g.size), dx(x.size, T{0}), dw(weight.size, T{0});
  for (int i = 0; i < p.n; ++i)
    for (int o = 0; o < p.k; ++o)
      for (int oy = 0; oy < p.oh; ++oy)
        for (int ox = 0; ox < p.ow; ++ox) y[p.out(i, o, oy, ox, p.k)] = bias[o];
  p.taps([&](int i, int o, int oy, int ox, int q, int r, int s, int iy, int ix) {
    const int channel = o / (p.k / p.groups) * (p.c / p.groups) + q;
    const std::size_t at_in = p.in(i, channel, iy, ix), at_out = p.out(i, o, oy, ox, p.k), at_w = p.weight(o, q, r, s);
    y[at_out] += x[at_in] * weight[at_w];
    dx[at_in] += g[at_out] * weight[at_w];
    dw[at_w] += g[at_out] * x[at_in];
  });
  struct Algorithm {
    int number;
    std::string name;
  };
  std::vector<Algorithm> algorithms{{0, "implicit"}, {1, "im2col"}};
  const bool near = (p.r - 1) * p.dh < 128 && (p.s - 1) * p.dw < 128;
  if (!p.nhwc && p.c <= 8 * p.groups && near) algorithms.push_back({4, "direct"});
  for (const Algorithm& algorithm : algorithms) {
    const double number = algorithm.number;
    const std::string& algorithm_name = algorithm.name;
    for (const int threads : {1, 3}) {
      const auto call = [&](const char* name) {
        Call c(list, name);
        p.describe(c);
        c.set("filters", {double(p.k)}).set("groups", {double(p.groups)}).set("algorithm", {number});
        return c;
      };
      Guarded<T> forward(y.size()), input(dx.size()), filter(dw.size());
      EXPECT(call("conv2d").in(x).in(weight).in(bias).out(forward).run(threads) == nullptr, "refused %s",
             p.text().c_str());
      expect_equal(forward, y, ("conv2d " + algorithm_name).c_str(), p);
      EXPECT(call("conv2dInput").in(weight).in(g).out(input).run(threads) == nullptr, "refused %s", p.text().c_str());
      expect_equal(input, dx, ("conv2dInput " + algorithm_name).c_str(), p);
      EXPECT(call("conv2dWeight").in(x).in(g).out(filter).run(threads) == nullptr, "refused %s", p.text().c_str());
      expect_equal(filter, dw, ("conv2dWeight " + algorithm_name).c_str(), p);
    }
  }
}

// Both variants of winograd, in all directions. Filters are multiples of 576, so that float64 is exact; so are
// gradients by weight of integers.
template <class T>
void winograd(Problem p) {
  p.r = p.s = 3, p.sh = p.sw = p.dh = p.dw = 1, p.nhwc = false;
  p.oh = p.h + p.top + p.bottom - 2, p.ow = p.w + p.left + p.right - 2;
  if (p.oh <= 0 || p.ow <= 0) return;
  const auto list = t::Conv2dFamily<t::Executor>::list();
  Guarded<T> x(std::size_t(p.n) * p.c * p.h * p.w), weight(std::size_t(p.k) * (p.c / p.groups) * 9);
  Guarded<T> g(std::size_t(p.n) * p.k * p.oh * p.ow);
  fill(x), fill(weight), fill(g);
  for (std::size_t i = 0; i < weight.size; ++i) weight[i] *= 576;
  std::vector<T> y(g.size, T{0}), dx(x.size, T{0}), dw(weight.size, T{0});
  p.taps([&](int i, int o, int oy, int ox, int q, int r, int s, int iy, int ix) {
    const int channel = o / (p.k / p.groups) * (p.c / p.groups) + q;
    y[p.out(i, o, oy, ox, p.k)] += x[p.in(i, channel, iy, ix)] * weight[p.weight(o, q, r, s)];
    dx[p.in(i, channel, iy, ix)] += g[p.out(i, o, oy, ox, p.k)] * weight[p.weight(o, q, r, s)];
    dw[p.weight(o, q, r, s)] += x[p.in(i, channel, iy, ix)] * g[p.out(i, o, oy, ox, p.k)];
  });
  // `terms`: in the sums, `scale`: of the products of integers below 4.
  const auto expect_near = [&](Guarded<T>& got, const std::vector<T>& want, const char* what, double scale,
                               double terms) {
    EXPECT(got.intact(), "%s wrote outside its output (%s)", what, p.text().c_str());
    const double bound = sizeof(T) == 8 ? 0 : 5e-5 * scale * 16 * terms;
    for (std::size_t i = 0; i < want.size(); ++i) {
      if (std::fabs(double(got[i]) - double(want[i])) <= bound) continue;
      EXPECT(false, "%s[%zu] = %g, expected %g (%s)", what, i, double(got[i]), double(want[i]), p.text().c_str());
      return;
    }
  };
  for (const int algorithm : {2, 3}) {
    for (const int threads : {1, 3}) {
      const auto call = [&](const char* name) {
        Call c(list, name);
        p.describe(c);
        c.set("filters", {double(p.k)}).set("groups", {double(p.groups)}).set("algorithm", {double(algorithm)});
        return c;
      };
      Guarded<T> forward(y.size()), input(dx.size());
      EXPECT(call("conv2d").in(x).in(weight).out(forward).run(threads) == nullptr, "refused %s", p.text().c_str());
      const double channels = 9.0 * (p.c + p.k);
      expect_near(forward, y, algorithm == 2 ? "winograd F2" : "winograd F4", 576, channels);
      EXPECT(call("conv2dInput").in(weight).in(g).out(input).run(threads) == nullptr, "refused %s", p.text().c_str());
      expect_near(input, dx, algorithm == 2 ? "winograd F2, by input" : "winograd F4, by input", 576, channels);
      Guarded<T> filter(dw.size());
      EXPECT(call("conv2dWeight").in(x).in(g).out(filter).run(threads) == nullptr, "refused %s", p.text().c_str());
      expect_near(filter, dw, algorithm == 2 ? "winograd F2, by weight" : "winograd F4, by weight", 1,
                  double(p.n) * p.oh * p.ow);
    }
  }
}

// Windows that begin behind the input, as no caller of the library can ask for: refused, by every pooling op alike.
void windows_outside() {
  const auto list = t::PoolFamily<t::Executor>::list();
  Guarded<double> x(2 * 10 * 10), y(2 * 4 * 9);
  fill(x), fill(y);
  const auto call = [&](const char* name) {
    Call c(list, name);
    c.set("batch", {1}).set("channels", {2}).set("height", {10}).set("width", {10}).set("kernel", {2, 3});
    c.set("output", {4, 9}).set("stride", {3, 10}).set("padding", {1, 1, 0, 7}).set("dilation", {1, 1});
    return c;
  };
  Guarded<std::int32_t> indices(y.size);
  EXPECT(call("maxPool2d").in(x).out(y).run() != nullptr, "maxPool2d");
  EXPECT(call("maxPool2dWithIndices").in(x).out(y).out(indices).run() != nullptr, "maxPool2dWithIndices");
  EXPECT(call("avgPool2d").in(x).out(y).run() != nullptr, "avgPool2d");
  EXPECT(call("avgPool2dGrad").in(y).out(x).run() != nullptr, "avgPool2dGrad");
}

// Max pooling with its indices and gradient, average pooling with its gradient; NaN and -Infinity sprinkled in now and
// then.
template <class T>
void pooling(Problem p) {
  p.k = p.c;
  p.top %= p.r, p.bottom %= p.r, p.left %= p.s, p.right %= p.s;
  p.oh = (p.h + p.top + p.bottom - p.dh * (p.r - 1) - 1) / p.sh + 1;
  p.ow = (p.w + p.left + p.right - p.dw * (p.s - 1) - 1) / p.sw + 1;
  if (p.h + p.top + p.bottom <= p.dh * (p.r - 1) || p.w + p.left + p.right <= p.dw * (p.s - 1)) return;
  const auto list = t::PoolFamily<t::Executor>::list();
  Guarded<T> x(std::size_t(p.n) * p.c * p.h * p.w), g(std::size_t(p.n) * p.c * p.oh * p.ow);
  fill(x), fill(g);
  if (pick(0, 2) == 0) {
    for (int i = 0; i < 3; ++i) x[pick(0, int(x.size) - 1)] = i == 0 ? T(NAN) : T(-INFINITY);
  }
  if (pick(0, 5) == 0) {
    for (std::size_t i = 0; i < x.size; ++i) x[i] = T(-INFINITY);
  }
  std::vector<T> y(g.size), dx(x.size, T{0}), mean(g.size), dmean(x.size, T{0});
  std::vector<std::int32_t> where(g.size);
  const bool count_padding = pick(0, 1) == 1;
  bool covered = true;
  for (int i = 0; i < p.n; ++i)
    for (int q = 0; q < p.c; ++q)
      for (int oy = 0; oy < p.oh; ++oy)
        for (int ox = 0; ox < p.ow; ++ox) {
          T best = 0;
          double sum = 0;
          int at = -1, count = 0;
          for (int r = 0; r < p.r; ++r)
            for (int s = 0; s < p.s; ++s) {
              const int iy = oy * p.sh - p.top + r * p.dh, ix = ox * p.sw - p.left + s * p.dw;
              const bool inside = iy >= 0 && iy < p.h && ix >= 0 && ix < p.w;
              if (inside || (count_padding && iy < p.h + p.bottom && ix < p.w + p.right)) ++count;
              if (!inside) continue;
              const T v = x[p.in(i, q, iy, ix)];
              sum += v;
              if (at < 0 || v > best || (std::isnan(v) && !std::isnan(best))) best = v, at = iy * p.w + ix;
            }
          covered = covered && at >= 0;
          const std::size_t o = p.out(i, q, oy, ox, p.c);
          y[o] = best, where[o] = at;
          if (at < 0) continue;
          mean[o] = static_cast<T>(static_cast<T>(sum) / static_cast<T>(count));
          dx[p.in(i, q, at / p.w, at % p.w)] += g[o];
          for (int r = 0; r < p.r; ++r)
            for (int s = 0; s < p.s; ++s) {
              const int iy = oy * p.sh - p.top + r * p.dh, ix = ox * p.sw - p.left + s * p.dw;
              if (iy >= 0 && iy < p.h && ix >= 0 && ix < p.w) dmean[p.in(i, q, iy, ix)] += g[o] / static_cast<T>(count);
            }
        }
  const auto call = [&](const char* name) {
    Call c(list, name);
    p.describe(c);
    c.set("channels", {double(p.c)}).set("countIncludePad", {double(count_padding)});
    return c;
  };
  const auto same = [](T a, T b) { return a == b || (std::isnan(a) && std::isnan(b)); };
  const auto close = [](T a, T b) {
    return a == b || (std::isnan(a) && std::isnan(b)) || std::fabs(a - b) < 1e-5 * (1 + std::fabs(b));
  };
  for (const int threads : {1, 3}) {
    Guarded<T> values(y.size()), plain(y.size()), gradient(dx.size()), average(y.size()), spread(dx.size());
    Guarded<std::int32_t> indices(y.size());
    const char* refused = call("maxPool2dWithIndices").in(x).out(values).out(indices).run(threads);
    EXPECT((refused == nullptr) == covered, "%s: %s", p.text().c_str(), refused == nullptr ? "accepted" : refused);
    if (!covered) return;
    call("maxPool2d").in(x).out(plain).run(threads);
    EXPECT(values.intact() && plain.intact() && indices.intact(), "max pool wrote outside (%s)", p.text().c_str());
    for (std::size_t i = 0; i < y.size(); ++i) {
      if (!same(values[i], y[i]) || !same(plain[i], y[i]) || indices[i] != where[i]) {
        EXPECT(false, "max pool [%zu] = %g, %g at %d, expected %g at %d (%s)", i, double(values[i]), double(plain[i]),
               indices[i], double(y[i]), where[i], p.text().c_str());
        break;
      }
    }
    receptive::Fault fault{-1, 0, 0};
    call("maxPool2dGrad").in(g).in(indices).out(gradient).run(threads, &fault);
    EXPECT(fault.position < 0, "a good index was reported (%s)", p.text().c_str());
    if (indices.size > 1) {  // the first of two bad ones is reported
      Guarded<std::int32_t> bad(indices.size);
      for (std::size_t i = 0; i < bad.size; ++i) bad[i] = indices[i];
      const std::size_t at = bad.size / 2;
      bad[at] = p.h * p.w;
      bad[bad.size - 1] = -1;
      Guarded<T> unused(dx.size());
      call("maxPool2dGrad").in(g).in(bad).out(unused).run(threads, &fault);
      const std::int64_t value = at == bad.size - 1 ? -1 : p.h * p.w;
      EXPECT(fault.position == static_cast<std::int64_t>(at) && fault.value == value, "fault at %lld",
             (long long)fault.position);
      EXPECT(unused.intact(), "maxPool2dGrad wrote outside (%s)", p.text().c_str());
    }
    expect_equal(gradient, dx, "maxPool2dGrad", p);
    EXPECT(call("avgPool2d").in(x).out(average).run(threads) == nullptr, "refused %s", p.text().c_str());
    EXPECT(call("avgPool2dGrad").in(g).out(spread).run(threads) == nullptr, "refused %s", p.text().c_str());
    EXPECT(average.intact() && spread.intact(), "average wrote outside (%s)", p.text().c_str());
    for (std::size_t i = 0; i < y.size(); ++i) {
      if (!close(average[i], mean[i])) {
        EXPECT(false, "avgPool2d[%zu] = %g, expected %g (%s)", i, double(average[i]), double(mean[i]),
               p.text().c_str());
        break;
      }
    }
    for (std::size_t i = 0; i < dx.size(); ++i) {
      if (!close(spread[i], dmean[i])) {
        EXPECT(false, "avgPool2dGrad[%zu] = %g, expected %g (%s)", i, double(spread[i]), double(dmean[i]),
               p.text().c_str());
        break;
      }
    }
  }
}

template <class T>
void adaptive(int h, int w, int oh, int ow, bool nhwc) {
  const int n = 2, c = nhwc ? 37 : 3;
  const auto list = t::PoolFamily<t::Executor>::list();
  const auto at = [&](int image, int channel, int y, int x, int height, int width) {
    return std::size_t(nhwc ? ((image * height + y) * width + x) * c + channel
                            : ((image * c + channel) * height + y) * width + x);
  };
  Guarded<T> x(std::size_t(n) * c * h * w), g(std::size_t(n) * c * oh * ow), y(g.size), dx(x.size);
  fill(x), fill(g);
  std::vector<double> mean(g.size, 0), spread(x.size, 0);
  for (int image = 0; image < n; ++image)
    for (int channel = 0; channel < c; ++channel)
      for (int oy = 0; oy < oh; ++oy)
        for (int ox = 0; ox < ow; ++ox) {
          const int top = oy * h / oh, bottom = ((oy + 1) * h + oh - 1) / oh;
          const int left = ox * w / ow, right = ((ox + 1) * w + ow - 1) / ow;
          const std::size_t o = at(image, channel, oy, ox, oh, ow);
          for (int iy = top; iy < bottom; ++iy)
            for (int ix = left; ix < right; ++ix) {
              const double count = (bottom - top) * (right - left);
              mean[o] += double(x[at(image, channel, iy, ix, h, w)]) / count;
              spread[at(image, channel, iy, ix, h, w)] += double(g[o]) / count;
            }
        }
  const auto call = [&](const char* name) {
    Call call(list, name);
    call.set("batch", {n}).set("channels", {double(c)}).set("height", {double(h)}).set("width", {double(w)});
    call.set("output", {double(oh), double(ow)}).set("kernel", {1, 1}).set("stride", {1, 1}).set("dilation", {1, 1});
    return call.set("nhwc", {double(nhwc)});
  };
  for (const int threads : {1, 3}) {
    EXPECT(call("adaptiveAvgPool2d").in(x).out(y).run(threads) == nullptr, "refused %d %d", h, w);
    EXPECT(call("adaptiveAvgPool2dGrad").in(g).out(dx).run(threads) == nullptr, "refused %d %d", h, w);
    EXPECT(y.intact() && dx.intact(), "adaptive pooling %dx%d to %dx%d wrote outside", h, w, oh, ow);
    for (std::size_t i = 0; i < y.size; ++i) {
      EXPECT(std::fabs(y[i] - mean[i]) < 1e-5, "adaptive %dx%d to %dx%d [%zu] = %g, expected %g", h, w, oh, ow, i,
             double(y[i]), mean[i]);
    }
    for (std::size_t i = 0; i < dx.size; ++i) {
      EXPECT(std::fabs(dx[i] - spread[i]) < 1e-5, "its gradient %dx%d to %dx%d [%zu] = %g, expected %g", h, w, oh, ow,
             i, double(dx[i]), spread[i]);
    }
  }
}

template <class T>
void product(int m, int n, int k, bool transpose_a, bool transpose_b) {
  Guarded<T> a(std::size_t(m) * k), b(std::size_t(k) * n), c(std::size_t(m) * n);
  fill(a), fill(b);
  Call call(t::MatmulFamily<t::Executor>::list(), "matmul");
  call.set("rank", {0}).set("m", {double(m)}).set("n", {double(n)}).set("k", {double(k)});
  call.set("transposeA", {double(transpose_a)}).set("transposeB", {double(transpose_b)});
  EXPECT(call.in(a).in(b).out(c).run(3) == nullptr, "refused %d %d %d", m, n, k);
  EXPECT(c.intact(), "matmul %d %d %d wrote outside", m, n, k);
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      T sum = 0;
      for (int q = 0; q < k; ++q)
        sum += a[transpose_a ? q * m + i : i * k + q] * b[transpose_b ? j * k + q : q * n + j];
      if (c[std::size_t(i) * n + j] != sum) {
        EXPECT(false, "matmul %d %d %d [%d, %d] = %g, expected %g", m, n, k, i, j, double(c[std::size_t(i) * n + j]),
               double(sum));
        return;
      }
    }
}

}  // namespace

int main() {
  const auto convolutions = [](const Problem& p) { convolution<float>(p), convolution<double>(p); };
  windows_outside();
  for (int i = 0; i < 150; ++i) {
    const Problem p = Problem::random();
    convolutions(p);
    winograd<float>(p);
    winograd<double>(p);
    pooling<float>(p);
    pooling<double>(p);
  }
  for (int i = 0; i < 120; ++i) {
    if (i < 80) convolutions(Problem::narrow());
    convolutions(Problem::pixels());
  }
  for (int i = 0; i < 300; ++i) {
    pooling<float>(Problem::usual());
    pooling<float>(Problem::wide());
    pooling<double>(Problem::wide());
    pooling<float>(Problem::bands());
    pooling<double>(Problem::bands());
  }
  for (int i = 0; i < 8; ++i) pooling<float>(Problem::many(i % 2 ? 28 : 56, 2 + i / 4, 1 + i / 2 % 2, i / 4));
  for (int i = 0; i < 60; ++i) {
    const int oh = pick(1, 4), ow = pick(1, 9);
    const bool tiled = pick(0, 1) == 0;
    const int h = tiled ? oh * pick(1, 5) : pick(1, 12), w = tiled ? ow * pick(1, 40) : pick(1, 400);
    adaptive<float>(h, w, i % 4 == 0 ? 1 : oh, i % 4 == 0 ? 1 : ow, i % 3 == 0);
    adaptive<double>(h, w, oh, ow, i % 3 == 0);
  }
  // n, c, h, w, k, r, s, stride, padding (top, bottom, left, right), dilation, groups
  const Problem edges[] = {
      {2, 3, 11, 23, 5, 1, 1, 2, 2, 0, 0, 0, 0, 1, 1, 1},     // phases without taps
      {1, 3, 13, 70, 4, 2, 1, 5, 4, 1, 0, 2, 3, 1, 1, 1},     // strides beyond the kernel, which do not divide
      {1, 4, 19, 41, 6, 3, 5, 2, 3, 1, 2, 3, 0, 1, 1, 2},     // 2 x 3
      {2, 2, 17, 37, 3, 3, 4, 4, 4, 5, 1, 0, 6, 2, 2, 1},     // dilation and stride share a factor
      {1, 2, 12, 30, 3, 3, 3, 2, 3, 2, 2, 3, 3, 2, 3, 1},     // dilation equals the stride: one phase has all taps
      {1, 2, 3, 2, 3, 3, 3, 5, 6, 3, 3, 4, 4, 1, 1, 1},       // fewer pixels than phases
      {1, 2, 9, 9, 2, 2, 2, 9, 9, 0, 0, 0, 0, 1, 1, 1},       // more phases than are kept apart
      {1, 70, 9, 15, 90, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1},    // several blocks of steps, parts of the rows
      {3, 26, 7, 7, 50, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1},     // images smaller than a block of steps
      {1, 3, 40, 430, 20, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1},   // rows longer than a block of steps
      {2, 32, 14, 15, 64, 5, 5, 1, 1, 2, 2, 2, 2, 1, 1, 4},   // groups
      {1, 130, 10, 11, 17, 3, 3, 1, 2, 0, 0, 0, 0, 2, 1, 1},  // several blocks of channels, no padding
      {1, 1, 5, 6, 2, 2, 2, 3, 1, 0, 0, 0, 0, 1, 1, 1},       // rows at the end that no window reaches
      {1, 2, 4, 5, 3, 2, 2, 1, 1, 900, 0, 3000, 0, 900, 3000, 1},
      {1, 2, 140, 300, 2, 2, 2, 1, 1, 3, 0, 0, 9, 127, 127, 2},  // as far as `direct` reaches
      {2, 1, 300, 9, 3, 3, 2, 128, 128, 0, 0, 0, 0, 1, 1, 1},    // and its largest strides
      {1, 8, 5, 40, 40, 31, 31, 1, 1, 15, 15, 15, 15, 1, 1, 1},  // many taps
      {1, 1, 20, 20, 70, 5, 5, 1, 2, 2, 2, 2, 2, 1, 1, 1},       // many filters in few bands
      {1, 2, 2, 2, 2, 1, 1, 1, 1, 4, 4, 4, 4, 1, 1, 2},          // windows that lie outside  // taps far apart
      {1, 400, 5, 6, 10, 3, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1},       // more channels than steps of a block
      {2, 40, 9, 30, 40, 3, 3, 2, 1, 1, 1, 1, 1, 1, 1, 40},      // more pixels than a task, channel by channel
      {1, 5, 3, 140, 5, 12, 12, 1, 1, 9, 9, 9, 9, 1, 1, 5},      // and too many taps for that
      {1, 6, 3, 300, 6, 2, 2, 1, 150, 1, 1, 1, 1, 1, 149, 3},    // more between the pixels of a task than is copied
      {1, 12, 9, 9, 12, 3, 3, 3, 3, 1, 1, 1, 1, 1, 2, 12}};      // phases, channel by channel
  for (const Problem& edge : edges) {
    Problem p = edge.sized();
    convolutions(p);
    p.nhwc = true;
    convolutions(p);
  }
  const Problem tiled[] = {
      {1, 70, 9, 15, 90, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1},    // several strips of filters and panels of channels
      {3, 26, 7, 7, 50, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1},     // tiles of several images in a vector
      {2, 6, 60, 310, 40, 3, 3, 1, 1, 2, 0, 3, 1, 1, 1, 2},   // several blocks of tiles
      {1, 9, 3, 1300, 3, 3, 3, 1, 1, 0, 5, 40, 0, 1, 1, 3}};  // rows of tiles that lie in padding
  for (const Problem& problem : tiled) {
    winograd<float>(problem);
    winograd<double>(problem);
  }
  for (int i = 0; i < 60; ++i) {
    product<float>(pick(1, 70), pick(1, 120), pick(1, 90), pick(0, 1), pick(0, 1));
    product<double>(pick(1, 70), pick(1, 120), pick(1, 90), pick(0, 1), pick(0, 1));
  }
  product<float>(3, 5, 9000, false, true);  // splits along k
  product<double>(17, 31, 3100, true, false);
  return harness::report("window_ops");
}
