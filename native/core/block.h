// A block of device memory with what the runtime remembers of it. While a tensor's storage lives in it, it is that
// storage.
//
// Three owners in turn, and each group of fields belongs to one of them:
//   in use  the JavaScript thread of the environment that took it;
//   tasks   whatever runs in the stream's order (the executor thread, or the caller while the stream is idle);
//   free    the allocator, under its lock.
#pragma once

#include <cstddef>
#include <cstdint>

#include "clock.h"
#include "failure.h"

namespace receptive {

struct PackedForm;

struct Block {
  std::byte* data = nullptr;  // null for the class of size 0
  std::int64_t bytes = 0;     // the size class, not the request
  int sizeClass = 0;
  std::int64_t requested = 0;  // of those bytes, by who has it

  // in use
  std::uint32_t references = 0;  // handles
  std::uint64_t version = 0;     // rises when a write in place is enqueued
  Ticket lastUse = 0;            // the last task that touches the block
  PackedForm* packs = nullptr;   // what was made from this storage, see PackCache
  bool inTransit = false;        // a collective has it, and nobody else may use it

  // tasks
  FailurePointer failure;  // poisoned when set
  bool filled = false;     // of a packed form: a task has made it

  // free
  Block* older = nullptr;
  Block* newer = nullptr;
  Clock* clock = nullptr;  // of the stream that may still use it; null when none does
  Ticket ticket = 0;       // until this one
};

}  // namespace receptive
