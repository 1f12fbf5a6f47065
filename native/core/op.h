// An op as the addon sees it: a row of plain data per op, in a table per backend and target. The addon knows no op by
// name: it reads the schema (names and types of attributes) from here, hands it to JavaScript once, and afterwards
// copies numbers into the attributes by it. So a new op changes nothing in addon/.
#pragma once

#include <cstddef>
#include <cstdint>

#include "types.h"

namespace receptive {

inline constexpr int kMaxInputs = 8;
inline constexpr int kMaxOutputs = 4;
inline constexpr int kMaxAttrBytes = 512;

// One attribute: `count` consecutive values at `offset` of the op's attribute struct.
struct Field {
  enum class Kind : std::uint8_t { integer /* int64_t */, real /* double */, flag /* bool */ };
  const char* name;
  Kind kind;
  std::int32_t count;
  std::int32_t offset;
};

struct OpCall {
  View inputs[kMaxInputs];
  View outputs[kMaxOutputs];
  std::int32_t inputCount;
  std::int32_t outputCount;
  alignas(16) std::byte attrs[kMaxAttrBytes];
};

// A failure that only the data can show (a label out of range): the kernel records the first one by position, so that
// the report does not depend on the number of threads. `position` is -1 while nothing failed.
struct Fault {
  std::int64_t position;  // flat index of the offending element
  std::int64_t value;
  std::int64_t limit;  // legal values are 0 <= value < limit
};

// How a kernel asks for threads: `run` calls task(context, i, worker) once for each 0 <= i < tasks, with
// 0 <= worker < threads, and returns when all are done. It may be called with any number of tasks and does not nest.
struct Parallel {
  using Task = void (*)(void* context, std::int64_t index, int worker);
  void (*run)(void* pool, std::int64_t tasks, Task task, void* context);
  void* pool;
  int threads;
};

// An input that the op wants in another form (weights, packed or transformed): the runtime keeps that form with the
// input's storage, and gives it back to calls with the same key until the storage is written to.
struct PackKey {
  std::uint64_t words[5];  // tell forms of one storage apart: algorithm, geometry, place in the storage
  bool operator==(const PackKey&) const = default;
};
struct PackRequest {
  std::int64_t bytes;  // 0: nothing is packed
  std::int32_t input;
  PackKey key;
};

// What the runtime hands to a kernel beside its arguments. `workspace` has the bytes that the op's workspace() asked
// for with the same number of threads, 64-byte aligned, not initialised.
struct KernelContext {
  Parallel parallel;
  std::byte* workspace;
  std::byte* packed;  // the bytes of the op's PackRequest, 64-byte aligned
  bool packedReady;   // they hold what an earlier call with the same key left there; else this call fills them
  Fault* fault;
  void* stream;  // the backend's own (cudaStream_t); null on the CPU
  // Larger outputs do not stay in any cache, so that writing them may go around it; 0: unknown.
  std::int64_t lastCacheBytes = 0;
};

struct Cost {
  double flops;  // multiply and add counted as two
  double bytes;  // read and written once each
};

// What an op would take for one call, beside its inputs and outputs.
struct OpNeeds {
  std::int64_t workspaceBytes;
  std::int64_t packedBytes;  // of its PackRequest
};

struct OpEntry {
  const char* name;
  const Field* fields;
  std::int32_t fieldCount;
  std::int32_t minInputs;
  std::int32_t maxInputs;
  std::int32_t outputCount;
  // Null when sizes, types and attributes fit each other, so that run() cannot leave its buffers; else what does not
  // fit (static text). The good message comes from TypeScript; this is the guard behind it. Outputs that are new have
  // no data yet.
  const char* (*check)(const OpCall& call);
  Cost (*cost)(const OpCall& call);
  std::int64_t (*workspace)(const OpCall& call, int threads);  // bytes
  void (*run)(const OpCall& call, KernelContext& context);
  // Whether run() writes every element of its outputs and reads none, so that an output in place does not stay
  // poisoned. Null: it may read.
  bool (*overwrites)(const OpCall& call);
  // Null: the op packs nothing.
  PackRequest (*packs)(const OpCall& call);
  // Null where attributes and element types alone do not tell. Reads nothing else of the call, and checks them itself:
  // null, or what does not fit.
  const char* (*needs)(const OpCall& call, int threads, OpNeeds& needs);
};

struct OpList {
  const OpEntry* entries;
  std::int32_t count;
};

// All families of one backend or target, in the registry's order: op number i is the i-th entry of the concatenation,
// the same in every table.
struct OpTable {
  const OpList* families;
  std::int32_t familyCount;
};

}  // namespace receptive
