#include "op_set.h"

#include "call_buffer.h"
#include "error.h"

namespace receptive {

namespace {

std::int32_t bytes_of(Field::Kind kind) { return kind == Field::Kind::flag ? 1 : 8; }

OpInfo describe(const OpEntry& entry) {
  OpInfo info{&entry, 0, 0};
  for (std::int32_t i = 0; i < entry.fieldCount; ++i) {
    const Field& field = entry.fields[i];
    const std::int32_t end = field.offset + field.count * bytes_of(field.kind);
    if (end > info.attrBytes) info.attrBytes = end;
    info.attrValues += field.count;
  }
  const std::int32_t words = kHeaderWords + 2 * (entry.maxInputs + entry.outputCount);
  const std::int32_t numbers = entry.outputCount * (1 + kMaxRank) + info.attrValues;
  if (info.attrBytes > kMaxAttrBytes || entry.minInputs > entry.maxInputs || entry.maxInputs > kMaxInputs ||
      entry.outputCount > kMaxOutputs || words > kCallWords || numbers > kCallNumbers) {
    throw Error(ErrorCode::general, text_of(entry.name, ": the op's schema passes the limits of the call buffer"));
  }
  return info;
}

}  // namespace

OpSet::OpSet(const OpTable& table) {
  for (std::int32_t f = 0; f < table.familyCount; ++f) {
    const OpList& family = table.families[f];
    for (std::int32_t i = 0; i < family.count; ++i) ops_.push_back(describe(family.entries[i]));
  }
}

}  // namespace receptive
