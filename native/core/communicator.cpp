#include "communicator.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <new>
#include <system_error>
#include <utility>

#include "error.h"
#include "thread.h"

namespace receptive {

namespace {

// What is handed to the transport at a time: large enough for its bandwidth, and an element never lies across two.
constexpr std::int64_t kStageBytes = std::int64_t{4} << 20;

// While the transport works it must be asked, or it stands still: often at first, then as often as costs little. The
// processor is yielded in between, as computing needs it.
constexpr std::chrono::microseconds kEager{200};
constexpr std::chrono::microseconds kNap{50};

// Copies between the parts, laid one after another, and the stage: `copy(part, bytes within it, stage, count)` for each
// piece of the parts' bytes [begin, begin + count).
template <class F>
void each_piece(const std::vector<Collective::Part>& parts, std::int64_t begin, std::int64_t count, std::byte* stage,
                F&& copy) {
  std::int64_t at = 0;
  for (const Collective::Part& part : parts) {
    const std::int64_t from = std::max(begin, at);
    const std::int64_t to = std::min(begin + count, at + part.bytes);
    if (from < to) copy(part, from - at, stage + (from - begin), static_cast<std::size_t>(to - from));
    at += part.bytes;
  }
}

const char* name_of(Collective::Kind kind) {
  switch (kind) {
    case Collective::Kind::open:
      return "mpiCommunicator";
    case Collective::Kind::sum:
      return "allReduceSum_";
    case Collective::Kind::broadcast:
      return "broadcast_";
    case Collective::Kind::barrier:
      return "barrier";
    case Collective::Kind::close:
      return "dispose";
  }
  return "";
}

struct Abandoned {};

// Memory that only the transport sees.
struct Stage {
  std::byte bytes[kStageBytes];
  Stage* next;
};

// Stages to which a transport that was given up on may still write: kept for ever.
std::atomic<Stage*> left{nullptr};

void leave(Stage* stage) noexcept {
  if (stage == nullptr) return;
  stage->next = left.load();
  while (!left.compare_exchange_weak(stage->next, stage)) {
  }
}

}  // namespace

class Communicator::Work {
 public:
  Work(std::unique_ptr<Transport> transport, CompletionSink& sink, std::chrono::milliseconds patience)
      : transport_(std::move(transport)), patience_(patience), sink_(&sink) {}

  // --- the owner's side

  void push(Collective&& collective) {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(collective));
    changed_.notify_one();
  }

  void abandon() noexcept {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
    sink_ = nullptr;
    queue_.clear();
    changed_.notify_one();
  }

  // Whether the thread is in a call of the transport that nothing ends.
  bool stuck() {
    const std::lock_guard lock(mutex_);
    return isUninterruptible_;
  }

  const Transport& transport() const { return *transport_; }

  // --- the thread's side

  void run() noexcept {
    try {
      for (bool isOpen = true; isOpen;) {
        Collective collective = next();
        FailurePointer failure = perform(collective);
        isOpen = collective.kind != Collective::Kind::close;
        collective.completion->failure = std::move(failure);
        tell(collective.completion);
      }
    } catch (const Abandoned&) {
    }
  }

 private:
  Collective next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return abandoned_ || !queue_.empty(); });
    if (abandoned_) throw Abandoned{};
    Collective collective = std::move(queue_.front());
    queue_.pop_front();
    return collective;
  }

  void tell(Completion* completion) noexcept {
    const std::lock_guard lock(mutex_);
    if (sink_ != nullptr) sink_->complete(completion);
  }

  // The failure, if any, of the operation or of the values that it was given.
  FailurePointer perform(const Collective& collective) {
    for (const Collective::Point& point : collective.after) point.clock->wait(point.ticket);
    if (abandoned_) throw Abandoned{};  // the values are not what they should be
    if (broken_ == nullptr) {
      try {
        run_on_transport(collective);
      } catch (const Error& error) {
        broken_ = std::make_shared<Failure>(error.code(), text_of(name_of(collective.kind), ": ", error.message()));
      } catch (const std::bad_alloc&) {
        broken_ = std::make_shared<Failure>(ErrorCode::memory,
                                            text_of(name_of(collective.kind), ": the system has no more host memory"));
      }
    }
    for (const Collective::Part& part : collective.parts) {
      if (part.block->failure == nullptr) continue;
      part.block->failure->reported = true;
      return part.block->failure;
    }
    return broken_;
  }

  void run_on_transport(const Collective& collective) {
    switch (collective.kind) {
      case Collective::Kind::open:
        return uninterruptible([&] { transport_->open(); });
      case Collective::Kind::close:
        // Leaving waits for the others without end; so first they say that they are coming.
        transport_->begin_leaving();
        await_done();
        return uninterruptible([&] { transport_->close(); });
      case Collective::Kind::barrier:
        transport_->begin_barrier();
        return await_done();
      case Collective::Kind::sum:
        return staged(collective, true, true, [&](std::byte* stage, std::int64_t bytes) {
          const std::int64_t size = collective.dtype == DType::float64 ? 8 : 4;
          transport_->begin_sum(stage, bytes / size, collective.dtype);
        });
      case Collective::Kind::broadcast: {
        const bool isRoot = transport_->rank() == collective.root;
        return staged(collective, isRoot, !isRoot, [&](std::byte* stage, std::int64_t bytes) {
          transport_->begin_broadcast(stage, bytes, collective.root);
        });
      }
    }
  }

  // The parts through the stage, a piece at a time.
  template <class F>
  void staged(const Collective& collective, bool sends, bool receives, F&& begin) {
    std::int64_t total = 0;
    for (const Collective::Part& part : collective.parts) total += part.bytes;
    if (stage_ == nullptr) stage_.reset(new Stage);  // not initialised
    for (std::int64_t at = 0; at < total; at += kStageBytes) {
      const std::int64_t count = std::min(kStageBytes, total - at);
      if (sends) each_piece(collective.parts, at, count, stage_->bytes, gather);
      begin(stage_->bytes, count);
      await_done();
      if (receives) each_piece(collective.parts, at, count, stage_->bytes, scatter);
    }
  }

  // The others wait for these values: where there are none, they get NaN (all bits set), not silence.
  static void gather(const Collective::Part& part, std::int64_t offset, std::byte* stage, std::size_t count) {
    if (part.block->failure != nullptr) {
      std::memset(stage, 0xff, count);
    } else {
      std::memcpy(stage, part.data + offset, count);
    }
  }

  static void scatter(const Collective::Part& part, std::int64_t offset, const std::byte* stage, std::size_t count) {
    std::memcpy(part.data + offset, stage, count);
  }

  // Waits for what the transport has begun. If that does not end, its memory is left to it.
  void await_done() {
    try {
      const auto start = std::chrono::steady_clock::now();
      const auto ended = [&] { return transport_->done() || abandoned_; };
      if (!yield_until(kEager, ended)) {
        while (!ended()) {
          if (std::chrono::steady_clock::now() - start > patience_) throw too_late();
          std::this_thread::sleep_for(kNap);
        }
      }
      if (abandoned_) throw Abandoned{};
    } catch (...) {
      leave(stage_.release());
      throw;
    }
  }

  Error too_late() const {
    return {ErrorCode::communication, text_of("not done after ", patience_.count(),
                                              " ms: another process has ended, or does something else in its turn")};
  }

  template <class F>
  void uninterruptible(F&& call) {
    mark(true);
    try {
      call();
    } catch (...) {
      mark(false);
      throw;
    }
    mark(false);
  }

  void mark(bool isUninterruptible) {
    const std::lock_guard lock(mutex_);
    if (abandoned_) throw Abandoned{};
    isUninterruptible_ = isUninterruptible;
  }

  const std::unique_ptr<Transport> transport_;
  const std::chrono::milliseconds patience_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Collective> queue_;
  CompletionSink* sink_;  // null: nobody is told any more
  std::atomic<bool> abandoned_{false};
  bool isUninterruptible_ = false;

  // The thread's.
  std::unique_ptr<Stage> stage_;
  FailurePointer broken_;  // after it nothing is tried any more
};

Communicator::Communicator(std::unique_ptr<Transport> transport, CompletionSink& sink,
                           std::chrono::milliseconds patience)
    : work_(std::make_shared<Work>(std::move(transport), sink, patience)) {
  try {
    thread_ = start_thread("receptive-comm", [work = work_] { work->run(); });
  } catch (const std::system_error& error) {
    throw Error(ErrorCode::memory, text_of("the system has no thread for the communicator: ", error.what()));
  }
}

Communicator::~Communicator() {
  abandon();
  if (work_->stuck()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

void Communicator::submit(Collective collective) {
  expect_open();
  closing_ = collective.kind == Collective::Kind::close;
  work_->push(std::move(collective));
}

void Communicator::expect_open() const {
  if (closing_) throw Error(ErrorCode::disposed, "the communicator was disposed");
}

int Communicator::rank() const { return work_->transport().rank(); }
int Communicator::size() const { return work_->transport().size(); }

void Communicator::abandon() noexcept { work_->abandon(); }

}  // namespace receptive
