// Pooling of the target that this file is compiled for, against plain loops: both layouts, one thread and three.
#include "executor.h"
#include "ops/pool.h"

#include "window_problem.h"

namespace t = receptive::RECEPTIVE_TARGET;
using harness::Call;
using harness::expect_equal;
using harness::fill;
using harness::Guarded;
using harness::pick;
using harness::Problem;

namespace {

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

}  // namespace

int main() {
  windows_outside();
  for (int i = 0; i < harness::problems(150); ++i) {
    const Problem p = Problem::random();
    pooling<float>(p);
    pooling<double>(p);
  }
  for (int i = 0; i < harness::problems(300); ++i) {
    pooling<float>(Problem::usual());
    pooling<float>(Problem::wide());
    pooling<double>(Problem::wide());
    pooling<float>(Problem::bands());
    pooling<double>(Problem::bands());
  }
  for (int i = 0; i < 8; ++i) pooling<float>(Problem::many(i % 2 ? 28 : 56, 2 + i / 4, 1 + i / 2 % 2, i / 4));
  for (int i = 0; i < harness::problems(60); ++i) {
    const int oh = pick(1, 4), ow = pick(1, 9);
    const bool tiled = pick(0, 1) == 0;
    const int h = tiled ? oh * pick(1, 5) : pick(1, 12), w = tiled ? ow * pick(1, 40) : pick(1, 400);
    adaptive<float>(h, w, i % 4 == 0 ? 1 : oh, i % 4 == 0 ? 1 : ow, i % 3 == 0);
    adaptive<double>(h, w, oh, ow, i % 3 == 0);
  }
  return harness::report("pool_ops");
}
