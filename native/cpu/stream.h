// The CPU's stream: an executor thread that runs tasks in order, on the compute pool. Small ops run on the caller
// instead, when the stream is idle: waking the executor would take longer than they do.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "../core/stream.h"
#include "pool.h"

namespace receptive {

class CpuStream final : public Stream {
 public:
  CpuStream(std::uint32_t device, Pool& pool, Allocator& allocator, CompletionSink& sink, ProfileLog& profile,
            std::int64_t lastCacheBytes);
  ~CpuStream() override;

  void submit(OpTask& task) override;
  Block* upload(const void* source, std::int64_t bytes, DType dtype) override;
  bool read(const View& view, Block* block, void* target, std::int64_t bytes, Completion* completion) override;
  FailurePointer read_now(const View& view, Block* block, void* target, std::int64_t bytes) override;
  bool fence(Completion* completion) override;
  FailurePointer fence_now() override;
  void cancel() noexcept override;

 private:
  struct Item {
    enum class Kind { op, read, fence };
    Kind kind;
    Ticket ticket = 0;
    Completion* completion;
    const void* source;  // read
    void* target;
    std::int64_t bytes;
    Block* block;
    OpTask op;
  };

  bool idle() const { return clock().reached(enqueued_); }
  Clock& clock() const { return const_cast<CpuStream*>(this)->Stream::clock(); }

  // The caller's side.
  Item& next_item();
  void push(Item& item);
  void start();

  // The executor's side.
  void work();
  bool await_item(std::uint64_t done);
  void execute(Item& item) noexcept;

  // Either side, in the stream's order.
  void run(OpTask& task, bool isInline) noexcept;
  void compute(OpTask& task) noexcept;

  const std::uint32_t device_;
  Pool& pool_;
  CompletionSink& sink_;
  ProfileLog& profile_;
  const std::int64_t lastCacheBytes_;
  FailureLog failures_;
  Ticket enqueued_ = 0;  // the caller's

  std::vector<Item> ring_;
  std::atomic<std::uint64_t> pushed_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> sleeping_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread executor_;
  bool cancelled_ = false;
};

}  // namespace receptive
