// Ops of the stream's tests, made by hand: the stream knows nothing of the real ones.
#pragma once

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "core/op_set.h"
#include "core/stream.h"

namespace fake {

using namespace receptive;

struct Attrs {
  std::int64_t value;
};

inline std::atomic<int> runs{0};
inline std::atomic<std::thread::id> lastThread;  // where the last op ran
inline std::atomic<bool> hold{false};            // keeps `slow` running

inline const char* fits(const OpCall&) { return nullptr; }
inline Cost cheap(const OpCall&) { return {10, 10}; }
inline Cost dear(const OpCall&) { return {1e9, 1e9}; }
inline std::int64_t none(const OpCall&, int) { return 0; }

inline std::int64_t& element(const View& view, std::int64_t i = 0) { return static_cast<std::int64_t*>(view.data)[i]; }
inline std::int64_t value(const OpCall& call) { return reinterpret_cast<const Attrs*>(call.attrs)->value; }

// out = value * (first input, or 1) + (second input, or 0)
inline void affine(const OpCall& call, KernelContext&) {
  const std::int64_t a = call.inputCount > 0 ? element(call.inputs[0]) : 1;
  const std::int64_t b = call.inputCount > 1 ? element(call.inputs[1]) : 0;
  element(call.outputs[0]) = value(call) * a + b;
  lastThread = std::this_thread::get_id();
  ++runs;
}

inline void slow(const OpCall& call, KernelContext& context) {
  while (hold) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  affine(call, context);
}

// Refuses the value as an index below 10.
inline void picky(const OpCall& call, KernelContext& context) {
  if (value(call) >= 10) *context.fault = Fault{3, value(call), 10};
  affine(call, context);
}

// Adds the value to its output, in place.
inline void accumulate(const OpCall& call, KernelContext&) { element(call.outputs[0]) += value(call); }

inline bool always(const OpCall&) { return true; }

inline std::int64_t kilobyte_each(const OpCall&, int threads) { return 1024 * threads; }

// Every thread writes its part of the workspace; out is the number of threads.
inline void spread(const OpCall& call, KernelContext& context) {
  std::memset(context.workspace, 1, static_cast<std::size_t>(1024 * context.parallel.threads));
  element(call.outputs[0]) = context.parallel.threads;
}

// A form of the first input: its element, negated. The call's value is the form's key.
inline PackRequest negated(const OpCall& call) {
  return {1024, 0, {{static_cast<std::uint64_t>(value(call)), 0, 0, 0, 0}}};
}

inline std::atomic<int> packed{0};  // how often a form was made

// out = the form
inline void from_form(const OpCall& call, KernelContext& context) {
  auto* form = reinterpret_cast<std::int64_t*>(context.packed);
  if (!context.packedReady) {
    *form = -element(call.inputs[0]);
    ++packed;
  }
  element(call.outputs[0]) = *form;
}

inline const Field kFields[] = {{"value", Field::Kind::integer, 1, 0}};

inline OpEntry entry(const char* name, Cost (*cost)(const OpCall&), void (*run)(const OpCall&, KernelContext&),
                     std::int64_t (*workspace)(const OpCall&, int) = none, bool (*overwrites)(const OpCall&) = nullptr,
                     PackRequest (*packs)(const OpCall&) = nullptr) {
  return {name, kFields, 1, 0, 2, 1, fits, cost, workspace, run, overwrites, packs, nullptr};
}

inline const OpEntry kEntries[] = {
    entry("cheap", cheap, affine),
    entry("dear", dear, affine),
    entry("slow", dear, slow),
    entry("picky", dear, picky),
    entry("pickyCheap", cheap, picky),
    entry("accumulate", cheap, accumulate),
    entry("spread", dear, spread, kilobyte_each),
    entry("spreadCheap", cheap, spread, kilobyte_each),
    entry("overwrite", cheap, affine, none, always),
    entry("formed", dear, from_form, none, nullptr, negated),
    entry("formedCheap", cheap, from_form, none, nullptr, negated),
};

inline const OpSet& ops() {
  static const OpList lists[] = {{kEntries, static_cast<std::int32_t>(sizeof(kEntries) / sizeof(kEntries[0]))}};
  static const OpSet set(OpTable{lists, 1});
  return set;
}

}  // namespace fake
