// im2col and pooling, the op headers' own bodies, compiled by nvcc with the CUDA executor. scripts/cudaRows.mjs
// prints what ptxas says of them; where there is a device, the program compares their results with plain loops, element
// by element.
#include <cuda_runtime.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "executor.h"
#include "ops/avg_pool.h"
#include "ops/im2col.h"
#include "ops/max_pool.h"

namespace t = receptive::RECEPTIVE_TARGET;
using std::int64_t;

namespace {

void expect(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  std::fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(status));
  std::exit(1);
}

// Device memory with host contents.
template <class T>
class OnDevice {
 public:
  explicit OnDevice(const std::vector<T>& host) : size_(host.size()) {
    expect(cudaMalloc(&data_, size_ * sizeof(T)), "cudaMalloc");
    expect(cudaMemcpy(data_, host.data(), size_ * sizeof(T), cudaMemcpyHostToDevice), "cudaMemcpy");
  }
  ~OnDevice() { cudaFree(data_); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

  T* data() const { return static_cast<T*>(data_); }
  std::vector<T> read() const {
    std::vector<T> host(size_);
    expect(cudaMemcpy(host.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost), "cudaMemcpy");
    return host;
  }

 private:
  size_t size_;
  void* data_ = nullptr;
};

// Outputs start as a value that no case produces, so that an element left out is a difference.
constexpr float kUnwritten = -12345.0f;

// Same bits, except that any NaN equals any other.
template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    const bool both_nan = a[i] != a[i] && b[i] != b[i];
    if (!both_nan && std::memcmp(&a[i], &b[i], sizeof(T)) != 0) return false;
  }
  return a.size() == b.size();
}

struct Problem {
  int64_t images, channels;
  t::Axis y, x;
};

// Small integers with repetitions (ties), and now and then a NaN or an infinity.
std::vector<float> values(const Problem& p) {
  std::vector<float> v(p.images * p.channels * p.y.input * p.x.input);
  unsigned state = 12345;
  for (float& e : v) {
    state = state * 1664525u + 1013904223u;
    const unsigned r = state >> 16;
    e = r % 61 == 0 ? NAN : r % 59 == 0 ? -INFINITY : static_cast<float>(static_cast<int>(r % 17) - 8);
  }
  return v;
}

bool im2col(const t::Executor& executor, const Problem& p) {
  const std::vector<float> input = values(p);
  const int64_t planes = p.images * p.channels * p.y.kernel * p.x.kernel;
  std::vector<float> expected(planes * p.y.output * p.x.output, kUnwritten);
  const OnDevice<float> device_input(input), device_columns(expected);
  size_t at = 0;
  for (int64_t source = 0; source < p.images * p.channels; ++source) {
    for (int64_t r = 0; r < p.y.kernel; ++r) {
      for (int64_t s = 0; s < p.x.kernel; ++s) {
        for (int64_t oy = 0; oy < p.y.output; ++oy) {
          for (int64_t ox = 0; ox < p.x.output; ++ox) {
            const int64_t iy = p.y.first(oy) + r * p.y.dilation, ix = p.x.first(ox) + s * p.x.dilation;
            const bool inside = iy >= 0 && iy < p.y.input && ix >= 0 && ix < p.x.input;
            expected[at++] = inside ? input[(source * p.y.input + iy) * p.x.input + ix] : 0.0f;
          }
        }
      }
    }
  }
  const int64_t plane = p.y.input * p.x.input;
  t::im2col(executor, device_input.data(), device_columns.data(), p.images, p.channels, p.channels * plane, plane, 1,
            p.y, p.x);
  expect(cudaGetLastError(), "im2col");
  return same(expected, device_columns.read());
}

template <bool kIndices, int kStride, int kKernel>
bool max_pool(const t::Executor& executor, const Problem& p) {
  const std::vector<float> input = values(p);
  const int64_t planes = p.images * p.channels;
  std::vector<float> expected(planes * p.y.output * p.x.output, kUnwritten);
  std::vector<std::int32_t> where(expected.size(), -1);
  const OnDevice<float> device_input(input), device_output(expected);
  const OnDevice<std::int32_t> device_indices(where);
  size_t at = 0;
  for (int64_t plane = 0; plane < planes; ++plane) {
    const float* from = input.data() + plane * p.y.input * p.x.input;
    for (int64_t oy = 0; oy < p.y.output; ++oy) {
      for (int64_t ox = 0; ox < p.x.output; ++ox, ++at) {
        int64_t best = -1;
        for (int64_t r = 0; r < p.y.kernel; ++r) {
          for (int64_t s = 0; s < p.x.kernel; ++s) {
            const int64_t iy = p.y.first(oy) + r * p.y.dilation, ix = p.x.first(ox) + s * p.x.dilation;
            if (iy < 0 || iy >= p.y.input || ix < 0 || ix >= p.x.input) continue;
            const int64_t i = iy * p.x.input + ix;
            if (best < 0 || from[i] > from[best] || (std::isnan(from[i]) && !std::isnan(from[best]))) best = i;
          }
        }
        expected[at] = from[best];
        where[at] = static_cast<std::int32_t>(best);
      }
    }
  }
  const t::MaxPoolPlan<float> plan{
      device_input.data(), device_output.data(), kIndices ? device_indices.data() : nullptr, p.channels, p.y, p.x};
  executor.planes(planes, p.y.output, p.x.output,
                  t::MaxPoolPlanes<float, kIndices, kStride, kKernel>{plan, t::interior(p.x)});
  expect(cudaGetLastError(), "maxPool2d");
  return same(expected, device_output.read()) && (!kIndices || same(where, device_indices.read()));
}

template <int kStride, int kKernel>
bool avg_pool(const t::Executor& executor, const Problem& p, bool count_padding) {
  const std::vector<float> input = values(p);
  const int64_t planes = p.images * p.channels;
  std::vector<float> expected(planes * p.y.output * p.x.output, kUnwritten);
  const OnDevice<float> device_input(input), device_output(expected);
  size_t at = 0;
  for (int64_t plane = 0; plane < planes; ++plane) {
    const float* from = input.data() + plane * p.y.input * p.x.input;
    for (int64_t oy = 0; oy < p.y.output; ++oy) {
      for (int64_t ox = 0; ox < p.x.output; ++ox) {
        float sum = 0, count = 0;
        for (int64_t r = 0; r < p.y.kernel; ++r) {
          for (int64_t s = 0; s < p.x.kernel; ++s) {
            const int64_t iy = p.y.first(oy) + r * p.y.dilation, ix = p.x.first(ox) + s * p.x.dilation;
            const bool inside = iy >= 0 && iy < p.y.input && ix >= 0 && ix < p.x.input;
            if (inside) sum += from[iy * p.x.input + ix];
            if (inside || (count_padding && iy < p.y.input + p.y.after && ix < p.x.input + p.x.after)) ++count;
          }
        }
        expected[at++] = sum / count;
      }
    }
  }
  const t::AvgPoolPlan<float> plan{device_input.data(), device_output.data(), p.channels, p.y, p.x, count_padding};
  executor.planes(planes, p.y.output, p.x.output, t::AvgPoolPlanes<float, kStride, kKernel>{plan, t::interior(p.x)});
  expect(cudaGetLastError(), "avgPool2d");
  return same(expected, device_output.read());
}

// The gradient of windows side by side, NHWC.
bool avg_pool_tiles(const t::Executor& executor, const Problem& p) {
  Problem small = p;
  small.y.input = p.y.output;
  small.x.input = p.x.output;
  const std::vector<float> gradient = values(small);
  std::vector<float> expected;
  for (int64_t image = 0; image < p.images; ++image) {
    for (int64_t iy = 0; iy < p.y.input; ++iy) {
      for (int64_t ix = 0; ix < p.x.input; ++ix) {
        const int64_t oy = iy / p.y.kernel, ox = ix / p.x.kernel;
        const bool inside = oy < p.y.output && ox < p.x.output;
        for (int64_t channel = 0; channel < p.channels; ++channel) {
          const int64_t at = ((image * p.y.output + oy) * p.x.output + ox) * p.channels + channel;
          expected.push_back((inside ? gradient[at] : 0.0f) / static_cast<float>(p.y.kernel * p.x.kernel));
        }
      }
    }
  }
  const OnDevice<float> device_gradient(gradient), device_output(std::vector<float>(expected.size(), kUnwritten));
  executor.rows(p.images * p.y.input * p.x.input, p.channels,
                t::AvgPoolTiles<float>{device_gradient.data(), device_output.data(), p.channels, p.y, p.x, false});
  expect(cudaGetLastError(), "avgPool2dGrad");
  return same(expected, device_output.read());
}

// input, kernel, stride, padding before and after, dilation
t::Axis axis(int64_t input, int64_t kernel, int64_t stride, int64_t before, int64_t after, int64_t dilation) {
  const int64_t output = (input + before + after - dilation * (kernel - 1) - 1) / stride + 1;
  return t::Axis{input, output, kernel, stride, before, after, dilation};
}

int run_all() {
  receptive::KernelContext context{};
  const t::Executor executor(context);
  int cases = 0, wrong = 0;
  const auto check = [&](const char* name, const Problem& p, bool agrees) {
    ++cases;
    if (agrees) return;
    ++wrong;
    std::printf("%s differs: [%lld, %lld, %lld, %lld], kernel %lld x %lld, stride %lld, %lld\n", name,
                static_cast<long long>(p.images), static_cast<long long>(p.channels), static_cast<long long>(p.y.input),
                static_cast<long long>(p.x.input), static_cast<long long>(p.y.kernel),
                static_cast<long long>(p.x.kernel), static_cast<long long>(p.y.stride),
                static_cast<long long>(p.x.stride));
  };

  // Two images, asymmetric padding and dilation; a row wider than a block; single pixels in many planes; padding only.
  const Problem windows[] = {
      {2, 3, axis(11, 3, 1, 1, 0, 1), axis(14, 2, 1, 2, 1, 1)},
      {2, 2, axis(9, 3, 2, 2, 1, 2), axis(17, 4, 2, 0, 3, 1)},
      {1, 1, axis(3, 3, 1, 1, 1, 1), axis(700, 5, 3, 4, 4, 2)},
      {3, 300, axis(1, 1, 1, 0, 0, 1), axis(1, 1, 1, 0, 0, 1)},
      {1, 2, axis(1, 1, 1, 3, 0, 1), axis(2, 1, 1, 0, 3, 1)},
  };
  for (const Problem& p : windows) check("im2col", p, im2col(executor, p));

  const Problem halves = {2, 3, axis(13, 2, 2, 0, 1, 1), axis(18, 2, 2, 1, 1, 1)};
  check("maxPool2d 2x2", halves, max_pool<false, 2, 2>(executor, halves));
  const Problem overlapping = {1, 70, axis(15, 3, 2, 1, 1, 1), axis(22, 3, 2, 1, 0, 1)};
  check("maxPool2d 3x3", overlapping, max_pool<false, 2, 3>(executor, overlapping));
  check("maxPool2d 3x3 with indices", overlapping, max_pool<true, 2, 3>(executor, overlapping));
  const Problem dilated = {2, 2, axis(12, 3, 1, 2, 1, 2), axis(300, 2, 3, 1, 0, 3)};
  check("maxPool2d dilated", dilated, max_pool<false, 0, 0>(executor, dilated));
  check("maxPool2d dilated with indices", dilated, max_pool<true, 0, 0>(executor, dilated));

  for (const bool count_padding : {false, true}) {
    check("avgPool2d 2x2", halves, avg_pool<2, 2>(executor, halves, count_padding));
    check("avgPool2d 3x3", overlapping, avg_pool<2, 3>(executor, overlapping, count_padding));
    const Problem dense = {2, 3, axis(9, 3, 1, 1, 1, 1), axis(300, 3, 1, 1, 1, 1)};
    check("avgPool2d 3x3 stride 1", dense, avg_pool<1, 3>(executor, dense, count_padding));
    check("avgPool2d dilated", dilated, avg_pool<0, 0>(executor, dilated, count_padding));
    const Problem wide = {2, 2, axis(12, 5, 3, 1, 1, 1), axis(300, 40, 7, 3, 2, 1)};
    check("avgPool2d wide", wide, avg_pool<0, 0>(executor, wide, count_padding));
  }
  const Problem pairs = {2, 3, axis(7, 2, 2, 0, 0, 1), axis(31, 2, 2, 0, 0, 1)};
  check("avgPool2dGrad 2x2", pairs, avg_pool_tiles(executor, pairs));
  const Problem tiles = {3, 2, axis(9, 3, 3, 0, 0, 1), axis(40, 7, 7, 0, 0, 1)};
  check("avgPool2dGrad 3x7", tiles, avg_pool_tiles(executor, tiles));

  std::printf("%d of %d cases agree\n", cases - wrong, cases);
  return wrong == 0 ? 0 : 1;
}

}  // namespace

int main() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("no CUDA device: compiled, not executed\n");
    return 0;
  }
  return run_all();
}
