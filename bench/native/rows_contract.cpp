// rows() with packs against a hand-written loop: im2col and max pooling, in cache and out of it. The measurement that
// the executor's contract rests on; figures are in native/README.md. Prints the ratio of times, ours and the loop in
// turn.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <algorithm>
#include <vector>

#include "executor.h"
#include "../ops/im2col.h"
#include "../ops/max_pool.h"

namespace t = receptive::RECEPTIVE_TARGET;

namespace {

// The loops somebody would write for exactly these problems, left to the compiler's vectoriser.
__attribute__((noinline)) void im2col_loop(const float* in, float* out, long channels, long h, long w) {
  for (long c = 0; c < channels; ++c) {
    for (long r = 0; r < 3; ++r) {
      for (long s = 0; s < 3; ++s) {
        for (long oy = 0; oy < h; ++oy) {
          const long iy = oy + r - 1;
          if (iy < 0 || iy >= h) {
            for (long ox = 0; ox < w; ++ox) out[ox] = 0;
          } else {
            const float* line = in + (c * h + iy) * w + s - 1;
            const long begin = s == 0 ? 1 : 0, end = s == 2 ? w - 1 : w;
            if (begin == 1) out[0] = 0;
            if (end < w) out[w - 1] = 0;
            __builtin_memcpy(out + begin, line + begin, static_cast<size_t>(end - begin) * sizeof(float));
          }
          out += w;
        }
      }
    }
  }
}

// 2x2, stride 2, by explicit vectors, without the NaN rule.
__attribute__((noinline)) void max_pool_loop(const float* in, float* out, long planes, long h, long w) {
  constexpr int N = t::kLanes<float>;
  const t::Lanes<N, true> p{};
  const long oh = h / 2, ow = w / 2;
  for (long plane = 0; plane < planes; ++plane) {
    for (long oy = 0; oy < oh; ++oy) {
      const float* a = in + (plane * h + 2 * oy) * w;
      const float* b = a + w;
      float* o = out + (plane * oh + oy) * ow;
      long ox = 0;
      for (; ox + N <= ow; ox += N) {
        const auto low = t::maximum_ordered(p.load(a + 2 * ox), p.load(b + 2 * ox));
        const auto high = t::maximum_ordered(p.load(a + 2 * ox + N), p.load(b + 2 * ox + N));
        typename t::VectorOf<int, N>::type even, odd;
        for (int i = 0; i < N; ++i) even[i] = 2 * i, odd[i] = 2 * i + 1;
        using P = t::Pack<float, N>;
        p.store(o + ox, t::maximum_ordered(P(__builtin_shuffle(low.v, high.v, even)),
                                           P(__builtin_shuffle(low.v, high.v, odd))));
      }
      for (; ox < ow; ++ox) o[ox] = std::max(std::max(a[2 * ox], a[2 * ox + 1]), std::max(b[2 * ox], b[2 * ox + 1]));
    }
  }
}

// Aligned as tensors are.
class Floats {
 public:
  Floats(long size, float value)
      : size_(size), data_(static_cast<float*>(std::aligned_alloc(64, (size * 4 + 127) / 64 * 64))) {
    std::fill(data_, data_ + size, value);
  }
  Floats(const Floats&) = delete;
  ~Floats() { std::free(data_); }
  float* data() { return data_; }
  float* begin() { return data_; }
  float* end() { return data_ + size_; }
  long size() const { return size_; }
  bool operator==(const Floats& other) const { return std::equal(data_, data_ + size_, other.data_); }

 private:
  long size_;
  float* data_;
};

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

template <class A, class B>
void compare(const char* what, double bytes, A&& ours, B&& loop) {
  ours();
  loop();
  double started = seconds();
  ours();
  const int repeat = std::max(1, static_cast<int>(2e-3 / (seconds() - started)));
  std::vector<double> a, b, ratio;
  for (int i = 0; i < 41; ++i) {
    started = seconds();
    for (int k = 0; k < repeat; ++k) ours();
    a.push_back((seconds() - started) / repeat);
    started = seconds();
    for (int k = 0; k < repeat; ++k) loop();
    b.push_back((seconds() - started) / repeat);
    ratio.push_back(b.back() / a.back());
  }
  for (auto* v : {&a, &b, &ratio}) std::sort(v->begin(), v->end());
  std::printf("%-34s rows %7.1f GB/s  loop %7.1f GB/s  rows/loop %.2f\n", what, bytes / a[20] * 1e-9,
              bytes / b[20] * 1e-9, ratio[20]);
}

void im2col_case(long channels, long h, long w) {
  Floats in(channels * h * w, 0), a(channels * 9 * h * w, 0), b(a.size(), 1);
  for (auto& v : in) v = static_cast<float>(std::rand()) / static_cast<float>(RAND_MAX) - 0.5f;
  receptive::KernelContext context{};
  t::Executor executor(context);
  const t::Axis y{h, h, 3, 1, 1, 1, 1}, x{w, w, 3, 1, 1, 1, 1};
  const t::Im2ColBody<float, 1> body{in.data(), a.data(), channels, channels * h * w, h * w, 1, y, x};
  char name[64];
  std::snprintf(name, sizeof name, "im2col 3x3 p1 %ldx%ldx%ld", channels, h, w);
  compare(
      name, static_cast<double>(in.size() + a.size()) * 4, [&] { executor.planes(channels * 9, h, w, body); },
      [&] { im2col_loop(in.data(), b.data(), channels, h, w); });
  if (!(a == b)) std::printf("DIFFERENT RESULTS\n"), std::exit(1);
}

void pool_case(long planes, long h, long w) {
  Floats in(planes * h * w, 0), a(planes * (h / 2) * (w / 2), 0), b(a.size(), 1);
  for (auto& v : in) v = static_cast<float>(std::rand()) / static_cast<float>(RAND_MAX) - 0.5f;
  receptive::KernelContext context{};
  t::Executor executor(context);
  const t::Axis y{h, h / 2, 2, 2, 0, 0, 1}, x{w, w / 2, 2, 2, 0, 0, 1};
  const t::MaxPoolPlanes<float, false, 2, 2> body{{in.data(), a.data(), nullptr, planes, y, x}, t::interior(x)};
  char name[64];
  std::snprintf(name, sizeof name, "max pool 2x2 s2 %ldx%ldx%ld", planes, h, w);
  compare(
      name, static_cast<double>(in.size() + a.size()) * 4, [&] { executor.planes(planes, h / 2, w / 2, body); },
      [&] { max_pool_loop(in.data(), b.data(), planes, h, w); });
  if (!(a == b)) std::printf("DIFFERENT RESULTS\n"), std::exit(1);
}

}  // namespace

int main() {
  im2col_case(4, 32, 32);     // in the first caches
  im2col_case(16, 56, 56);    // in the second
  im2col_case(64, 112, 112);  // out of cache
  pool_case(4, 32, 64);
  pool_case(16, 112, 112);
  pool_case(64, 112, 112);
  pool_case(256, 224, 224);
}
