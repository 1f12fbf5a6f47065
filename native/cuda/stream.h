// A stream on a CUDA device. Work is launched by the JavaScript thread at the call, in the order of a cudaStream_t, and
// every task leaves an event behind it. The waiter, a thread, follows these events in order; it does what can be done
// only afterwards: it carries failures from inputs to outputs, copies what was read from pinned to JavaScript's memory,
// tells those who wait, and moves the clock.
//
// Who owns what: `launched_`, the ring's free slots and the pinned blocks that are being filled belong to the
// JavaScript thread; slots between the clock and `pushed_`, their blocks' failures and the fault slots to the waiter. A
// slot is free again when the clock has passed its ticket, so both sides meet in `pushed_` and the clock only.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "../core/stream.h"
#include "context.h"
#include "health.h"
#include "stream_libraries.h"

namespace receptive {

class CudaStream final : public Stream {
 public:
  CudaStream(std::uint32_t device, DeviceHealth& health, Allocator& allocator, Allocator& pinned, CompletionSink& sink,
             ProfileLog& profile, int multiprocessors);
  ~CudaStream() override;

  void submit(OpTask& task) override;
  Block* upload(const void* source, std::int64_t bytes, DType dtype) override;
  bool read(const View& view, Block* block, void* target, std::int64_t bytes, Completion* completion) override;
  FailurePointer read_now(const View& view, Block* block, void* target, std::int64_t bytes) override;
  bool fence(Completion* completion) override;
  FailurePointer fence_now() override;
  void cancel() noexcept override;

 private:
  struct Item {
    enum class Kind { op, copy, read, fence };
    Kind kind;
    Ticket ticket = 0;
    cudaEvent_t done = nullptr;   // kept with the slot
    cudaEvent_t start = nullptr;  // of a profiled op, with timing
    cudaEvent_t stop = nullptr;
    Completion* completion;   // null: the clock alone tells
    FailurePointer* failure;  // of a read without completion
    Block* pinned;
    void* target;
    std::int64_t bytes;
    Block* block;
    OpTask op;
  };

  // The JavaScript thread's side.
  void start();
  Item& next_item(Item::Kind kind);
  void push(Item& item);
  void drain() noexcept;
  void begin_timing(Item& item);
  void enqueue_read(const View& view, Block* block, void* target, std::int64_t bytes, Completion* completion,
                    FailurePointer* failure);
  void launch(Item& item, const OpTask& task);
  bool told_of_loss(Completion* completion);

  // The waiter's side.
  void work();
  void finish(Item& item) noexcept;
  void finish_op(Item& item) noexcept;
  void record(const Item& item) noexcept;

  const std::uint32_t device_;
  DeviceHealth& health_;
  Allocator& pinned_;
  CompletionSink& sink_;
  ProfileLog& profile_;
  const int multiprocessors_;
  FailureLog failures_;
  StreamLibraries libraries_;

  cudaStream_t stream_ = nullptr;
  Block* faultBlock_ = nullptr;  // pinned: a FaultSlot for each slot of the ring
  FaultSlot* faults_ = nullptr;
  cudaEvent_t anchor_ = nullptr;  // of the profile: its moment on the host's clock
  double anchorUs_ = 0;           // 0: not yet
  Ticket launched_ = 0;

  std::vector<Item> ring_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Ticket pushed_ = 0;  // under the mutex
  bool stopping_ = false;
  std::thread waiter_;
  bool cancelled_ = false;
};

}  // namespace receptive
