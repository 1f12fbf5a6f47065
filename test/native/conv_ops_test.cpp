// Convolution and products of the target that this file is compiled for, against plain loops: both layouts, several
// algorithms, one thread and three.
#include "executor.h"
#include "ops/conv2d.h"
#include "ops/matmul.h"

#include "window_problem.h"

namespace t = receptive::RECEPTIVE_TARGET;
using harness::Call;
using harness::expect_equal;
using harness::fill;
using harness::Guarded;
using harness::pick;
using harness::Problem;

namespace {

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
  for (int i = 0; i < harness::problems(150); ++i) {
    const Problem p = Problem::random();
    convolutions(p);
    winograd<float>(p);
    winograd<double>(p);
  }
  for (int i = 0; i < harness::problems(120); ++i) {
    if (i < 80) convolutions(Problem::narrow());
    convolutions(Problem::pixels());
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
  // No outputs: every gradient by the weights is 0.
  for (const bool no_images : {true, false}) {
    Problem none = Problem{2, 3, 6, 9, 4, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1}.sized();
    (no_images ? none.n : none.oh) = 0;
    convolutions(none);
    winograd<float>(none);
    winograd<double>(none);
  }
  for (int i = 0; i < harness::problems(60); ++i) {
    product<float>(pick(1, 70), pick(1, 120), pick(1, 90), pick(0, 1), pick(0, 1));
    product<double>(pick(1, 70), pick(1, 120), pick(1, 90), pick(0, 1), pick(0, 1));
  }
  product<float>(3, 5, 9000, false, true);  // splits along k
  product<double>(17, 31, 3100, true, false);
  product<float>(300, 130, 3600, false, false);  // rows that are read once for several panels of columns
  return harness::report("conv_ops");
}
