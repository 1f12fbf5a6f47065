// Collective operations of this process with others, on a thread of their own: in the order of their submission, which
// must be the same in all processes. The thread waits until the tensors' values are there, copies them to memory that
// only the transport sees, and back; so a transport that was given up on can spoil no tensor.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "block.h"
#include "clock.h"
#include "stream.h"
#include "transport.h"

namespace receptive {

struct Collective {
  enum class Kind : std::uint8_t { open, sum, broadcast, barrier, close };

  // A tensor. From submit() until the completion is settled nobody else touches its block.
  struct Part {
    std::byte* data;
    std::int64_t bytes;
    Block* block;
  };

  // What must be done before the parts have their values.
  struct Point {
    std::shared_ptr<Clock> clock;
    Ticket ticket;
  };

  Kind kind = Kind::barrier;
  DType dtype = DType::float32;  // of a sum's parts: float32 or float64
  int root = 0;                  // of a broadcast
  std::vector<Part> parts;
  std::vector<Point> after;
  Completion* completion = nullptr;
};

class Communicator {
 public:
  // An operation that takes longer than `patience` fails, and with it all that follow. Throws Error(memory) when the
  // system has no thread.
  Communicator(std::unique_ptr<Transport> transport, CompletionSink& sink, std::chrono::milliseconds patience);
  ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  // Enqueues; the sink is told when it is done, or has failed. The first one opens, none may follow one that closes.
  void submit(Collective collective);

  // Throws Error(disposed) after one that closes.
  void expect_open() const;

  // Valid once the opening is complete.
  int rank() const;
  int size() const;

  // Gives up on what is queued and under way. Nobody is told of anything any more.
  void abandon() noexcept;

 private:
  class Work;
  const std::shared_ptr<Work> work_;  // the thread's too, which outlives this where it cannot be interrupted
  std::thread thread_;
  bool closing_ = false;
};

}  // namespace receptive
