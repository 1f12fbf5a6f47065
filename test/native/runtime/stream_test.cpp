// The CPU's stream: order, what runs inline, poison, reads, memory that is freed while tasks use it, cancelling.
#include "cpu/stream.h"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "../check.h"
#include "cpu/host_memory.h"
#include "fake_ops.h"
#include "sink.h"

using namespace receptive;

namespace {

// A tensor of 64-bit numbers: one handle on a block.
struct Number {
  Block* block;
  View view;
};

struct Fixture {
  explicit Fixture(int threads = 2, std::int64_t limit = std::int64_t{1} << 30)
      : pool(threads), allocator("cpu", host_memory(), limit), stream(0, pool, allocator, sink, profile, 0) {
    fake::hold = false;
  }
  ~Fixture() { fake::hold = false; }

  Number number(std::int64_t value) {
    Block* block = stream.upload(&value, sizeof(value), DType::float64);
    return {block, view_of(block)};
  }
  static View view_of(Block* block) {
    View view{};
    view.data = block->data;
    view.size = 1;
    view.dtype = DType::float64;
    return view;
  }

  // Runs the op; the output is new, or `inPlace`.
  Number call(const char* name, std::int64_t value, std::initializer_list<Number> inputs = {},
              const Number* inPlace = nullptr, std::uint32_t token = 0) {
    task.op = nullptr;
    for (std::uint32_t i = 0; i < fake::ops().count(); ++i) {
      if (std::string(fake::ops().at(i).entry->name) == name) task.op = &fake::ops().at(task.number = i);
    }
    task.token = token;
    task.call.inputCount = 0;
    for (const Number& input : inputs) {
      task.inputs[task.call.inputCount] = input.block;
      task.call.inputs[task.call.inputCount++] = input.view;
    }
    task.call.outputCount = 1;
    task.freshOutputs = inPlace == nullptr ? 1 : 0;
    task.outputs[0] = inPlace == nullptr ? stream.take(sizeof(std::int64_t)) : inPlace->block;
    task.call.outputs[0] = view_of(task.outputs[0]);
    new (task.call.attrs) fake::Attrs{value};
    const Number result{task.outputs[0], task.call.outputs[0]};
    stream.submit(task);
    return result;
  }

  std::int64_t value(const Number& number) {
    std::int64_t value = -1;
    failure = stream.read_now(number.view, number.block, &value, sizeof(value));
    return value;
  }

  void drop(const Number& number) { stream.give(number.block); }
  template <class... Numbers>
  void drop_all(const Numbers&... numbers) {
    (drop(numbers), ...);
  }
  void drain() { stream.fence_now(); }

  Pool pool;
  Allocator allocator;
  Sink sink;
  ProfileLog profile;
  CpuStream stream;
  FailurePointer failure;
  OpTask task;
};

void order() {
  Fixture f;
  Number x = f.number(1);
  // Far more tasks than the queue has slots, cheap ones behind dear ones, each needs the one before.
  std::int64_t expected = 1;
  for (int i = 0; i < 5000; ++i) {
    const Number y = f.call(i % 3 == 0 ? "dear" : "cheap", i % 7 == 0 ? -1 : 1, {x, x});
    expected = (i % 7 == 0 ? -1 : 1) * expected + expected;
    if (expected == 0) {
      const Number z = f.call("cheap", 5);
      f.drop_all(x, y);
      x = z;
      expected = 5;
    } else {
      f.drop(x);
      x = y;
    }
    if (expected > (std::int64_t{1} << 40)) {
      const Number z = f.call("dear", 3);
      f.drop(x);
      x = z;
      expected = 3;
    }
  }
  EXPECT(f.value(x) == expected, "%ld instead of %ld", f.value(x), expected);
  f.drop(x);
  EXPECT(f.allocator.stats().allocated == 0, "%ld bytes are held", f.allocator.stats().allocated);
}

void inline_rule() {
  Fixture f;
  const auto here = std::this_thread::get_id();
  const Number a = f.call("cheap", 1);
  EXPECT(fake::lastThread.load() == here, "a cheap op on an idle stream runs on the caller");
  const Number b = f.call("dear", 1);
  f.drain();
  EXPECT(fake::lastThread.load() != here, "a dear op runs on the executor");
  fake::hold = true;
  const Number c = f.call("slow", 1);
  const Number d = f.call("cheap", 2);
  fake::hold = false;
  f.drain();
  EXPECT(fake::lastThread.load() != here, "a cheap op behind a running one keeps the order");
  const Number e = f.call("cheap", 1);
  EXPECT(fake::lastThread.load() == here, "and runs inline again when the stream is idle");
  f.drop_all(a, b, c, d, e);
}

void threads_and_workspace() {
  Fixture f(3);
  const Number a = f.call("spread", 0);
  const Number b = f.call("spreadCheap", 0);
  EXPECT(f.value(a) == 3, "%ld threads", f.value(a));
  f.drain();
  const Number c = f.call("spreadCheap", 0);
  EXPECT(f.value(c) == 1, "an inline op has one thread, not %ld", f.value(c));
  f.drop_all(a, b, c);
  EXPECT(f.allocator.stats().allocated == 0, "workspace is given back");
}

void no_room_for_workspace() {
  Fixture f(3, 1024);
  const Number x = f.number(1);
  bool thrown = false;
  Block* output = f.stream.take(8);
  f.task.op = &fake::ops().at(f.task.number = 6);
  f.task.call.inputCount = 0;
  f.task.call.outputCount = 1;
  f.task.freshOutputs = 1;
  f.task.outputs[0] = output;
  f.task.call.outputs[0] = f.view_of(output);
  try {
    f.stream.submit(f.task);
  } catch (const Error& error) {
    thrown = error.code() == ErrorCode::memory;
  }
  EXPECT(thrown, "out of memory is synchronous");
  f.stream.give(output);
  const Number y = f.call("cheap", 4);
  EXPECT(f.value(y) == 4, "the stream goes on");
  f.drop_all(x, y);
}

void poison() {
  Fixture f;
  const Number good = f.number(1);
  const Number bad = f.call("picky", 12);
  const Number child = f.call("cheap", 1, {good, bad});
  const Number fine = f.call("cheap", 2, {good});
  f.value(fine);
  EXPECT(f.failure == nullptr, "what does not depend on the failure is not poisoned");
  f.value(child);
  EXPECT(f.failure != nullptr && f.failure->message == "picky: index 12 at position 3 is not in [0, 10)", "%s",
         f.failure == nullptr ? "no failure" : f.failure->message.c_str());
  EXPECT(f.failure->code == ErrorCode::index, "code");
  EXPECT(f.stream.fence_now() == nullptr, "a failure that a read told is not told again");
  const FailurePointer first = f.failure;
  f.value(bad);
  EXPECT(f.failure == first, "the dependant's failure is the cause's");

  const Number place = f.number(5);
  f.call("cheap", 1, {bad}, &place);
  f.call("accumulate", 1, {}, &place);
  f.value(place);
  EXPECT(f.failure == first, "a tensor written in place from poison stays poisoned");

  Number part = place;  // a view of a part of a larger storage
  part.block->requested = 16;
  f.call("overwrite", 6, {}, &part);
  f.value(place);
  EXPECT(f.failure == first, "also when a part of it is written anew");
  part.block->requested = 8;
  f.call("overwrite", 6, {}, &place);
  EXPECT(f.value(place) == 6 && f.failure == nullptr, "but not when all of it is");

  f.drop_all(bad, child, place);
  f.drain();
  for (int i = 0; i < 8; ++i) {
    const Number again = f.call("dear", 3);
    EXPECT(f.value(again) == 3 && f.failure == nullptr, "a reused block starts without poison");
    f.drop(again);
    const Number fresh = f.number(4);
    f.value(fresh);
    EXPECT(f.failure == nullptr, "so does one for host data");
    f.drop(fresh);
  }
  f.drop_all(good, fine);
}

void failures_are_told_once() {
  Fixture f;
  const Number a = f.call("picky", 11);
  const Number b = f.call("pickyCheap", 12);
  const FailurePointer first = f.stream.fence_now();
  EXPECT(first != nullptr && first->message.find("index 11") != std::string::npos, "the first failure");
  Completion completion;
  if (!f.stream.fence(&completion)) f.sink.wait(completion);
  EXPECT(completion.failure != nullptr && completion.failure->message.find("index 12") != std::string::npos,
         "the second");
  EXPECT(f.stream.fence_now() == nullptr, "and then nothing");
  f.drop_all(a, b);
}

void reads() {
  Fixture f;
  const Number x = f.number(7);
  std::int64_t value = 0;
  Completion completion;
  EXPECT(f.stream.read(x.view, x.block, &value, 8, &completion) && value == 7,
         "a small read of an idle stream is at once");

  fake::hold = true;
  const Number slow = f.call("slow", 1);
  EXPECT(!f.stream.read(x.view, x.block, &value, 8, &completion), "behind running work a read waits");
  f.call("accumulate", 10, {}, &x);
  Completion later;
  std::int64_t after = 0;
  f.stream.read(x.view, x.block, &after, 8, &later);
  Completion end;
  f.stream.fence(&end);
  fake::hold = false;
  f.sink.wait(end);
  EXPECT(value == 7 && after == 17, "a read sees the value as of its call: %ld, %ld", value, after);
  EXPECT(f.sink.done.size() == 3 && f.sink.done[0] == &completion && f.sink.done[2] == &end,
         "completions come in order");
  f.drop_all(x, slow);
}

void freed_while_in_use() {
  Fixture f;
  fake::hold = true;
  const Number x = f.number(3);
  const Number y = f.call("slow", 2, {x});
  f.drop(x);
  std::vector<Number> writes;
  for (int i = 0; i < 20; ++i) writes.push_back(f.number(99));  // must not land in x's block
  const Number z = f.call("cheap", 5);                          // may
  EXPECT(z.block == x.block, "a later task of the stream takes the block over");
  fake::hold = false;
  EXPECT(f.value(y) == 6 && f.value(z) == 5, "%ld, %ld", f.value(y), f.value(z));
  for (const Number& n : writes) {
    EXPECT(f.value(n) == 99, "a host write is undisturbed");
    f.drop(n);
  }
  f.drop_all(y, z);
}

void profile_events() {
  Fixture f;
  f.drop(f.call("cheap", 1, {}, nullptr, 4));
  f.drop(f.call("dear", 1, {}, nullptr, 4));
  f.drop(f.call("dear", 1, {}, nullptr, 5));
  f.drain();
  const auto events = f.profile.take(4);
  EXPECT(events.size() == 2, "%zu events", events.size());
  EXPECT(events[0].isInline && !events[1].isInline, "where they ran");
  EXPECT(events[1].flops == 1e9 && events[1].bytes == 1e9 && events[1].op == 1, "cost and op");
  EXPECT(events[1].startUs >= events[0].startUs + events[0].durationUs && events[1].durationUs >= 0, "times");
  EXPECT(f.profile.take(4).empty() && f.profile.take(5).size() == 1, "a token's events are taken once");
}

void cancelling() {
  auto f = std::make_unique<Fixture>();
  f->drain();
  fake::hold = true;
  fake::runs = 0;
  const Number first = f->call("slow", 1);
  std::vector<Number> rest;
  for (int i = 0; i < 100; ++i) rest.push_back(f->call("cheap", 1, {first}));
  Completion never;
  f->stream.fence(&never);
  std::thread release([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    fake::hold = false;
  });
  f->stream.cancel();
  release.join();
  EXPECT(fake::runs <= 1, "%d tasks ran after cancel()", fake::runs.load());
  EXPECT(f->sink.done.empty(), "nobody is told after cancel()");
  for (const Number& number : rest) f->drop(number);
  f->drop(first);
  f->stream.cancel();
  f.reset();
}

// Two streams on one pool and one allocator, each on a thread of its own, like two workers.
void two_streams() {
  Pool pool(2);
  Allocator allocator("cpu", host_memory(), std::int64_t{1} << 30);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      Sink sink;
      ProfileLog profile;
      CpuStream stream(0, pool, allocator, sink, profile, 0);
      OpTask task{};
      Block* x = stream.upload("\1\0\0\0\0\0\0", 8, DType::float64);
      for (int i = 0; i < 2000; ++i) {
        task.op = &fake::ops().at(i % 5 == 0 ? 1 : 0);
        task.call.inputCount = 1;
        task.inputs[0] = x;
        task.call.inputs[0] = Fixture::view_of(x);
        task.call.outputCount = 1;
        task.freshOutputs = 1;
        task.outputs[0] = stream.take(8);
        Block* y = task.outputs[0];
        task.call.outputs[0] = Fixture::view_of(y);
        new (task.call.attrs) fake::Attrs{i % 2 == 0 ? t + 2 : 1};
        stream.submit(task);
        stream.give(x);
        x = y;
        if (i % 40 == 39) {
          stream.give(x);
          const std::int64_t one = 1;
          x = stream.upload(&one, 8, DType::float64);
        }
      }
      stream.give(x);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT(allocator.stats().allocated == 0, "%ld bytes are held", allocator.stats().allocated);
}

}  // namespace

// A packed form is made once per storage and key, again after a write, and never by a call that did not run.
void packed_forms() {
  Fixture f;
  for (const char* name : {"formed", "formedCheap"}) {
    fake::packed = 0;
    const Number x = f.number(3);
    const std::int64_t held = f.allocator.stats().allocated;
    for (int i = 0; i < 4; ++i) {
      const Number y = f.call(name, i % 2, {x});
      EXPECT(f.value(y) == -3, "%s: %lld", name, static_cast<long long>(f.value(y)));
      f.drop(y);
    }
    EXPECT(fake::packed == 2, "%s: %d forms made", name, fake::packed.load());
    EXPECT(f.allocator.stats().allocated > held, "the forms are kept");

    const Number written = f.call("accumulate", 4, {}, &x);
    f.stream.written(*written.block);
    f.drain();
    EXPECT(f.allocator.stats().allocated == held, "a write drops the forms");
    const Number after = f.call(name, 0, {x});
    EXPECT(f.value(after) == -7, "%s: %lld", name, static_cast<long long>(f.value(after)));
    EXPECT(fake::packed == 3, "%s: %d forms made", name, fake::packed.load());
    f.drop(after);

    // Queued behind one another: the tasks of a dropped form and of its successor in the same memory.
    std::vector<Number> results;
    for (int i = 0; i < 200; ++i) {
      results.push_back(f.call(name, 0, {x}));
      f.stream.written(*f.call("accumulate", 1, {}, &x).block);
    }
    for (int i = 0; i < 200; ++i) {
      EXPECT(f.value(results[static_cast<std::size_t>(i)]) == -7 - i, "%s: result %d", name, i);
      f.drop(results[static_cast<std::size_t>(i)]);
    }
    f.drop(x);
    f.drain();
  }

  // The second input is poisoned, so the call does not run and makes no form.
  const Number x = f.number(5);
  const Number bad = f.call("picky", 12);
  fake::packed = 0;
  const Number y = f.call("formed", 0, {x, bad});
  f.value(y);
  EXPECT(f.failure != nullptr && fake::packed == 0, "a poisoned call runs nothing");
  const Number z = f.call("formed", 0, {x});
  EXPECT(f.value(z) == -5 && fake::packed == 1, "the next call makes the form");
  f.drop_all(x, bad, y, z);
  f.drain();
}

int main() {
  order();
  packed_forms();
  inline_rule();
  threads_and_workspace();
  no_room_for_workspace();
  poison();
  failures_are_told_once();
  reads();
  freed_while_in_use();
  profile_events();
  cancelling();
  two_streams();
  return harness::report("stream");
}
