// A row with one value at a position and another everywhere else: rows of eye and of oneHot.
#pragma once

#include "executor.h"

namespace receptive::RECEPTIVE_TARGET {

// Lanes of the tile that begins at `begin`: `on` where begin + lane == position.
template <class P, class T>
RECEPTIVE_FN Pack<T, P::count> unit_lanes(P, std::int64_t begin, std::int64_t position, T on, T off) {
  constexpr int N = P::count;
  using I = SignedOf<T>;
  const std::int64_t lane = position - begin;
  if (lane < 0 || lane >= N) return Pack<T, N>(off);
  return select(convert_mask<T>(iota<I, N>() == Pack<I, N>(static_cast<I>(lane))), on, Pack<T, N>(off));
}

}  // namespace receptive::RECEPTIVE_TARGET
