// The `direct` convolution: depthwise, where a group has one channel and a product has nothing to share. NCHW, lanes
// along a row. Like all algorithms it counts padding as 0 * w in the forward pass.
//
// Forward: a row of the output from R rows of the input, taps in the order r, s. Gradient by input: every input element
// gathers from the windows that read it. Gradient by weight: a filter's taps are summed over each image in vectors, and
// the images' sums added in order, so that no number of threads shows.
#pragma once

#include "conv_shape.h"

namespace receptive::RECEPTIVE_TARGET {

RECEPTIVE_FN bool fits_direct(const ConvAttrs& a) { return a.channels == a.groups && !a.nhwc; }

// kStride: the horizontal stride, 0 for larger than 2; kKernel: 3 for 3x3, else 0.
template <class T, int kStride, int kKernel>
struct DepthwiseForward {
  using Element = T;
  static constexpr bool kOverlap = true;
  const T* input;
  const T* weight;
  const T* bias;  // or null
  T* output;
  std::int64_t filters;  // all of them
  std::int64_t channels;
  std::int64_t multiplier;  // filters per channel
  Axis y, x;
  Range interior;

  struct Plane {
    const T* channel;
    const T* taps;
    T* out;
    T bias;
  };
  struct Row {
    const T* channel;
    const T* taps;
    std::int64_t first;  // input row of tap 0
    T* out;
    T bias;
  };

  RECEPTIVE_FN Plane plane(std::int64_t i) const {
    const std::int64_t image = i / filters, k = i - image * filters;
    return Plane{input + (image * channels + k / multiplier) * y.input * x.input, weight + k * y.kernel * x.kernel,
                 output + i * y.output * x.output, bias == nullptr ? T{0} : bias[k]};
  }
  RECEPTIVE_FN Row row(const Plane& plane, std::int64_t oy) const {
    return Row{plane.channel, plane.taps, y.first(oy), plane.out + oy * x.output, plane.bias};
  }
  // Rows that read padding above or below count as edges.
  RECEPTIVE_FN Range inside(const Row& row) const {
    return row.first >= 0 && row.first + (y.kernel - 1) * y.dilation < y.input ? interior : Range{0, 0};
  }

  template <class P, bool kInside>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t begin, P p) const {
    constexpr int N = P::count;
    const std::int64_t height = kKernel > 0 ? kKernel : y.kernel, width = kKernel > 0 ? kKernel : x.kernel;
    const std::int64_t from = x.first(begin);
    const T* tap = row.taps;
    Pack<T, N> sum(T{0});
#pragma GCC unroll 3
    for (std::int64_t r = 0; r < height; ++r) {
      const std::int64_t iy = row.first + r * y.dilation;
      const T* line = kInside || (iy >= 0 && iy < y.input) ? row.channel + iy * x.input : nullptr;
#pragma GCC unroll 3
      for (std::int64_t s = 0; s < width; ++s, ++tap) {
        Pack<T, N> v(T{0});
        if constexpr (kInside) {
          v = p.template load_inside<kStride>(line, from + s * x.dilation, x.stride);
        } else if (line != nullptr) {
          v = p.load_strided(line, from + s * x.dilation, x.stride, x.input, T{0});
        }
        sum = v * Pack<T, N>(*tap) + sum;
      }
    }
    p.store(row.out + begin, sum + Pack<T, N>(row.bias));
  }
};

template <class T>
struct DepthwiseInput {
  using Element = T;
  static constexpr bool kOverlap = true;
  const T* gradient;
  const T* weight;
  T* output;
  std::int64_t channels;
  std::int64_t multiplier;
  Axis y, x;

  struct Plane {
    const T* gradients;  // of the channel's filters
    const T* taps;
    T* out;
  };
  struct Row {
    const T* gradients;
    const T* taps;
    std::int64_t iy;
    T* out;
  };

  RECEPTIVE_FN Plane plane(std::int64_t i) const {
    return Plane{gradient + i * multiplier * y.output * x.output,
                 weight + i % channels * multiplier * y.kernel * x.kernel, output + i * y.input * x.input};
  }
  RECEPTIVE_FN Row row(const Plane& plane, std::int64_t iy) const {
    return Row{plane.gradients, plane.taps, iy, plane.out + iy * x.input};
  }

  template <class P>
  RECEPTIVE_FN void tile(const Row& row, std::int64_t begin, P p) const {
    constexpr int N = P::count;
    Pack<T, N> sum(T{0});
    for (std::int64_t m = 0; m < multiplier; ++m) {
      const T* plane = row.gradients + m * y.output * x.output;
      const T* taps = row.taps + m * y.kernel * x.kernel;
      for (std::int64_t r = 0; r < y.kernel; ++r) {
        const std::int64_t up = row.iy + y.before - r * y.dilation;
        const std::int64_t oy = y.stride == 1 ? up : up / y.stride;
        if (up < 0 || oy >= y.output || oy * y.stride != up) continue;
        for (std::int64_t s = 0; s < x.kernel; ++s) {
          const auto g =
              p.load_spread(plane + oy * x.output, begin + x.before - s * x.dilation, x.stride, x.output, T{0});
          sum = g * Pack<T, N>(taps[r * x.kernel + s]) + sum;
        }
      }
    }
    p.store(row.out + begin, sum);
  }
};

template <class T, class X>
void direct_forward(X& executor, const ConvAttrs& a, const T* input, const T* weight, const T* bias, T* output) {
  const ConvShape s(a);
  const auto start = [&](auto body) { executor.planes(a.batch * a.filters, a.output.h, a.output.w, body); };
  const auto body = [&](auto stride, auto kernel) {
    start(DepthwiseForward<T, decltype(stride)::value, decltype(kernel)::value>{
        input, weight, bias, output, a.filters, a.channels, s.filters, s.y, s.x, interior(s.x)});
  };
  const auto by_kernel = [&](auto stride) {
    if (a.kernel.h == 3 && a.kernel.w == 3) {
      body(stride, std::integral_constant<int, 3>{});
    } else {
      body(stride, std::integral_constant<int, 0>{});
    }
  };
  if (a.stride.w == 1) {
    by_kernel(std::integral_constant<int, 1>{});
  } else if (a.stride.w == 2) {
    by_kernel(std::integral_constant<int, 2>{});
  } else {
    body(std::integral_constant<int, 0>{}, std::integral_constant<int, 0>{});
  }
}

template <class T, class X>
void direct_input(X& executor, const ConvAttrs& a, const T* weight, const T* gradient, T* output) {
  const ConvShape s(a);
  executor.planes(a.batch * a.channels, a.height, a.width,
                  DepthwiseInput<T>{gradient, weight, output, a.channels, s.filters, s.y, s.x});
}

// One filter's taps: up to kTaps sums at a time, so that they stay in registers.
template <class T>
struct DepthwiseWeight {
  static constexpr int N = kLanes<T>;
  static constexpr int kTaps = 4;
  const T* input;
  const T* gradient;
  T* output;
  std::int64_t images, filters, channels, multiplier;
  Axis y, x;

  void filter(std::int64_t k) const {
    const std::int64_t taps = y.kernel * x.kernel;
    for (std::int64_t first = 0; first < taps; first += kTaps) {
      const int count = static_cast<int>(min_of(kTaps, taps - first));
      T total[kTaps] = {};
      for (std::int64_t n = 0; n < images; ++n) add_image(n, k, first, count, total);
      for (int t = 0; t < count; ++t) output[k * taps + first + t] = total[t];
    }
  }

 private:
  void add_image(std::int64_t image, std::int64_t k, std::int64_t first, int count, T (&total)[kTaps]) const {
    const T* g = gradient + (image * filters + k) * y.output * x.output;
    const T* plane = input + (image * channels + k / multiplier) * y.input * x.input;
    Pack<T, N> sums[kTaps];
    for (auto& sum : sums) sum = Pack<T, N>(T{0});
    for (std::int64_t oy = 0; oy < y.output; ++oy, g += x.output) {
      for (int t = 0; t < count; ++t) {
        const std::int64_t r = (first + t) / x.kernel, s = (first + t) % x.kernel;
        const std::int64_t iy = y.first(oy) + r * y.dilation;
        if (iy >= 0 && iy < y.input) sums[t] = row(plane + iy * x.input, g, s * x.dilation, sums[t]);
      }
    }
    for (int t = 0; t < count; ++t) total[t] += sum_of(sums[t]);
  }

  RECEPTIVE_FN Pack<T, N> row(const T* line, const T* g, std::int64_t tap, Pack<T, N> sum) const {
    for (std::int64_t ox = 0; ox < x.output; ox += N) {
      const Lanes<N, false> p{static_cast<int>(min_of(N, x.output - ox))};
      const std::int64_t from = x.first(ox) + tap;
      if (p.active == N) {
        sum = Pack<T, N>::read(g + ox) * p.load_strided(line, from, x.stride, x.input, T{0}) + sum;
      } else {
        // Inactive lanes read a gradient of 0; what they read of the input must not be NaN, so it is 0 too.
        const std::int64_t limit = min_of(x.input, from + (p.active - 1) * x.stride + 1);
        sum = p.load(g + ox) * p.load_strided(line, from, x.stride, limit, T{0}) + sum;
      }
    }
    return sum;
  }

  RECEPTIVE_FN static T sum_of(Pack<T, N> v) {
    T lanes[N];
    v.write(lanes);
    for (int half = N / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
    }
    return lanes[0];
  }
};

template <class T, class X>
void direct_weight(X& executor, const ConvAttrs& a, const T* input, const T* gradient, T* output) {
  const ConvShape s(a);
  const DepthwiseWeight<T> body{input, gradient, output, a.batch, a.filters, a.channels, s.filters, s.y, s.x};
  const bool parallel = a.batch * s.out_pixels * a.filters * s.taps > 100000;
  executor.for_each(a.filters, parallel, [&](std::int64_t k, int) { body.filter(k); });
}

}  // namespace receptive::RECEPTIVE_TARGET
