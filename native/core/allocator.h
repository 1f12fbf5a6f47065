// The caching allocator of one device, shared by all environments of the process.
//
// Freed blocks stay in lists by size class, each with the clock and ticket of the last task that may touch it. A stream
// takes its own blocks back at once, since its later tasks run after that one; anybody else only when the ticket is
// reached. So a tensor may be disposed while work on it is queued, and nothing is counted off the JavaScript thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "block.h"
#include "size_class.h"

namespace receptive {

// Where the memory comes from; allocate returns null when there is none, and throws when something else is wrong.
// Blocks are 64-byte aligned at least. `owner` is passed on.
struct MemorySource {
  void* (*allocate)(void* owner, std::size_t bytes);
  void (*release)(void* owner, void* data, std::size_t bytes);
  void* owner = nullptr;
};

struct MemoryStats {
  std::int64_t allocated;  // in blocks that are in use
  std::int64_t reserved;   // from the source, cached blocks included
  std::int64_t peak;       // of allocated
  std::int64_t limit;      // of reserved
};

class Allocator {
 public:
  Allocator(std::string device, MemorySource source, std::int64_t limit);
  ~Allocator();  // all blocks have been given back
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;

  // A block of at least `bytes`, not initialised. With a clock: for a task of that stream enqueued next. Without: for
  // use at once, so only blocks that no task touches any more. Throws Error(memory).
  Block* take(std::int64_t bytes, const Clock* clock);
  // Returns a block; tasks of the clock's stream up to `ticket` may still use it.
  void give(Block* block, Clock* clock, Ticket ticket) noexcept;

  // A stream's clock is known here from its first task until it is drained, so that memory waiting for it can be waited
  // for.
  void attach(std::shared_ptr<Clock> clock);
  void detach(const Clock* clock) noexcept;

  MemoryStats stats() const;
  void set_limit(std::int64_t bytes);
  void reset_peak();
  void empty_cache();  // gives back what no task uses any more

 private:
  struct FreeList {
    Block* oldest = nullptr;
    Block* newest = nullptr;
  };
  using Lock = std::unique_lock<std::mutex>;

  static bool ready(const Block& block) { return block.clock == nullptr || block.clock->reached(block.ticket); }
  Block* find(FreeList& list, const Clock* clock) const;
  void unlink(Block* block) noexcept;
  Block* fresh(int sizeClass, std::int64_t request, Lock& lock);
  void make_room(std::int64_t bytes, std::int64_t request, Lock& lock);
  void drop_ready(std::int64_t until) noexcept;
  bool wait_for_pending(Lock& lock);
  void destroy(Block* block) noexcept;
  [[noreturn]] void fail(std::int64_t request, const char* what) const;

  const std::string device_;
  const MemorySource source_;
  mutable std::mutex mutex_;
  std::array<FreeList, kSizeClasses> free_{};
  std::vector<std::shared_ptr<Clock>> clocks_;
  std::int64_t allocated_ = 0;
  std::int64_t reserved_ = 0;
  std::int64_t peak_ = 0;
  std::int64_t limit_;
};

}  // namespace receptive
