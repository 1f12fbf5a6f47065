// An in-order stream of one environment on one device: what the addon hands work to. Everything here is called on the
// environment's JavaScript thread only; the backend runs the work wherever it likes, in order.
#pragma once

#include <cstdint>
#include <memory>

#include "allocator.h"
#include "clock.h"
#include "failure.h"
#include "op_set.h"
#include "pack_cache.h"
#include "profile.h"

namespace receptive {

// One call of an op: its views are in `call`, their blocks beside them. The JavaScript thread keeps no reference to the
// blocks for the task: a block that is released meanwhile is not handed to anyone who could disturb the task (see
// Allocator).
struct OpTask {
  const OpInfo* op;
  std::uint32_t number;
  std::uint32_t token;         // of the profile; 0: none
  std::uint32_t freshOutputs;  // bit i: output i is new, else it is written in place
  Block* inputs[kMaxInputs];
  Block* outputs[kMaxOutputs];
  OpCall call;

  // Filled in by the stream.
  Cost cost;
  int threads;
  std::byte* workspace;
  Block* packed;             // what the op's PackRequest asks for, or null
  bool freshPacked = false;  // nothing made by an earlier task is in it
};

// Somebody who waits for the stream: a read of a tensor, or a point in the stream.
struct Completion {
  FailurePointer failure;  // what to tell; set by the stream before it completes
  Completion* next = nullptr;
};

// Who is told, on any thread, that the stream got there. After cancel() nobody is told of anything any more.
class CompletionSink {
 public:
  virtual void complete(Completion* completion) noexcept = 0;

 protected:
  ~CompletionSink() = default;
};

class Stream {
 public:
  explicit Stream(Allocator& allocator) : allocator_(allocator), clock_(std::make_shared<Clock>()) {
    allocator_.attach(clock_);
  }
  // The derived class has stopped its work.
  virtual ~Stream() { allocator_.detach(clock_.get()); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Memory for tasks of this stream enqueued from now on.
  Block* take(std::int64_t bytes) { return take(bytes, clock_.get()); }
  void give(Block* block) noexcept {
    if (block->packs != nullptr) forget_packed(*block);
    allocator_.give(block, clock_.get(), block->lastUse);
  }
  // A write to the block has been enqueued.
  void written(Block& block) noexcept {
    ++block.version;
    if (block.packs != nullptr) forget_packed(block);
  }
  // For those who wait for a task of this stream on another thread: up to a block's lastUse, for its values.
  std::shared_ptr<Clock> shared_clock() const { return clock_; }
  // Gives back the packed forms that are kept from call to call.
  void drop_packed() noexcept {
    packs_.clear([this](Block* block) { give(block); });
  }

  // Runs or enqueues the op and notes the ticket in its blocks. Throws Error(memory) when there is no workspace, and
  // then nothing has happened.
  virtual void submit(OpTask& task) = 0;

  // A new block that holds a copy of host data, made at the call; booleans become 0 and 1.
  virtual Block* upload(const void* source, std::int64_t bytes, DType dtype) = 0;

  // Copies the view's elements to host memory. True: done, and completion->failure is set. False: enqueued, and the
  // sink will be told.
  virtual bool read(const View& view, Block* block, void* target, std::int64_t bytes, Completion* completion) = 0;
  // The same, and waits; returns the block's failure.
  virtual FailurePointer read_now(const View& view, Block* block, void* target, std::int64_t bytes) = 0;

  // Completes when everything enqueued so far is done, with the first failure nobody has been told of. Like read().
  virtual bool fence(Completion* completion) = 0;
  virtual FailurePointer fence_now() = 0;

  // Drops what is queued, waits for what runs. Nothing may be enqueued afterwards.
  virtual void cancel() noexcept = 0;

 protected:
  Allocator& allocator() { return allocator_; }
  Clock& clock() { return *clock_; }

  // See Allocator::take. Packed forms give way.
  Block* take(std::int64_t bytes, const Clock* clock);

  // Memory for the packed form that the op asks for, in task.packed: what an earlier call left, or new memory. Nothing
  // may be taken between this and the task's enqueuing. True: nobody keeps it, and the caller gives it back.
  bool take_packed(OpTask& task);
  void forget_packed(const Block& owner) noexcept {
    packs_.forget(owner, [this](Block* block) { give(block); });
  }

 private:
  // Packed forms may hold this part of the memory limit.
  static constexpr std::int64_t kPackedShare = 4;

  Allocator& allocator_;
  std::shared_ptr<Clock> clock_;
  PackCache packs_;
};

inline Block* Stream::take(std::int64_t bytes, const Clock* clock) {
  try {
    return allocator_.take(bytes, clock);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::memory || packs_.empty()) throw;
  }
  drop_packed();
  return allocator_.take(bytes, clock);
}

inline bool Stream::take_packed(OpTask& task) {
  task.packed = nullptr;
  task.freshPacked = false;
  if (task.op->entry->packs == nullptr) return false;
  const PackRequest request = task.op->entry->packs(task.call);
  if (request.bytes <= 0) return false;
  Block& owner = *task.inputs[request.input];
  task.packed = packs_.find(owner, request.key);
  if (task.packed != nullptr) return false;
  task.packed = take(request.bytes);
  task.freshPacked = true;
  try {
    return !packs_.keep(owner, request.key, task.packed, allocator_.stats().limit / kPackedShare,
                        [this](Block* block) { give(block); });
  } catch (const std::bad_alloc&) {
    return true;
  }
}

}  // namespace receptive
