// The caching allocator: size classes, counters, the order of reuse, tickets, limits.
#include "core/allocator.h"

#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "../check.h"

using namespace receptive;

namespace {

std::int64_t taken = 0;      // bytes that the source has given out
std::int64_t sourceHas = 0;  // and has left

void* allocate(void*, std::size_t bytes) {
  if (static_cast<std::int64_t>(bytes) > sourceHas) return nullptr;
  sourceHas -= static_cast<std::int64_t>(bytes);
  taken += static_cast<std::int64_t>(bytes);
  return std::aligned_alloc(64, bytes);
}

void release(void*, void* data, std::size_t bytes) {
  sourceHas += static_cast<std::int64_t>(bytes);
  taken -= static_cast<std::int64_t>(bytes);
  std::free(data);
}

struct Fixture {
  Fixture(std::int64_t limit, std::int64_t available = std::int64_t{1} << 40) {
    sourceHas = available;
    taken = 0;
    allocator = std::make_unique<Allocator>("test", MemorySource{allocate, release}, limit);
    allocator->attach(clock);
    allocator->attach(other);
  }
  ~Fixture() {
    allocator.reset();
    EXPECT(taken == 0, "%ld bytes were not returned to the source", taken);
  }
  Block* take(std::int64_t bytes) { return allocator->take(bytes, clock.get()); }
  void give(Block* block, Ticket ticket = 0) { allocator->give(block, clock.get(), ticket); }

  std::unique_ptr<Allocator> allocator;
  std::shared_ptr<Clock> clock = std::make_shared<Clock>();
  std::shared_ptr<Clock> other = std::make_shared<Clock>();
};

std::string failure_of(Fixture& f, std::int64_t bytes) {
  try {
    f.give(f.take(bytes));
    return "";
  } catch (const Error& error) {
    EXPECT(error.code() == ErrorCode::memory, "code %s", code_text(error.code()));
    return error.message();
  }
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

void size_classes() {
  EXPECT(size_class(0) == 0 && class_bytes(0) == 0, "the empty class");
  int last = 0;
  for (std::int64_t bytes = 1; bytes <= kMaxBytes; bytes += 1 + bytes / 37) {
    const int c = size_class(bytes);
    const std::int64_t size = class_bytes(c);
    EXPECT(c >= last && c < kSizeClasses, "%ld bytes: class %d after %d", bytes, c, last);
    EXPECT(size >= bytes && size % 64 == 0, "%ld bytes: block of %ld", bytes, size);
    EXPECT(size - bytes < 64 || 8 * (size - bytes) <= bytes, "%ld bytes waste %ld", bytes, size - bytes);
    EXPECT(size_class(size) == c, "%ld bytes: its class's size is of another class", bytes);
    EXPECT(c == 0 || class_bytes(c - 1) < bytes, "%ld bytes: a smaller class would do", bytes);
    last = c;
  }
  EXPECT(size_class(kMaxBytes) < kSizeClasses, "the largest class");
}

void counters() {
  Fixture f(1 << 20);
  Block* a = f.take(1000);
  Block* b = f.take(100);
  MemoryStats s = f.allocator->stats();
  EXPECT(s.allocated == 1024 + 128 && s.reserved == s.allocated && s.peak == s.allocated, "%ld %ld %ld", s.allocated,
         s.reserved, s.peak);
  EXPECT(s.limit == 1 << 20, "limit %ld", s.limit);
  EXPECT(reinterpret_cast<std::uintptr_t>(a->data) % 64 == 0, "alignment");
  f.give(a);
  s = f.allocator->stats();
  EXPECT(s.allocated == 128 && s.reserved == 1024 + 128 && s.peak == 1024 + 128, "after give: %ld %ld %ld", s.allocated,
         s.reserved, s.peak);
  f.allocator->reset_peak();
  EXPECT(f.allocator->stats().peak == 128, "peak after reset");
  f.allocator->empty_cache();
  s = f.allocator->stats();
  EXPECT(s.reserved == 128 && taken == 128, "after empty_cache: %ld, %ld", s.reserved, taken);
  f.give(b);
  Block* none = f.take(0);
  EXPECT(none->data == nullptr && none->bytes == 0, "the empty block");
  f.give(none);
  EXPECT(f.take(0) == none, "empty blocks are reused");
  f.give(none);
}

void reuse() {
  Fixture f(1 << 20);
  Block* a = f.take(64);
  Block* b = f.take(64);
  f.give(a, 5);
  f.give(b, 6);
  EXPECT(f.take(64) == b, "a stream takes what it used last, pending or not");
  EXPECT(f.take(64) == a, "and then the one before");
  f.give(a, 5);
  f.give(b, 6);
  Block* c = f.allocator->take(64, nullptr);
  EXPECT(c != a && c != b, "a write at the call must not get a block in use");
  Block* d = f.allocator->take(64, f.other.get());
  EXPECT(d != a && d != b, "another stream must not get a block in use");
  f.clock->advance(5);
  EXPECT(f.allocator->take(64, nullptr) == a, "the block whose ticket is reached");
  Block* e = f.allocator->take(64, f.other.get());
  EXPECT(e != b, "the other one is still in use");
  f.clock->advance(6);
  EXPECT(f.allocator->take(64, f.other.get()) == b, "now it is free for all");
  for (Block* block : {a, b, c, d, e}) f.give(block, 0);
}

void ended_stream() {
  Fixture f(1 << 20);
  Block* a = f.take(64);
  f.give(a, 100);
  f.allocator->detach(f.clock.get());
  EXPECT(f.allocator->take(64, nullptr) == a, "blocks of a stream that has ended are free");
  EXPECT(a->version == 0 && a->references == 1 && a->lastUse == 0, "a block starts anew");
  f.allocator->give(a, nullptr, 0);
}

void limits() {
  Fixture f(4096);
  Block* a = f.take(2048);
  std::string message = failure_of(f, 3000);
  for (const char* part :
       {"3000 bytes", "tensors hold 2048 bytes (2.0 KiB)", "0 bytes are cached", "limit is 4096 bytes", "tidy"}) {
    EXPECT(contains(message, part), "'%s' is missing in: %s", part, message.c_str());
  }
  f.give(a);
  EXPECT(failure_of(f, 3000).empty(), "the cache is dropped for a request that fits without it");
  EXPECT(f.allocator->stats().reserved <= 4096, "reserved %ld", f.allocator->stats().reserved);
  EXPECT(contains(failure_of(f, 5000), "5000 bytes"), "a request above the limit");
  f.allocator->set_limit(1024);
  EXPECT(f.allocator->stats().reserved <= 1024, "a lower limit empties the cache");
  EXPECT(!failure_of(f, 2000).empty(), "the lower limit holds");
  f.allocator->set_limit(1 << 20);
  EXPECT(failure_of(f, 2000).empty(), "and can be raised");
  EXPECT(!failure_of(f, kMaxBytes + 1).empty(), "more than 2^53 bytes");
}

// Where the limit, or else the source, leaves no room beside it.
void pending_memory_is_waited_for(std::int64_t limit, std::int64_t available) {
  Fixture f(limit, available);
  Block* a = f.take(3000);
  f.give(a, 7);
  std::thread executor([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    f.clock->advance(7);
  });
  EXPECT(failure_of(f, 2500).empty(), "waits for the running stream");
  EXPECT(f.clock->reached(7), "it did not wait");
  executor.join();
}

void source_without_memory() {
  Fixture f(1 << 20, 4096);
  Block* a = f.take(1000);
  f.give(f.take(3000));
  Block* b = f.take(2000);
  EXPECT(b->bytes == 2048, "the cache is dropped when the source has no more");
  EXPECT(contains(failure_of(f, 4000), "the system has no more"), "the source's end");
  f.give(a);
  f.give(b);
}

void several_threads() {
  Fixture f(std::int64_t{1} << 30);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&f, t] {
      auto clock = std::make_shared<Clock>();
      f.allocator->attach(clock);
      Ticket ticket = 0;
      for (int i = 0; i < 5000; ++i) {
        const std::int64_t bytes = 64 * (1 + (i * 7 + t) % 5);
        Block* block = f.allocator->take(bytes, clock.get());
        std::memset(block->data, t, static_cast<std::size_t>(bytes));
        block->failure.reset();
        f.allocator->give(block, clock.get(), ++ticket);
        if (i % 3 == 0) clock->advance(ticket);
      }
      clock->advance(ticket);
      f.allocator->detach(clock.get());
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT(f.allocator->stats().allocated == 0, "%ld bytes are held", f.allocator->stats().allocated);
}

}  // namespace

int main() {
  size_classes();
  counters();
  reuse();
  ended_stream();
  limits();
  pending_memory_is_waited_for(4096, 1 << 20);
  pending_memory_is_waited_for(1 << 20, 4096);
  source_without_memory();
  several_threads();
  return harness::report("allocator");
}
