// Sizes of the two arrays that JavaScript shares with the addon; what stands in them is described in native/README.md.
#pragma once

#include <cstdint>

namespace receptive {

inline constexpr std::int32_t kCallWords = 64;
inline constexpr std::int32_t kCallNumbers = 128;
inline constexpr std::int32_t kHeaderWords = 5;           // op, device, inputs, outputs, profile token
inline constexpr std::uint32_t kNewOutput = 0xffffffffu;  // in place of an output's slot

}  // namespace receptive
