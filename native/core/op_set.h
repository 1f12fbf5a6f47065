// The ops of one device by number, with what the addon needs to know of their attributes.
#pragma once

#include <cstdint>
#include <vector>

#include "op.h"

namespace receptive {

struct OpInfo {
  const OpEntry* entry;
  std::int32_t attrBytes;   // size of the attribute struct
  std::int32_t attrValues;  // numbers that JavaScript passes for it
};

class OpSet {
 public:
  // Throws Error(general) when an op's description does not fit the limits of op.h or of the call buffer.
  explicit OpSet(const OpTable& table);

  std::uint32_t count() const { return static_cast<std::uint32_t>(ops_.size()); }
  const OpInfo& at(std::uint32_t number) const { return ops_[number]; }

 private:
  std::vector<OpInfo> ops_;
};

}  // namespace receptive
