#include "host_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace receptive {

namespace {

// Blocks from this size come from mmap, so that releasing them returns the memory to the system whatever the heap's
// state.
constexpr std::size_t kMapped = std::size_t{1} << 20;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

std::size_t mapped_bytes(std::size_t bytes) {
  static const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

// Blocks of several huge pages start on one, and ask for them: a convolution's columns otherwise miss the TLB all the
// time.
void* map(std::size_t bytes) {
  const std::size_t slack = bytes >= 2 * kHugePage ? kHugePage : 0;
  const std::size_t size = mapped_bytes(bytes);
  void* mapping = mmap(nullptr, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return nullptr;
  if (slack == 0) return mapping;
  auto* const begin = static_cast<std::byte*>(mapping);
  const std::size_t before = (kHugePage - reinterpret_cast<std::uintptr_t>(begin) % kHugePage) % kHugePage;
  if (before > 0) munmap(begin, before);
  if (slack > before) munmap(begin + before + size, slack - before);
  madvise(begin + before, size,
          MADV_HUGEPAGE);  // a hint: whether it is followed makes no difference to what is computed
  return begin + before;
}

void* allocate(void*, std::size_t bytes) { return bytes >= kMapped ? map(bytes) : std::aligned_alloc(64, bytes); }

void release(void*, void* data, std::size_t bytes) {
  if (bytes >= kMapped) {
    munmap(data, mapped_bytes(bytes));
  } else {
    std::free(data);
  }
}

}  // namespace

MemorySource host_memory() { return {allocate, release}; }

}  // namespace receptive
