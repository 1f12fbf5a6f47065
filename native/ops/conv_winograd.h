// The `winograd` convolution as steps of the convolution's ops: what the problem looks like to the backend's
// winograd.h.
#pragma once

#include "winograd.h"
#include "winograd_weight.h"

namespace receptive::RECEPTIVE_TARGET {

// The gradient by weight: where there are no pixels, there are no tiles to sum over.
RECEPTIVE_FN bool is_tiled(const ConvAttrs& a) { return is_winograd(a) && a.batch * a.output.h * a.output.w > 0; }

// `back`: the gradient by input, a convolution of the gradient with flipped filters, whose channels are the filters.
template <class T>
TileProblem<T> tile_problem(const ConvAttrs& a, bool back, const T* input, const T* bias, T* output) {
  const ConvShape s(a);
  const Pair image{a.height, a.width}, before{a.padding[0], a.padding[2]};
  if (back) {
    const Pair flipped{2 - before.h, 2 - before.w};
    return {input, output, bias, s.images, s.groups, s.filters, s.channels, a.output, image, flipped, {}};
  }
  return {input, output, bias, s.images, s.groups, s.channels, s.filters, image, a.output, before, clamp_of<T>(a)};
}

// visit(integral_constant<int, tile>) for the variant that the attributes name.
template <class F>
void with_tile(const ConvAttrs& a, F&& visit) {
  if (static_cast<ConvAlgorithm>(a.algorithm) == ConvAlgorithm::winograd2) {
    visit(std::integral_constant<int, 2>{});
  } else {
    visit(std::integral_constant<int, 4>{});
  }
}

template <class T, class X>
std::int64_t winograd_workspace(const ConvAttrs& a, bool back, int threads) {
  std::int64_t bytes = 0;
  const ConvShape s(a);
  const Pair out = back ? Pair{a.height, a.width} : a.output;
  with_tile(a, [&](auto tile) {
    constexpr int m = decltype(tile)::value;
    bytes = WinogradConvolution<T, m, X>::workspace_bytes(back ? s.filters : s.channels, back ? s.channels : s.filters,
                                                          s.groups, TileGrid(s.images, out, m).tiles, threads);
  });
  return bytes;
}

template <class T, class X>
std::int64_t winograd_packed(const ConvAttrs& a, bool back) {
  std::int64_t bytes = 0;
  const ConvShape s(a);
  with_tile(a, [&](auto tile) {
    bytes = WinogradConvolution<T, decltype(tile)::value, X>::packed_bytes(back ? s.filters : s.channels,
                                                                           back ? s.channels : s.filters, s.groups);
  });
  return bytes;
}

template <class T, class X>
std::int64_t winograd_weight_workspace(const ConvAttrs& a, int threads) {
  std::int64_t bytes = 0;
  with_tile(a, [&](auto tile) {
    bytes = WinogradWeightPlan<T, decltype(tile)::value>(ConvShape(a)).workspace_bytes(threads);
  });
  return bytes;
}

template <class T, class X>
void winograd_weight(X& executor, const ConvAttrs& a, const T* input, const T* gradient, T* output) {
  with_tile(
      a, [&](auto tile) { WinogradWeight<T, decltype(tile)::value, X>(executor, a, input, gradient, output).run(); });
}

template <class T, class X>
void winograd_convolution(X& executor, const ConvAttrs& a, bool back, const T* input, const T* weight, const T* bias,
                          T* output) {
  const ConvShape s(a);
  const std::int64_t per_group = s.filters * s.products();
  const TileFilters<T> filters = back ? TileFilters<T>{weight, per_group, s.taps, s.products(), true}
                                      : TileFilters<T>{weight, per_group, s.products(), s.taps, false};
  with_tile(a, [&](auto tile) {
    const WinogradConvolution<T, decltype(tile)::value, X> convolution(executor,
                                                                       tile_problem(a, back, input, bias, output));
    T* packed = reinterpret_cast<T*>(executor.packed());
    if (!executor.packed_ready()) convolution.pack(filters, packed);
    convolution.run(packed, executor.workspace());
  });
}

}  // namespace receptive::RECEPTIVE_TARGET
