#include "stream.h"

#include <algorithm>
#include <cstring>
#include <system_error>

#include "../core/error.h"
#include "../core/task.h"
#include "../core/thread.h"

namespace receptive {

namespace {

// Tasks that may wait; a caller that is further ahead waits for the executor. Enough for several training steps.
constexpr std::uint64_t kSlots = 1024;

// What decides whether a task runs on the caller: a lower bound of what one thread of a slow machine does per second.
constexpr double kFlopsPerUs = 8e3;
constexpr double kBytesPerUs = 6e3;
constexpr double kCallUs = 0.2;
constexpr double kInlineUs = 20;

double estimated_us(Cost cost) { return std::max(cost.flops / kFlopsPerUs, cost.bytes / kBytesPerUs) + kCallUs; }
Cost copy_cost(std::int64_t bytes) { return {0, 2 * static_cast<double>(bytes)}; }

void copy_bytes(void* target, const void* source, std::int64_t bytes) {
  if (bytes > 0) std::memcpy(target, source, static_cast<std::size_t>(bytes));
}

#ifdef RECEPTIVE_POISON_MEMORY
void poison(void* data, std::int64_t bytes) {
  if (bytes > 0) std::memset(data, 0xff, static_cast<std::size_t>(bytes));  // NaN in both float types
}
#endif

}  // namespace

CpuStream::CpuStream(std::uint32_t device, Pool& pool, Allocator& allocator, CompletionSink& sink, ProfileLog& profile,
                     std::int64_t lastCacheBytes)
    : Stream(allocator),
      device_(device),
      pool_(pool),
      sink_(sink),
      profile_(profile),
      lastCacheBytes_(lastCacheBytes) {}

CpuStream::~CpuStream() { cancel(); }

// --- the caller's side

void CpuStream::submit(OpTask& task) {
  const OpEntry& op = *task.op->entry;
  task.cost = op.cost(task.call);
  const bool isInline = idle() && estimated_us(task.cost) <= kInlineUs;
  task.threads = isInline ? 1 : pool_.threads();
  const std::int64_t bytes = op.workspace(task.call, task.threads);
  if (bytes < 0) throw Error(ErrorCode::general, text_of(op.name, ": the workspace is too large to count"));
  Block* workspace = bytes > 0 ? take(bytes) : nullptr;
  task.workspace = workspace != nullptr ? workspace->data : nullptr;
  task.packed = nullptr;
  bool packedIsTemporary = false;
  try {
    if (op.packs != nullptr) packedIsTemporary = take_packed(task);
    if (!isInline) {
      Item& item = next_item();
      item.kind = Item::Kind::op;
      copy_task(item.op, task);
      push(item);
    }
  } catch (...) {
    if (workspace != nullptr) give(workspace);
    if (packedIsTemporary) {
      give(task.packed);
    } else if (task.packed != nullptr && task.freshPacked) {
      forget_packed(*task.inputs[op.packs(task.call).input]);
    }
    throw;
  }
  if (isInline) {
    run(task, true);
    clock().advance_alone(++enqueued_);
  }
  for (std::int32_t i = 0; i < task.call.inputCount; ++i) task.inputs[i]->lastUse = enqueued_;
  for (std::int32_t i = 0; i < task.call.outputCount; ++i) task.outputs[i]->lastUse = enqueued_;
  if (workspace != nullptr) {
    workspace->lastUse = enqueued_;
    give(workspace);
  }
  if (task.packed != nullptr) task.packed->lastUse = enqueued_;
  if (packedIsTemporary) give(task.packed);
}

Block* CpuStream::upload(const void* source, std::int64_t bytes, DType dtype) {
  Block* block = take(bytes, nullptr);
  block->failure.reset();
  copy_bytes(block->data, source, bytes);
  if (dtype == DType::boolean) {
    for (std::int64_t i = 0; i < bytes; ++i) block->data[i] = std::byte{block->data[i] != std::byte{0}};
  }
  return block;
}

bool CpuStream::read(const View& view, Block* block, void* target, std::int64_t bytes, Completion* completion) {
  if (idle() && estimated_us(copy_cost(bytes)) <= kInlineUs) {
    copy_bytes(target, view.data, bytes);
    completion->failure = told(*block);
    return true;
  }
  Item& item = next_item();
  item.kind = Item::Kind::read;
  item.completion = completion;
  item.source = view.data;
  item.target = target;
  item.bytes = bytes;
  item.block = block;
  push(item);
  block->lastUse = enqueued_;
  return false;
}

FailurePointer CpuStream::read_now(const View& view, Block* block, void* target, std::int64_t bytes) {
  clock().wait(block->lastUse);
  copy_bytes(target, view.data, bytes);
  return told(*block);
}

bool CpuStream::fence(Completion* completion) {
  if (idle()) {
    completion->failure = failures_.take();
    return true;
  }
  Item& item = next_item();
  item.kind = Item::Kind::fence;
  item.completion = completion;
  push(item);
  return false;
}

FailurePointer CpuStream::fence_now() {
  clock().wait(enqueued_);
  return failures_.take();
}

CpuStream::Item& CpuStream::next_item() {
  if (!executor_.joinable()) start();
  Item& item = ring_[pushed_.load(std::memory_order_relaxed) % kSlots];
  clock().wait(item.ticket);  // of the task that had this slot before
  return item;
}

void CpuStream::push(Item& item) {
  item.ticket = ++enqueued_;
  // The executor says that it sleeps before it looks at the count, and the count changes before we look whether it
  // sleeps (both sequentially consistent), so one of the two always sees the other.
  pushed_.fetch_add(1);
  if (!sleeping_.load()) return;
  const std::lock_guard lock(mutex_);
  changed_.notify_one();
}

void CpuStream::start() {
  if (cancelled_) throw Error(ErrorCode::general, "the environment is being torn down");
  if (ring_.empty()) ring_ = std::vector<Item>(kSlots);
  try {
    executor_ = start_thread("receptive-exec", [this] { work(); });
  } catch (const std::system_error& error) {
    throw Error(ErrorCode::memory, text_of("the system has no thread for the CPU's stream: ", error.what()));
  }
}

void CpuStream::cancel() noexcept {
  cancelled_ = true;
  if (!executor_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  executor_.join();
  clock().advance(enqueued_);
}

// --- the executor's side

void CpuStream::work() {
  for (std::uint64_t done = 0; await_item(done); ++done) {
    Item& item = ring_[done % kSlots];
    const Ticket ticket = item.ticket;
    execute(item);
    clock().advance(ticket);
  }
}

// False when the stream is cancelled, whatever is queued.
bool CpuStream::await_item(std::uint64_t done) {
  const auto ready = [&] { return stopping_.load() || pushed_.load() != done; };
  if (done == 0 || !yield_until(kStayAwake, ready)) {
    std::unique_lock lock(mutex_);
    sleeping_ = true;
    changed_.wait(lock, ready);
    sleeping_ = false;
  }
  return !stopping_.load();
}

void CpuStream::execute(Item& item) noexcept {
  switch (item.kind) {
    case Item::Kind::op:
      return run(item.op, false);
    case Item::Kind::read:
      copy_bytes(item.target, item.source, item.bytes);
      item.completion->failure = told(*item.block);
      return sink_.complete(item.completion);
    case Item::Kind::fence:
      item.completion->failure = failures_.take();
      return sink_.complete(item.completion);
  }
}

// --- either side

void CpuStream::run(OpTask& task, bool isInline) noexcept {
  if (task.token == 0) return compute(task);
  const double start = now_us();
  compute(task);
  const ProfileEvent event{task.number, device_, start, now_us() - start, task.cost.flops, task.cost.bytes, isInline};
  try {
    profile_.add(task.token, event);
  } catch (const std::bad_alloc&) {  // one event less
  }
}

void CpuStream::compute(OpTask& task) noexcept {
  const OpCall& call = task.call;
  Block* packed = task.packed;
  if (packed != nullptr && task.freshPacked) packed->filled = false;
  if (inherit_failure(task)) return;
#ifdef RECEPTIVE_POISON_MEMORY
  for (std::int32_t i = 0; i < call.outputCount; ++i) {
    if ((task.freshOutputs >> i & 1) != 0) poison(task.outputs[i]->data, task.outputs[i]->bytes);
  }
#endif
  Pool::Team team(pool_, task.threads);
  Fault fault{-1, 0, 0};
  KernelContext context{team.parallel(), task.workspace, nullptr, false, &fault, nullptr, lastCacheBytes_};
  if (packed != nullptr) {
    context.packed = packed->data;
    context.packedReady = packed->filled;
#ifdef RECEPTIVE_POISON_MEMORY
    if (!packed->filled) poison(packed->data, packed->bytes);
#endif
  }
  task.op->entry->run(call, context);
  if (packed != nullptr) packed->filled = true;
  if (fault.position >= 0) fail_task(task, fault, failures_);
}

}  // namespace receptive
