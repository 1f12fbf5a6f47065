#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "state.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

thread_local uint3 threadIdx;
thread_local uint3 blockIdx;
thread_local dim3 blockDim;
thread_local dim3 gridDim;

namespace receptive::emulation {

namespace {

constexpr std::size_t kStackBytes = std::size_t{256} << 10;
constexpr std::size_t kMostSharedBytes = std::size_t{227} << 10;  // of a block, on sm_90
constexpr unsigned kLanes = 32;

struct Fiber {
  ucontext_t context;  // enters the fiber, once
  jmp_buf place;       // where it has left; unlike a context's, a jump costs no system calls
  bool entered = false;
  std::unique_ptr<std::byte[]> stack;
  unsigned thread = 0;  // that it runs
  enum class Wait { none, block, warp } wait = Wait::none;
  unsigned mask = 0;          // of the warp's exchange
  bool idle = true;           // has no thread
  void* fakeStack = nullptr;  // the address sanitizer's
};

struct Warp {
  std::uint64_t values[2][kLanes];
  unsigned epoch[kLanes];  // exchanges that the lane has begun
  unsigned waiting;        // the lanes that wait at one, while complete() looks
};

class Block {
 public:
  // False: the kernel is wrong, and `reason` says how.
  bool run(dim3 block, std::size_t sharedBytes, Call call);

  void wait(Fiber::Wait wait, unsigned mask);
  const std::uint64_t* exchange(unsigned mask, std::uint64_t bits);
  std::byte* shared() { return shared_.data(); }

  std::string reason;

 private:
  static void enter();
  void next_threads();
  void switch_to(Fiber& fiber);
  void leave();
  bool complete();
  Fiber& idle_fiber();
  void fail(const std::string& what);

  Call call_{};
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<unsigned> order_;
  std::size_t started_ = 0, ended_ = 0;
  std::vector<Fiber*> ready_;
  std::vector<Warp> warps_;
  std::vector<std::byte> shared_;
  jmp_buf scheduler_;
  void* schedulerFake_ = nullptr;
  const void* schedulerStack_ = nullptr;
  std::size_t schedulerStackBytes_ = 0;
  Fiber* current_ = nullptr;
};

thread_local std::unique_ptr<Block> running;
thread_local std::minstd_rand shuffler;
thread_local bool shuffled = false;

template <class Items>
void shuffle(Items& items) {
  if (shuffled) std::shuffle(items.begin(), items.end(), shuffler);
}

void place(unsigned thread) {
  threadIdx = {thread % blockDim.x, thread / blockDim.x % blockDim.y, thread / (blockDim.x * blockDim.y)};
}

void Block::fail(const std::string& what) {
  if (reason.empty()) reason = what;
}

// Both ways of a switch are told to the address sanitizer.
void Block::switch_to(Fiber& fiber) {
  current_ = &fiber;
  if (!fiber.idle) place(fiber.thread);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&schedulerFake_, fiber.stack.get(), kStackBytes);
#endif
  if (_setjmp(scheduler_) == 0) {
    if (fiber.entered) _longjmp(fiber.place, 1);
    fiber.entered = true;
    setcontext(&fiber.context);
  }
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(schedulerFake_, nullptr, nullptr);
#endif
}

void Block::leave() {
  Fiber& fiber = *current_;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&fiber.fakeStack, schedulerStack_, schedulerStackBytes_);
#endif
  if (_setjmp(fiber.place) == 0) _longjmp(scheduler_, 1);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fiber.fakeStack, &schedulerStack_, &schedulerStackBytes_);
#endif
}

void Block::enter() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &running->schedulerStack_, &running->schedulerStackBytes_);
#endif
  for (;;) {
    running->next_threads();
    running->leave();
  }
}

// On a fiber: threads of the block that nobody has begun, until there are none.
void Block::next_threads() {
  while (started_ < order_.size()) {
    Fiber& fiber = *current_;
    fiber.thread = order_[started_++];
    fiber.idle = false;
    place(fiber.thread);
    call_.run(call_.closure);
    running->current_->idle = true;
    ++ended_;
  }
}

void Block::wait(Fiber::Wait wait, unsigned mask) {
  current_->wait = wait;
  current_->mask = mask;
  leave();
}

const std::uint64_t* Block::exchange(unsigned mask, std::uint64_t bits) {
  const unsigned thread = current_->thread, lane = thread % kLanes;
  Warp& warp = warps_[thread / kLanes];
  // Two turns of values: nobody begins the next exchange but one before all have read this one.
  const unsigned turn = warp.epoch[lane]++ % 2;
  warp.values[turn][lane] = bits;
  wait(Fiber::Wait::warp, mask);
  return warp.values[turn];
}

// Whether some of those who wait may go on; they are then in ready_.
bool Block::complete() {
  std::size_t atBarrier = 0;
  for (const auto& fiber : fibers_) atBarrier += !fiber->idle && fiber->wait == Fiber::Wait::block;
  if (atBarrier == order_.size()) {
    for (const auto& fiber : fibers_) {
      if (!fiber->idle) ready_.push_back(fiber.get());
    }
    return true;
  }
  const auto exchanges = [](const Fiber& fiber) { return !fiber.idle && fiber.wait == Fiber::Wait::warp; };
  for (Warp& warp : warps_) warp.waiting = 0;
  for (const auto& fiber : fibers_) {
    if (exchanges(*fiber)) warps_[fiber->thread / kLanes].waiting |= 1u << fiber->thread % kLanes;
  }
  // Groups of lanes may be at exchanges of their own: a mask is complete when all of its lanes wait with it.
  for (const auto& fiber : fibers_) {
    if (!exchanges(*fiber)) continue;
    const std::size_t warp = fiber->thread / kLanes, size = order_.size() - warp * kLanes;
    const unsigned lanes = size >= kLanes ? ~0u : (1u << size) - 1;
    if ((fiber->mask & lanes & ~warps_[warp].waiting) == 0) ready_.push_back(fiber.get());
  }
  if (!ready_.empty()) return true;
  fail(ended_ > 0 && atBarrier > 0
           ? std::to_string(ended_) + " of " + std::to_string(order_.size()) +
                 " threads ended without the barrier at which others wait"
           : std::string("threads wait for each other: at a barrier ") + std::to_string(atBarrier) + " of " +
                 std::to_string(order_.size()) + ", the others for lanes that do not come");
  return false;
}

Fiber& Block::idle_fiber() {
  for (const auto& fiber : fibers_) {
    if (fiber->idle) return *fiber;
  }
  auto fiber = std::make_unique<Fiber>();
  fiber->stack = std::make_unique<std::byte[]>(kStackBytes);
  getcontext(&fiber->context);
  fiber->context.uc_stack.ss_sp = fiber->stack.get();
  fiber->context.uc_stack.ss_size = kStackBytes;
  fiber->context.uc_link = nullptr;
  makecontext(&fiber->context, &Block::enter, 0);
  fibers_.push_back(std::move(fiber));
  return *fibers_.back();
}

bool Block::run(dim3 block, std::size_t sharedBytes, Call call) {
  call_ = call;
  order_.resize(std::size_t{block.x} * block.y * block.z);
  std::iota(order_.begin(), order_.end(), 0u);
  shuffle(order_);
  started_ = ended_ = 0;
  ready_.clear();
  warps_.assign((order_.size() + kLanes - 1) / kLanes, Warp{});
  shared_.assign(sharedBytes, std::byte{0xff});  // NaN, where nobody has written
  while (ended_ < order_.size()) {
    if (!ready_.empty()) {
      Fiber& fiber = *ready_.back();
      ready_.pop_back();
      fiber.wait = Fiber::Wait::none;
      switch_to(fiber);
    } else if (started_ < order_.size()) {
      switch_to(idle_fiber());
    } else if (!complete()) {
      fibers_.clear();  // with whatever their threads held; the device is lost
      return false;
    } else {
      shuffle(ready_);
    }
  }
  return true;
}

}  // namespace

void launch(dim3 grid, dim3 block, std::size_t sharedBytes, Call call) {
  const std::size_t threads = std::size_t{block.x} * block.y * block.z;
  if (threads == 0 || threads > 1024 || block.z > 64 || grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.y > 65535 ||
      grid.z > 65535 || sharedBytes > kMostSharedBytes) {
    return raise(cudaErrorInvalidConfiguration);
  }
  const cudaError_t failure = injected("launch", cudaErrorLaunchFailure);
  if (failure != cudaSuccess) return raise(failure);
  if (sticky() != cudaSuccess) return;
  shuffled = options().seed != 0;
  if (shuffled) shuffler.seed(options().seed);
  if (running == nullptr) running = std::make_unique<Block>();
  blockDim = block;
  gridDim = grid;
  std::vector<std::size_t> blocks(std::size_t{grid.x} * grid.y * grid.z);
  std::iota(blocks.begin(), blocks.end(), std::size_t{0});
  shuffle(blocks);
  for (const std::size_t index : blocks) {
    blockIdx = {static_cast<unsigned>(index % grid.x), static_cast<unsigned>(index / grid.x % grid.y),
                static_cast<unsigned>(index / grid.x / grid.y)};
    if (running->run(block, sharedBytes, call)) continue;
    std::fprintf(stderr, "emulated device: block (%u, %u, %u): %s\n", blockIdx.x, blockIdx.y, blockIdx.z,
                 running->reason.c_str());
    running = nullptr;
    return raise(cudaErrorLaunchFailure);
  }
}

std::byte* shared_memory() { return running->shared(); }
void block_barrier() { running->wait(Fiber::Wait::block, 0); }
const std::uint64_t* exchange(unsigned mask, std::uint64_t bits) { return running->exchange(mask, bits); }
int lane_of_warp() {
  return static_cast<int>((threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % kLanes);
}

}  // namespace receptive::emulation

std::size_t __cvta_generic_to_shared(const void* at) {
  return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(at) -
                                    reinterpret_cast<std::uintptr_t>(&threadIdx));
}
void* __cvta_shared_to_generic(std::size_t at) {
  const auto distance = static_cast<std::uintptr_t>(static_cast<std::int32_t>(at));
  return reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(&threadIdx) + distance);
}

unsigned __ballot_sync(unsigned mask, int predicate) {
  using namespace receptive::emulation;
  const std::uint64_t* const said = exchange(mask, static_cast<std::uint64_t>(predicate != 0));
  unsigned result = 0;
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    if ((mask >> lane & 1u) != 0 && said[lane] != 0) result |= 1u << lane;
  }
  return result;
}
