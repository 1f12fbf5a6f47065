// The targets' op tables agree: the same ops, in the same order, with the same schemas; and the registry's promises
// hold.
#include <cstring>
#include <set>
#include <string>

#include "../check.h"
#include "core/op_set.h"
#include "core/runtime.h"
#include "cpu/targets.h"

using namespace receptive;

namespace {

void same_schema(const OpEntry& a, const OpEntry& b, const char* target) {
  EXPECT(std::strcmp(a.name, b.name) == 0, "%s: %s where another has %s", target, b.name, a.name);
  EXPECT(a.minInputs == b.minInputs && a.maxInputs == b.maxInputs && a.outputCount == b.outputCount, "%s: %s", target,
         a.name);
  EXPECT(a.fieldCount == b.fieldCount, "%s: %s has %d attributes", target, a.name, b.fieldCount);
  for (int i = 0; i < a.fieldCount && i < b.fieldCount; ++i) {
    const Field& x = a.fields[i];
    const Field& y = b.fields[i];
    EXPECT(std::strcmp(x.name, y.name) == 0 && x.kind == y.kind && x.count == y.count && x.offset == y.offset,
           "%s: %s.%s", target, a.name, x.name);
  }
}

void tables_agree() {
  const OpSet first(cpu_targets().front().table());
  EXPECT(first.count() > 0, "there are ops");
  for (const CpuTarget& target : cpu_targets()) {
    const OpSet ops(target.table());
    EXPECT(ops.count() == first.count(), "%s has %u ops, not %u", target.name, ops.count(), first.count());
    for (std::uint32_t i = 0; i < ops.count() && i < first.count(); ++i) {
      same_schema(*first.at(i).entry, *ops.at(i).entry, target.name);
      EXPECT(&ops == &first || ops.at(i).entry->run != first.at(i).entry->run || &target == &cpu_targets().front(),
             "%s: %s is another target's code", target.name, ops.at(i).entry->name);
    }
  }
}

void names_are_unique() {
  const OpSet ops(cpu_targets().front().table());
  std::set<std::string> names;
  for (std::uint32_t i = 0; i < ops.count(); ++i) {
    const OpEntry& op = *ops.at(i).entry;
    EXPECT(names.insert(op.name).second, "two ops are called %s", op.name);
    std::set<std::string> fields;
    std::int32_t end = 0;
    for (std::int32_t f = 0; f < op.fieldCount; ++f) {
      EXPECT(fields.insert(op.fields[f].name).second, "%s has two attributes %s", op.name, op.fields[f].name);
      EXPECT(op.fields[f].offset >= end, "%s.%s overlaps another attribute", op.name, op.fields[f].name);
      end = op.fields[f].offset + op.fields[f].count * (op.fields[f].kind == Field::Kind::flag ? 1 : 8);
    }
    EXPECT(end == ops.at(i).attrBytes, "%s: %d bytes of attributes, not %d", op.name, end, ops.at(i).attrBytes);
  }
}

void too_large_schemas_are_refused() {
  OpEntry entry = *OpSet(cpu_targets().front().table()).at(0).entry;
  const Field field{"x", Field::Kind::real, kMaxAttrBytes / 8 + 1, 0};
  entry.fields = &field;
  entry.fieldCount = 1;
  const OpList list{&entry, 1};
  bool refused = false;
  try {
    const OpSet ops(OpTable{&list, 1});
  } catch (const Error&) {
    refused = true;
  }
  EXPECT(refused, "an attribute struct above the limit");
}

void runtime_is_shared() {
  auto a = Runtime::acquire();
  auto b = Runtime::acquire();
  EXPECT(a == b, "one runtime per process");
  EXPECT(a->device_count() >= 2 && a->cpu().info().id == "cpu" && a->cpu().info().available, "the CPU is device 0");
  const DeviceInfo& cuda = a->device(1).info();
  EXPECT(cuda.kind == "cuda" && cuda.available == cuda.reason.empty(), "a GPU, or why there is none");
  if (!cuda.available) {
    try {
      a->device(1).allocator();
      EXPECT(false, "an absent device has an allocator");
    } catch (const Error& error) {
      EXPECT(error.code() == ErrorCode::device, "code");
      EXPECT(error.message().find(cuda.reason) != std::string::npos, "%s", error.what());
    }
  }
  a->cpu().set_threads(3);
  b.reset();
  EXPECT(a->cpu().threads() == 3, "threads");
  a.reset();
  EXPECT(Runtime::acquire() != nullptr, "a new one after the last holder has gone");
}

}  // namespace

int main() {
  tables_agree();
  names_are_unique();
  too_large_schemas_are_refused();
  runtime_is_shared();
  return harness::report("tables");
}
