// The communicator's thread, with a transport made by hand: order, values as of the submission, pieces, failures, what
// happens when the transport stands still or is left.
#include "core/communicator.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "../check.h"
#include "core/error.h"
#include "sink.h"

using namespace receptive;

namespace {

// Rank 1 of 3 in a world in which all others have the same values. What the test changes while the thread runs is
// atomic.
struct Fake final : Transport {
  struct Wires {
    std::atomic<bool> hold{false};         // nothing gets done
    std::atomic<bool> holdOpen{false};     // open() does not come back
    std::atomic<bool> fails{false};        // done() throws
    std::atomic<int> pieces{0};            // begun
    std::atomic<std::int64_t> largest{0};  // bytes of a piece
    std::atomic<bool> destroyed{false};
  };

  explicit Fake(Wires& w) : wires(w) {}
  ~Fake() override { wires.destroyed = true; }

  void open() override {
    while (wires.holdOpen) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (wires.fails) throw Error(ErrorCode::unsupported, "no world");
    log += "open ";
  }
  void close() override { log += "close "; }
  int rank() const override { return 1; }
  int size() const override { return 3; }

  void begin_sum(void* data, std::int64_t count, DType dtype) override {
    piece(count * (dtype == DType::float64 ? 8 : 4));
    if (dtype == DType::float64) {
      for (std::int64_t i = 0; i < count; ++i) static_cast<double*>(data)[i] *= 3;
    } else {
      for (std::int64_t i = 0; i < count; ++i) static_cast<float*>(data)[i] *= 3;
    }
    polls = 0;
  }
  void begin_broadcast(void* data, std::int64_t bytes, int root) override {
    piece(bytes);
    if (root != 1) std::memset(data, 7, static_cast<std::size_t>(bytes));
    polls = 0;
  }
  void begin_barrier() override { polls = 0; }
  void begin_leaving() override { polls = 0; }
  bool done() override {
    if (wires.fails) throw Error(ErrorCode::communication, "a wire is cut");
    return !wires.hold && ++polls > 3;
  }

  void piece(std::int64_t bytes) {
    ++wires.pieces;
    wires.largest = std::max(wires.largest.load(), bytes);
  }

  Wires& wires;
  std::string log;
  int polls = 0;
};

struct Fixture {
  explicit Fixture(std::chrono::milliseconds patience = std::chrono::seconds(60)) {
    communicator = std::make_unique<Communicator>(std::make_unique<Fake>(wires), sink, patience);
  }

  void submit(Collective::Kind kind, Completion& completion, std::vector<Collective::Part> parts = {},
              DType dtype = DType::float32, int root = 0, std::vector<Collective::Point> after = {}) {
    Collective collective;
    collective.kind = kind;
    collective.dtype = dtype;
    collective.root = root;
    collective.parts = std::move(parts);
    collective.after = std::move(after);
    collective.completion = &completion;
    communicator->submit(std::move(collective));
  }

  // Submits and waits; the failure.
  FailurePointer run(Collective::Kind kind, std::vector<Collective::Part> parts = {}, DType dtype = DType::float32,
                     int root = 0) {
    Completion& completion = completions.emplace_back();  // each has an address of its own, by which the sink knows it
    submit(kind, completion, std::move(parts), dtype, root);
    sink.wait(completion);
    return completion.failure;
  }

  Fake::Wires wires;
  Sink sink;
  std::deque<Completion> completions;
  std::unique_ptr<Communicator> communicator;
};

template <class T>
Collective::Part part_of(std::vector<T>& values, Block& block) {
  return {reinterpret_cast<std::byte*>(values.data()), static_cast<std::int64_t>(values.size() * sizeof(T)), &block};
}

using Kind = Collective::Kind;

void sums_in_pieces() {
  Fixture f;
  EXPECT(f.run(Kind::open) == nullptr, "opens");
  EXPECT(f.communicator->rank() == 1 && f.communicator->size() == 3, "has a place");
  Block block;
  for (const std::size_t large : {std::size_t{5}, std::size_t{3000001}}) {
    std::vector<float> a(7, 1), b(large, 2), none, c(1000003, 3);
    EXPECT(f.run(Kind::sum, {part_of(a, block), part_of(b, block), part_of(none, block), part_of(c, block)}) == nullptr,
           "sums");
    const auto all = [](const std::vector<float>& values, float value) {
      return std::all_of(values.begin(), values.end(), [=](float v) { return v == value; });
    };
    EXPECT(all(a, 3) && all(b, 6) && all(c, 9), "every element once, with %zu", large);
  }
  EXPECT(f.wires.pieces == 1 + 4, "%d pieces", f.wires.pieces.load());
  EXPECT(f.wires.largest == 4 << 20, "pieces of %ld bytes", f.wires.largest.load());
  std::vector<double> d(700001, 0.5);
  EXPECT(f.run(Kind::sum, {part_of(d, block)}, DType::float64) == nullptr, "float64");
  EXPECT(d.front() == 1.5 && d.back() == 1.5, "%f %f", d.front(), d.back());
  EXPECT(f.run(Kind::sum) == nullptr, "nothing at all");
  EXPECT(f.run(Kind::barrier) == nullptr, "a barrier");
}

void broadcasts() {
  Fixture f;
  f.run(Kind::open);
  Block block;
  std::vector<unsigned char> bytes(13, 1);
  EXPECT(f.run(Kind::broadcast, {part_of(bytes, block)}, DType::uint8, 1) == nullptr && bytes[12] == 1,
         "the root keeps its values");
  EXPECT(f.run(Kind::broadcast, {part_of(bytes, block)}, DType::uint8, 2) == nullptr && bytes[0] == 7 && bytes[12] == 7,
         "the others get them");
}

// A sum waits for what computes its values, and those submitted later wait for it.
void order() {
  Fixture f;
  f.run(Kind::open);
  auto clock = std::make_shared<Clock>();
  Block block;
  std::vector<float> slow(3, 0), fast(3, 1);
  Completion first;
  Completion second;
  f.submit(Kind::sum, first, {part_of(slow, block)}, DType::float32, 0, {{clock, 5}});
  f.submit(Kind::sum, second, {part_of(fast, block)});
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT(f.wires.pieces == 0, "nothing is taken before its time");
  slow.assign(3, 4);
  clock->advance(5);
  f.sink.wait(second);
  EXPECT(slow[2] == 12 && fast[2] == 3, "%f %f", static_cast<double>(slow[2]), static_cast<double>(fast[2]));
  EXPECT(f.sink.done[1] == &first && f.sink.done[2] == &second, "in order");
}

void poison() {
  Fixture f;
  f.run(Kind::open);
  Block bad;
  Block good;
  bad.failure = std::make_shared<Failure>(ErrorCode::index, "index 3");
  std::vector<float> a(2, 1), b(2, 1);
  const FailurePointer failure = f.run(Kind::sum, {part_of(a, good), part_of(b, bad)});
  EXPECT(failure == bad.failure && failure->reported, "the owner is told of its own failure");
  EXPECT(a[0] == 3 && b[0] != b[0], "the others get NaN, and what is beside it is summed");
  EXPECT(f.run(Kind::barrier) == nullptr, "and nothing is broken");
}

void failures_stay() {
  Fixture f;
  f.run(Kind::open);
  f.wires.fails = true;
  Block block;
  std::vector<float> a(2, 1);
  const FailurePointer first = f.run(Kind::sum, {part_of(a, block)});
  EXPECT(first != nullptr && first->code == ErrorCode::communication, "told");
  EXPECT(first != nullptr && first->message == "allReduceSum_: a wire is cut", "%s", first->message.c_str());
  f.wires.fails = false;
  EXPECT(f.run(Kind::barrier) == first && f.run(Kind::close) == first, "nothing is tried afterwards");

  Fixture closed;
  closed.wires.fails = true;
  const FailurePointer opening = closed.run(Kind::open);
  EXPECT(
      opening != nullptr && opening->code == ErrorCode::unsupported && opening->message == "mpiCommunicator: no world",
      "opening fails");
}

void impatience() {
  Fixture f(std::chrono::milliseconds(30));
  f.run(Kind::open);
  f.wires.hold = true;
  Block block;
  std::vector<float> a(2, 1);
  const FailurePointer failure = f.run(Kind::sum, {part_of(a, block)});
  EXPECT(failure != nullptr && failure->code == ErrorCode::communication &&
             failure->message.find("allReduceSum_: not done after 30 ms") == 0,
         "%s", failure == nullptr ? "no failure" : failure->message.c_str());
  EXPECT(a[0] == 1, "the tensor is as it was");
}

void closing() {
  Fixture f;
  f.run(Kind::open);
  EXPECT(f.run(Kind::close) == nullptr, "closes");
  Completion never;
  bool thrown = false;
  try {
    f.submit(Kind::barrier, never);
  } catch (const Error& error) {
    thrown = error.code() == ErrorCode::disposed;
  }
  EXPECT(thrown, "nothing may follow");
  f.communicator.reset();
  EXPECT(f.wires.destroyed, "the transport goes with it");
}

// Whatever the thread is at, it can be left, and then tells nobody.
void abandoning() {
  for (const bool queued : {false, true}) {
    Fixture f;
    f.run(Kind::open);
    f.wires.hold = true;
    auto clock = std::make_shared<Clock>();
    Block block;
    std::vector<float> a(2, 1);
    Completion first;
    Completion second;
    f.submit(Kind::sum, first, {part_of(a, block)}, DType::float32, 0, {{clock, queued ? Ticket{1} : Ticket{0}}});
    f.submit(Kind::barrier, second);
    if (!queued) {
      while (f.wires.pieces == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    f.communicator->abandon();
    clock->advance(1);  // as a cancelled stream does
    f.communicator.reset();
    EXPECT(f.sink.done.size() == 1, "only the opening was told of");
    EXPECT(f.wires.pieces == (queued ? 0 : 1), "values that are none were not sent");
    EXPECT(a[0] == 1, "nothing was written");
  }

  auto f = std::make_unique<Fixture>();
  f->wires.holdOpen = true;
  Completion opening;
  f->submit(Kind::open, opening);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  f->communicator.reset();  // does not wait for what nothing ends
  EXPECT(f->sink.done.empty() && !f->wires.destroyed, "the thread is left alone");
  f->wires.holdOpen = false;
  while (!f->wires.destroyed) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT(f->sink.done.empty(), "and tells nobody when it comes back");
}

}  // namespace

int main() {
  sums_in_pieces();
  broadcasts();
  order();
  poison();
  failures_stay();
  impatience();
  closing();
  abandoning();
  return harness::report("communicator");
}
