#include "stream.h"

#include <algorithm>
#include <cstring>
#include <system_error>
#include <utility>

#include "../core/error.h"
#include "../core/task.h"
#include "../core/thread.h"

namespace receptive {

namespace {

// Tasks between the JavaScript thread and the waiter; a caller that is further ahead waits.
constexpr std::uint64_t kSlots = 1024;
// Of those, what the waiter takes at once: the caller may go on as soon as these are done.
constexpr std::uint64_t kTogether = 64;
// Uploads go through pinned memory in pieces of this size, so that a large one does not hold as much of it.
constexpr std::int64_t kPiece = std::int64_t{4} << 20;

// Bytes to bytes, booleans to 0 and 1.
void copy_host(void* target, const void* source, std::int64_t bytes, DType dtype) {
  if (bytes <= 0) return;
  if (dtype != DType::boolean) {
    std::memcpy(target, source, static_cast<std::size_t>(bytes));
    return;
  }
  auto* to = static_cast<std::byte*>(target);
  const auto* from = static_cast<const std::byte*>(source);
  for (std::int64_t i = 0; i < bytes; ++i) to[i] = std::byte{from[i] != std::byte{0}};
}

void destroy(cudaEvent_t& event) {
  if (event != nullptr) cudaEventDestroy(event);
  event = nullptr;
}

}  // namespace

CudaStream::CudaStream(std::uint32_t device, DeviceHealth& health, Allocator& allocator, Allocator& pinned,
                       CompletionSink& sink, ProfileLog& profile, int multiprocessors)
    : Stream(allocator),
      device_(device),
      health_(health),
      pinned_(pinned),
      sink_(sink),
      profile_(profile),
      multiprocessors_(multiprocessors),
      libraries_(health, *this) {}

CudaStream::~CudaStream() {
  cancel();
  if (use_device(health_.ordinal()) == cudaSuccess) {
    libraries_.close();
    for (Item& item : ring_) {
      destroy(item.done);
      destroy(item.start);
      destroy(item.stop);
    }
    destroy(anchor_);
    if (stream_ != nullptr) cudaStreamDestroy(stream_);
    cudaGetLastError();
  }
  if (faultBlock_ != nullptr) pinned_.give(faultBlock_, nullptr, 0);
}

// --- the JavaScript thread's side

void CudaStream::start() {
  if (cancelled_) throw Error(ErrorCode::general, "the environment is being torn down");
  health_.expect_alive();
  health_.check(use_device(health_.ordinal()), "cudaSetDevice");
  if (waiter_.joinable()) return;
  if (stream_ == nullptr) health_.check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
  if (faults_ == nullptr) {
    faultBlock_ = pinned_.take(static_cast<std::int64_t>(kSlots * sizeof(FaultSlot)), nullptr);
    faults_ = reinterpret_cast<FaultSlot*>(faultBlock_->data);
    std::fill_n(faults_, kSlots, FaultSlot{kNoFault, 0});
  }
  if (ring_.empty()) ring_ = std::vector<Item>(kSlots);
  try {
    waiter_ = start_thread("receptive-cuda", [this] { work(); });
  } catch (const std::system_error& error) {
    throw Error(ErrorCode::memory, text_of("the system has no thread for a CUDA stream: ", error.what()));
  }
}

CudaStream::Item& CudaStream::next_item(Item::Kind kind) {
  start();
  Item& item = ring_[launched_ % kSlots];
  clock().wait(item.ticket);  // of the task that had this slot before
  if (item.done == nullptr) {
    health_.check(cudaEventCreateWithFlags(&item.done, cudaEventDisableTiming | cudaEventBlockingSync),
                  "cudaEventCreate");
  }
  item.kind = kind;
  item.completion = nullptr;
  item.failure = nullptr;
  item.pinned = nullptr;
  item.op.token = 0;
  return item;
}

// From here on the task counts as enqueued: whatever goes wrong is the waiter's to tell.
void CudaStream::push(Item& item) {
  const cudaError_t status = cudaEventRecord(item.done, stream_);
  // An event without a record counts as over, so the work must be.
  if (status != cudaSuccess && !health_.latch(status, "cudaEventRecord")) drain();
  item.ticket = ++launched_;
  {
    const std::lock_guard lock(mutex_);
    pushed_ = launched_;
  }
  changed_.notify_one();
}

// Waits for the stream without an event of its own. A device that cannot even do that has lost its work.
void CudaStream::drain() noexcept {
  const cudaError_t status = cudaStreamSynchronize(stream_);
  if (status != cudaSuccess) health_.lose(status, "cudaStreamSynchronize");
}

void CudaStream::begin_timing(Item& item) {
  if (item.start == nullptr) health_.check(cudaEventCreate(&item.start), "cudaEventCreate");
  if (item.stop == nullptr) health_.check(cudaEventCreate(&item.stop), "cudaEventCreate");
  if (anchorUs_ == 0) {
    if (anchor_ == nullptr) health_.check(cudaEventCreate(&anchor_), "cudaEventCreate");
    health_.check(cudaEventRecord(anchor_, stream_), "cudaEventRecord");
    health_.check(cudaEventSynchronize(anchor_), "cudaEventSynchronize");
    anchorUs_ = now_us();
  }
  health_.check(cudaEventRecord(item.start, stream_), "cudaEventRecord");
}

void CudaStream::launch(Item& item, const OpTask& task) {
  CudaContext cuda{stream_, faults_ + launched_ % kSlots, multiprocessors_, &libraries_};
  KernelContext context{};
  context.parallel.threads = 1;
  context.workspace = task.workspace;
  context.stream = &cuda;
  if (task.packed != nullptr) {
    context.packed = task.packed->data;
    context.packedReady = !task.freshPacked;
  }
  task.op->entry->run(task.call, context);
  health_.check(cudaGetLastError(), task.op->entry->name);
  if (task.token != 0) health_.check(cudaEventRecord(item.stop, stream_), "cudaEventRecord");
}

void CudaStream::submit(OpTask& task) {
  const OpEntry& op = *task.op->entry;
  Item& item = next_item(Item::Kind::op);
  task.cost = op.cost(task.call);
  task.threads = 1;
  const std::int64_t bytes = op.workspace(task.call, task.threads);
  if (bytes < 0) throw Error(ErrorCode::general, text_of(op.name, ": the workspace is too large to count"));
  Block* workspace = bytes > 0 ? take(bytes) : nullptr;
  task.workspace = workspace != nullptr ? workspace->data : nullptr;
  task.packed = nullptr;
  bool packedIsTemporary = false;
  try {
    if (op.packs != nullptr) packedIsTemporary = take_packed(task);
    if (task.token != 0) begin_timing(item);
    launch(item, task);
  } catch (...) {
    // Something may have been launched: nobody else gets the memory before the stream is past it.
    const Ticket next = launched_ + 1;
    copy_task(item.op, task);
    item.op.token = 0;
    item.op.call.inputCount = item.op.call.outputCount = 0;
    push(item);
    for (Block* block : {workspace, packedIsTemporary ? task.packed : nullptr}) {
      if (block == nullptr) continue;
      block->lastUse = next;
      give(block);
    }
    for (std::int32_t i = 0; i < task.call.inputCount; ++i) task.inputs[i]->lastUse = next;
    for (std::int32_t i = 0; i < task.call.outputCount; ++i) task.outputs[i]->lastUse = next;
    if (!packedIsTemporary && task.packed != nullptr && task.freshPacked) {
      task.packed->lastUse = next;
      forget_packed(*task.inputs[op.packs(task.call).input]);
    }
    throw;
  }
  copy_task(item.op, task);
  push(item);
  for (std::int32_t i = 0; i < task.call.inputCount; ++i) task.inputs[i]->lastUse = launched_;
  for (std::int32_t i = 0; i < task.call.outputCount; ++i) task.outputs[i]->lastUse = launched_;
  if (workspace != nullptr) {
    workspace->lastUse = launched_;
    give(workspace);
  }
  if (task.packed != nullptr) task.packed->lastUse = launched_;
  if (packedIsTemporary) give(task.packed);
}

Block* CudaStream::upload(const void* source, std::int64_t bytes, DType dtype) {
  start();
  Block* block = take(bytes);
  // The waiter clears the block's failure in the stream's order: a task that had the memory before may yet leave one.
  try {
    const auto* from = static_cast<const std::byte*>(source);
    for (std::int64_t done = 0; done < bytes; done += kPiece) {
      const std::int64_t piece = std::min(kPiece, bytes - done);
      Item& item = next_item(Item::Kind::copy);
      item.pinned = pinned_.take(piece, nullptr);
      copy_host(item.pinned->data, from + done, piece, dtype);
      item.block = block;
      const cudaError_t status = cudaMemcpyAsync(block->data + done, item.pinned->data, static_cast<std::size_t>(piece),
                                                 cudaMemcpyHostToDevice, stream_);
      push(item);
      block->lastUse = launched_;
      health_.check(status, "cudaMemcpyAsync to the device");
    }
    if (bytes == 0) {
      Item& item = next_item(Item::Kind::copy);
      item.block = block;
      push(item);
      block->lastUse = launched_;
    }
  } catch (...) {
    give(block);
    throw;
  }
  return block;
}

void CudaStream::enqueue_read(const View& view, Block* block, void* target, std::int64_t bytes, Completion* completion,
                              FailurePointer* failure) {
  Item& item = next_item(Item::Kind::read);
  item.pinned = pinned_.take(bytes, nullptr);
  item.target = target;
  item.bytes = bytes;
  item.block = block;
  cudaError_t status = cudaSuccess;
  if (bytes > 0) {
    status =
        cudaMemcpyAsync(item.pinned->data, view.data, static_cast<std::size_t>(bytes), cudaMemcpyDeviceToHost, stream_);
  }
  if (status == cudaSuccess) {
    item.completion = completion;
    item.failure = failure;
  } else {
    item.kind = Item::Kind::fence;  // which nobody waits for: it gives the memory back in the stream's order
  }
  push(item);
  block->lastUse = launched_;
  health_.check(status, "cudaMemcpyAsync to the host");
}

bool CudaStream::read(const View& view, Block* block, void* target, std::int64_t bytes, Completion* completion) {
  if (told_of_loss(completion)) return true;
  enqueue_read(view, block, target, bytes, completion, nullptr);
  return false;
}

FailurePointer CudaStream::read_now(const View& view, Block* block, void* target, std::int64_t bytes) {
  FailurePointer failure;
  enqueue_read(view, block, target, bytes, nullptr, &failure);
  clock().wait(launched_);
  return failure;
}

// A lost device answers at once, and everybody who asks.
bool CudaStream::told_of_loss(Completion* completion) {
  if (!health_.lost()) return false;
  completion->failure = health_.failure();
  return true;
}

bool CudaStream::fence(Completion* completion) {
  if (told_of_loss(completion)) return true;
  if (clock().reached(launched_)) {
    completion->failure = failures_.take();
    return true;
  }
  Item& item = next_item(Item::Kind::fence);
  item.completion = completion;
  push(item);
  return false;
}

FailurePointer CudaStream::fence_now() {
  clock().wait(launched_);
  return health_.lost() ? health_.failure() : failures_.take();
}

void CudaStream::cancel() noexcept {
  cancelled_ = true;
  if (!waiter_.joinable()) return;
  if (!health_.lost() && use_device(health_.ordinal()) == cudaSuccess) {
    const cudaError_t status = cudaStreamSynchronize(stream_);
    if (status != cudaSuccess) health_.latch(status, "cudaStreamSynchronize");
  }
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  waiter_.join();
  for (Ticket ticket = clock().completed(); ticket < launched_; ++ticket) {
    Block* pinned = std::exchange(ring_[ticket % kSlots].pinned, nullptr);
    if (pinned != nullptr) pinned_.give(pinned, nullptr, 0);
  }
  clock().advance(launched_);
}

// --- the waiter's side

void CudaStream::work() {
  use_device(health_.ordinal());
  Ticket done = 0;
  for (;;) {
    Ticket last;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || pushed_ != done; });
      if (stopping_) return;
      last = pushed_;
    }
    while (done != last) {
      // One event stands for all before it: the next one that somebody waits for, or one not too far ahead.
      Ticket until = done + 1;
      const Ticket furthest = std::min(last, done + kTogether);
      const auto waited = [&](Ticket ticket) {
        const Item& item = ring_[(ticket - 1) % kSlots];
        return item.completion != nullptr || item.failure != nullptr;
      };
      while (until != furthest && !waited(until)) ++until;
      if (!health_.lost()) {
        const cudaError_t status = cudaEventSynchronize(ring_[(until - 1) % kSlots].done);
        if (status != cudaSuccess && !health_.latch(status, "waiting for the device")) drain();
      }
      while (done != until) {
        finish(ring_[done % kSlots]);
        clock().advance(++done);
      }
    }
  }
}

void CudaStream::finish(Item& item) noexcept {
  if (item.kind == Item::Kind::op) return finish_op(item);
  const FailurePointer lost = health_.lost() ? health_.failure() : nullptr;
  FailurePointer failure = lost;
  if (item.kind == Item::Kind::copy) {
    item.block->failure = lost;
  } else if (item.kind == Item::Kind::read && lost == nullptr) {
    if (item.bytes > 0) std::memcpy(item.target, item.pinned->data, static_cast<std::size_t>(item.bytes));
    failure = told(*item.block);
  } else if (item.kind == Item::Kind::fence && lost == nullptr && item.completion != nullptr) {
    failure = failures_.take();
  }
  if (item.pinned != nullptr) pinned_.give(std::exchange(item.pinned, nullptr), nullptr, 0);
  if (item.failure != nullptr) *item.failure = failure;
  if (item.completion == nullptr) return;
  item.completion->failure = failure;
  sink_.complete(item.completion);
}

void CudaStream::finish_op(Item& item) noexcept {
  OpTask& task = item.op;
  FaultSlot& slot = faults_[(item.ticket - 1) % kSlots];
  const FaultSlot found = std::exchange(slot, FaultSlot{kNoFault, 0});
  if (health_.lost()) return poison_outputs(task, health_.failure());
  if (task.token != 0) record(item);
  if (inherit_failure(task) || found.key == kNoFault) return;
  const Fault fault{static_cast<std::int64_t>(found.key >> 32), static_cast<std::int32_t>(found.key),
                    static_cast<std::int64_t>(found.limit)};
  fail_task(task, fault, failures_);
}

void CudaStream::record(const Item& item) noexcept {
  float before = 0, duration = 0;  // milliseconds
  if (cudaEventElapsedTime(&before, anchor_, item.start) != cudaSuccess ||
      cudaEventElapsedTime(&duration, item.start, item.stop) != cudaSuccess) {
    cudaGetLastError();
    return;
  }
  const OpTask& task = item.op;
  const ProfileEvent event{task.number,
                           device_,
                           anchorUs_ + 1e3 * static_cast<double>(before),
                           1e3 * static_cast<double>(duration),
                           task.cost.flops,
                           task.cost.bytes,
                           false};
  try {
    profile_.add(task.token, event);
  } catch (const std::bad_alloc&) {  // one event less
  }
}

}  // namespace receptive
