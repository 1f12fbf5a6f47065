// What streams of every backend do with a task beside running it: copy it into a queue, and keep account of failures.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>

#include "dispatch.h"
#include "stream.h"

namespace receptive {

// Only what the call uses: an OpTask is about 2 KiB, and most calls fill a tenth of it.
inline void copy_task(OpTask& to, const OpTask& from) {
  to.op = from.op;
  to.number = from.number;
  to.token = from.token;
  to.freshOutputs = from.freshOutputs;
  to.cost = from.cost;
  to.threads = from.threads;
  to.workspace = from.workspace;
  to.packed = from.packed;
  to.freshPacked = from.freshPacked;
  to.call.inputCount = from.call.inputCount;
  to.call.outputCount = from.call.outputCount;
  std::copy_n(from.inputs, from.call.inputCount, to.inputs);
  std::copy_n(from.outputs, from.call.outputCount, to.outputs);
  std::copy_n(from.call.inputs, from.call.inputCount, to.call.inputs);
  std::copy_n(from.call.outputs, from.call.outputCount, to.call.outputs);
  std::memcpy(to.call.attrs, from.call.attrs, static_cast<std::size_t>(from.op->attrBytes));
}

// A failure's reader has been told: synchronize() need not tell it again.
inline FailurePointer told(const Block& block) {
  if (block.failure != nullptr) block.failure->reported = true;
  return block.failure;
}

// Whether the op writes the whole storage of an output in place anew. Otherwise that keeps its failure: the op may have
// read it, or written a part of it only.
inline bool rewrites(const OpTask& task, std::int32_t output) {
  const auto overwrites = task.op->entry->overwrites;
  const View& view = task.call.outputs[output];
  return overwrites != nullptr && view.size * host::element_bytes(view.dtype) == task.outputs[output]->requested &&
         overwrites(task.call);
}

// Before a task, in the stream's order: if an input is poisoned so are its outputs (true: the task need not run), else
// outputs that it writes anew are no more.
inline bool inherit_failure(const OpTask& task) {
  FailurePointer inherited;
  for (std::int32_t i = 0; i < task.call.inputCount && inherited == nullptr; ++i) inherited = task.inputs[i]->failure;
  for (std::int32_t i = 0; i < task.call.outputCount; ++i) {
    Block& block = *task.outputs[i];
    if (inherited != nullptr) {
      block.failure = inherited;
    } else if (block.failure != nullptr && ((task.freshOutputs >> i & 1) != 0 || rewrites(task, i))) {
      block.failure.reset();
    }
  }
  return inherited != nullptr;
}

inline void poison_outputs(const OpTask& task, const FailurePointer& failure) {
  for (std::int32_t i = 0; i < task.call.outputCount; ++i) task.outputs[i]->failure = failure;
}

inline void fail_task(const OpTask& task, const Fault& fault, FailureLog& log) {
  const auto failure = std::make_shared<Failure>(
      ErrorCode::index, text_of(task.op->entry->name, ": index ", fault.value, " at position ", fault.position,
                                " is not in [0, ", fault.limit, ")"));
  poison_outputs(task, failure);
  log.add(failure);
}

}  // namespace receptive
