#include "allocator.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace receptive {

namespace {

// How far take() looks along a list: the blocks of one list usually belong to one stream, and the next is as good as
// any.
constexpr int kLookAhead = 8;

// "12582912 bytes (12.0 MiB)"
std::string bytes_text(std::int64_t bytes) {
  if (bytes < 1024) return text_of(bytes, " bytes");
  const char* const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes) / 1024;
  int unit = 0;
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    ++unit;
  }
  char text[64];
  std::snprintf(text, sizeof(text), " bytes (%.1f %s)", value, units[unit]);
  return std::to_string(bytes) + text;
}

}  // namespace

Allocator::Allocator(std::string device, MemorySource source, std::int64_t limit)
    : device_(std::move(device)), source_(source), limit_(limit) {}

Allocator::~Allocator() {
  for (const FreeList& list : free_) {
    for (Block* block = list.oldest; block != nullptr;) {
      Block* next = block->newer;
      destroy(block);
      block = next;
    }
  }
}

Block* Allocator::find(FreeList& list, const Clock* clock) const {
  // A task takes the block used last, which is in cache. A write at the call takes the oldest, whose task is likely
  // done.
  Block* block = clock != nullptr ? list.newest : list.oldest;
  for (int i = 0; block != nullptr && i < kLookAhead; ++i) {
    if ((clock != nullptr && block->clock == clock) || ready(*block)) return block;
    block = clock != nullptr ? block->older : block->newer;
  }
  return nullptr;
}

void Allocator::unlink(Block* block) noexcept {
  FreeList& list = free_[static_cast<std::size_t>(block->sizeClass)];
  (block->older != nullptr ? block->older->newer : list.oldest) = block->newer;
  (block->newer != nullptr ? block->newer->older : list.newest) = block->older;
}

Block* Allocator::take(std::int64_t bytes, const Clock* clock) {
  if (bytes > kMaxBytes) fail(bytes, "more than a tensor can have");
  const int sizeClass = size_class(bytes);
  Lock lock(mutex_);
  Block* block = find(free_[static_cast<std::size_t>(sizeClass)], clock);
  if (block != nullptr) {
    unlink(block);
  } else {
    block = fresh(sizeClass, bytes, lock);
  }
  allocated_ += block->bytes;
  peak_ = std::max(peak_, allocated_);
  block->requested = bytes;
  block->references = 1;
  block->version = 0;
  block->lastUse = 0;
  return block;
}

Block* Allocator::fresh(int sizeClass, std::int64_t request, Lock& lock) {
  auto block = std::make_unique<Block>();
  block->sizeClass = sizeClass;
  block->bytes = class_bytes(sizeClass);
  if (block->bytes == 0) return block.release();
  if (reserved_ + block->bytes > limit_) make_room(block->bytes, request, lock);
  const auto size = static_cast<std::size_t>(block->bytes);
  void* data = source_.allocate(source_.owner, size);
  // Cached blocks give way, and then those that tasks still use.
  for (bool more = true; data == nullptr && more; more = data == nullptr && wait_for_pending(lock)) {
    drop_ready(0);
    data = source_.allocate(source_.owner, size);
  }
  if (data == nullptr) fail(request, "the system has no more");
  block->data = static_cast<std::byte*>(data);
  reserved_ += block->bytes;
  return block.release();
}

void Allocator::make_room(std::int64_t bytes, std::int64_t request, Lock& lock) {
  while (allocated_ + bytes <= limit_) {
    drop_ready(limit_ - bytes);
    if (reserved_ + bytes <= limit_) return;
    if (!wait_for_pending(lock)) break;
  }
  fail(request, "the limit would be passed");
}

// Frees cached blocks, the largest first, until `until` bytes are reserved.
void Allocator::drop_ready(std::int64_t until) noexcept {
  for (int sizeClass = kSizeClasses - 1; sizeClass > 0; --sizeClass) {
    Block* block = free_[static_cast<std::size_t>(sizeClass)].oldest;
    while (block != nullptr && reserved_ > until) {
      Block* next = block->newer;
      if (ready(*block)) {
        unlink(block);
        destroy(block);
      }
      block = next;
    }
  }
}

// Waits until some cached block that a running stream still used is free; false when there is none to wait for.
bool Allocator::wait_for_pending(Lock& lock) {
  for (const FreeList& list : free_) {
    for (Block* block = list.oldest; block != nullptr; block = block->newer) {
      if (block->bytes == 0 || ready(*block)) continue;
      const auto clock =
          std::find_if(clocks_.begin(), clocks_.end(), [&](const auto& c) { return c.get() == block->clock; });
      if (clock == clocks_.end()) continue;
      const std::shared_ptr<Clock> held = *clock;  // the stream may end while the lock is open
      const Ticket ticket = block->ticket;
      lock.unlock();
      held->wait(ticket);
      lock.lock();
      return true;
    }
  }
  return false;
}

void Allocator::give(Block* block, Clock* clock, Ticket ticket) noexcept {
  const std::lock_guard lock(mutex_);
  allocated_ -= block->bytes;
  block->clock = clock;
  block->ticket = ticket;
  FreeList& list = free_[static_cast<std::size_t>(block->sizeClass)];
  block->newer = nullptr;
  block->older = list.newest;
  (list.newest != nullptr ? list.newest->newer : list.oldest) = block;
  list.newest = block;
}

void Allocator::attach(std::shared_ptr<Clock> clock) {
  const std::lock_guard lock(mutex_);
  clocks_.push_back(std::move(clock));
}

void Allocator::detach(const Clock* clock) noexcept {
  const std::lock_guard lock(mutex_);
  for (const FreeList& list : free_) {
    for (Block* block = list.oldest; block != nullptr; block = block->newer) {
      if (block->clock == clock) block->clock = nullptr;
    }
  }
  std::erase_if(clocks_, [clock](const auto& c) { return c.get() == clock; });
}

MemoryStats Allocator::stats() const {
  const std::lock_guard lock(mutex_);
  return {allocated_, reserved_, peak_, limit_};
}

void Allocator::set_limit(std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  limit_ = bytes;
  drop_ready(limit_);
}

void Allocator::reset_peak() {
  const std::lock_guard lock(mutex_);
  peak_ = allocated_;
}

void Allocator::empty_cache() {
  const std::lock_guard lock(mutex_);
  drop_ready(0);
}

void Allocator::destroy(Block* block) noexcept {
  if (block->data != nullptr) {
    source_.release(source_.owner, block->data, static_cast<std::size_t>(block->bytes));
    reserved_ -= block->bytes;
  }
  delete block;
}

void Allocator::fail(std::int64_t request, const char* what) const {
  throw Error(ErrorCode::memory,
              text_of("out of memory on ", device_, ": ", bytes_text(request), " requested, ", what, "; tensors hold ",
                      bytes_text(allocated_), ", ", bytes_text(reserved_ - allocated_), " are cached, the limit is ",
                      bytes_text(limit_),
                      ". dispose() tensors, or work inside tidy(): finalizers do not run within a synchronous loop"));
}

}  // namespace receptive
