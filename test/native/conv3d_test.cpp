// Convolution over volumes of the target that this file is compiled for, against plain loops: one thread and three.
#include <array>

#include "executor.h"
#include "ops/conv3d.h"

#include "window_problem.h"

namespace t = receptive::RECEPTIVE_TARGET;
using harness::Call;
using harness::fill;
using harness::Guarded;
using harness::pick;

namespace {

struct Side {
  int input, kernel, stride, before, after, dilation;
  int output() const { return (input + before + after - dilation * (kernel - 1) - 1) / stride + 1; }
  bool fits() const { return input + before + after > dilation * (kernel - 1); }
};

struct Volume {
  int n, c, k, groups;  // c and k of a group
  Side z, y, x;

  std::size_t inputs() const { return std::size_t(z.input) * y.input * x.input; }
  std::size_t outputs() const { return std::size_t(z.output()) * y.output() * x.output(); }
  std::size_t taps() const { return std::size_t(z.kernel) * y.kernel * x.kernel; }
  std::string text() const {
    std::string line =
        "n" + std::to_string(n) + " c" + std::to_string(c) + " k" + std::to_string(k) + " g" + std::to_string(groups);
    for (const Side& s : {z, y, x}) {
      for (const int number : {s.input, s.kernel, s.stride, s.before, s.after, s.dilation}) {
        line += (number == s.input ? " | " : " ") + std::to_string(number);
      }
    }
    return line;
  }
};

Volume random_volume() {
  const auto side = [](int longest) {
    for (;;) {
      const Side s{pick(1, longest), pick(1, 3), pick(1, 3), pick(0, 3), pick(0, 2), pick(1, 3)};
      if (s.fits()) return s;
    }
  };
  return Volume{pick(1, 2), pick(1, 4), pick(1, 9), pick(1, 2), side(7), side(9), side(40)};
}

template <class T>
void expect_same(Guarded<T>& got, const std::vector<T>& want, const char* what, const Volume& v) {
  EXPECT(got.intact(), "%s wrote outside its output (%s)", what, v.text().c_str());
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (got[i] == want[i]) continue;
    EXPECT(false, "%s[%zu] = %g, expected %g (%s)", what, i, double(got[i]), double(want[i]), v.text().c_str());
    return;
  }
}

// f(x, weight, y) with the positions of every product whose tap is inside the input.
template <class F>
void products(const Volume& v, F f) {
  const int od = v.z.output(), oh = v.y.output(), ow = v.x.output();
  for (int image = 0; image < v.n; ++image)
    for (int filter = 0; filter < v.k * v.groups; ++filter)
      for (int oz = 0; oz < od; ++oz)
        for (int oy = 0; oy < oh; ++oy)
          for (int ox = 0; ox < ow; ++ox)
            for (int q = 0; q < v.c; ++q)
              for (int tz = 0; tz < v.z.kernel; ++tz)
                for (int r = 0; r < v.y.kernel; ++r)
                  for (int s = 0; s < v.x.kernel; ++s) {
                    const int iz = oz * v.z.stride - v.z.before + tz * v.z.dilation;
                    const int iy = oy * v.y.stride - v.y.before + r * v.y.dilation;
                    const int ix = ox * v.x.stride - v.x.before + s * v.x.dilation;
                    const bool inside =
                        iz >= 0 && iz < v.z.input && iy >= 0 && iy < v.y.input && ix >= 0 && ix < v.x.input;
                    if (!inside) continue;
                    const std::size_t channel = std::size_t(image) * v.c * v.groups + filter / v.k * v.c + q;
                    f(((channel * v.z.input + iz) * v.y.input + iy) * v.x.input + ix,
                      (((std::size_t(filter) * v.c + q) * v.z.kernel + tz) * v.y.kernel + r) * v.x.kernel + s,
                      (((std::size_t(image) * v.k * v.groups + filter) * od + oz) * oh + oy) * ow + ox);
                  }
}

template <class T>
void convolution(const Volume& v) {
  const std::size_t filters = std::size_t(v.k) * v.groups;
  Guarded<T> x(v.n * v.c * v.groups * v.inputs()), weight(filters * v.c * v.taps()), bias(filters);
  Guarded<T> g(v.n * filters * v.outputs());
  fill(x), fill(weight), fill(bias), fill(g);
  std::vector<T> y(g.size), dx(x.size, T{0}), dw(weight.size, T{0});
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = bias[i / v.outputs() % filters];
  products(v, [&](std::size_t in, std::size_t tap, std::size_t out) {
    y[out] += x[in] * weight[tap];
    dx[in] += g[out] * weight[tap];
    dw[tap] += g[out] * x[in];
  });
  for (const int threads : {1, 3}) {
    const auto call = [&](const char* name) {
      Call c(t::Conv3dFamily<t::Executor>::list(), name);
      const auto& [z, r, s] = std::array{v.z, v.y, v.x};
      const auto three = [&](const char* field, int Side::*of) {
        c.set(field, {double(z.*of), double(r.*of), double(s.*of)});
      };
      three("input", &Side::input), three("kernel", &Side::kernel), three("stride", &Side::stride);
      three("dilation", &Side::dilation);
      c.set("output", {double(z.output()), double(r.output()), double(s.output())});
      c.set("padding",
            {double(z.before), double(z.after), double(r.before), double(r.after), double(s.before), double(s.after)});
      c.set("batch", {double(v.n)}).set("channels", {double(v.c * v.groups)});
      c.set("filters", {double(filters)}).set("groups", {double(v.groups)});
      return c;
    };
    const auto expect_runs = [&](const char* wrong) { EXPECT(wrong == nullptr, "%s (%s)", wrong, v.text().c_str()); };
    Guarded<T> forward(y.size()), input(dx.size()), filter(dw.size());
    expect_runs(call("conv3d").in(x).in(weight).in(bias).out(forward).run(threads));
    expect_same(forward, y, "conv3d", v);
    expect_runs(call("conv3dInput").in(weight).in(g).out(input).run(threads));
    expect_same(input, dx, "conv3dInput", v);
    expect_runs(call("conv3dWeight").in(x).in(g).out(filter).run(threads));
    expect_same(filter, dw, "conv3dWeight", v);
    Guarded<T> small(y.size() - 1);
    EXPECT(call("conv3d").in(x).in(weight).in(bias).out(small).run(threads) != nullptr, "a small output was taken");
  }
}

}  // namespace

int main() {
  const auto both = [](const Volume& v) { convolution<float>(v), convolution<double>(v); };
  for (int i = 0; i < harness::problems(150); ++i) both(random_volume());
  // n, c, k, groups; input, kernel, stride, before, after, dilation of each axis
  const Volume edges[] = {
      {2, 5, 7, 2, {4, 1, 1, 0, 0, 1}, {6, 1, 1, 0, 0, 1}, {7, 1, 1, 0, 0, 1}},               // 1x1x1
      {1, 5, 7, 1, {9, 3, 2, 1, 0, 2}, {4, 1, 1, 0, 0, 1}, {9, 1, 1, 0, 0, 1}},               // along the depth alone
      {1, 30, 33, 1, {3, 3, 1, 1, 1, 1}, {7, 3, 1, 1, 1, 1}, {9, 3, 1, 1, 1, 1}},             // several blocks of steps
      {1, 30, 33, 1, {5, 3, 2, 1, 1, 1}, {7, 3, 1, 1, 1, 1}, {9, 3, 2, 1, 1, 1}},             // and phases
      {3, 5, 26, 1, {4, 3, 1, 1, 1, 1}, {3, 3, 1, 1, 1, 1}, {5, 3, 1, 1, 1, 1}},              // small planes
      {1, 1, 2, 1, {2, 2, 1, 1, 1, 1}, {3, 2, 1, 0, 0, 1}, {500, 3, 1, 1, 1, 1}},             // long rows
      {1, 2, 3, 1, {11, 3, 5, 2, 2, 1}, {12, 2, 4, 2, 2, 1}, {10, 3, 4, 2, 2, 1}},            // many phases
      {1, 2, 3, 1, {8, 2, 4, 0, 0, 1}, {9, 1, 3, 0, 0, 1}, {10, 2, 3, 0, 0, 1}},              // phases without taps
      {2, 2, 2, 1, {3, 2, 1, 1, 1, 2}, {2, 2, 1, 70000, 70000, 140001}, {3, 2, 1, 2, 2, 3}},  // taps far apart
      {1, 2, 3, 1, {1, 2, 1, 2, 2, 3}, {5, 2, 1, 0, 0, 1}, {6, 2, 1, 0, 0, 1}}};  // planes that no tap reads
  for (const Volume& edge : edges) both(edge);
  return harness::report("conv3d");
}
