// The progress of an in-order stream: tasks get increasing tickets, and the clock tells which of them are complete.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace receptive {

using Ticket = std::uint64_t;

class Clock {
 public:
  Ticket completed() const { return completed_.load(std::memory_order_acquire); }
  bool reached(Ticket ticket) const { return completed() >= ticket; }

  // The executor's side: everything up to `ticket` is complete. A waiter announces itself before it looks at the clock
  // and the clock moves before it looks for waiters, so one of them always sees the other (both sequentially
  // consistent).
  void advance(Ticket ticket) {
    completed_.store(ticket);
    if (waiters_.load() == 0) return;
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }

  // The same for a task that ran on the caller while the stream was idle: nobody can be waiting for its ticket.
  void advance_alone(Ticket ticket) { completed_.store(ticket, std::memory_order_release); }

  void wait(Ticket ticket) {
    if (reached(ticket)) return;
    std::unique_lock lock(mutex_);
    waiters_.fetch_add(1);
    changed_.wait(lock, [&] { return completed_.load() >= ticket; });
    waiters_.fetch_sub(1);
  }

 private:
  std::atomic<Ticket> completed_{0};
  std::atomic<int> waiters_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace receptive
