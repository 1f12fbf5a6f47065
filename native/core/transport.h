// What carries a communicator's data between processes. All of it but the constructor is called on one thread, and one
// operation is under way at a time: begin_…(), then done() until it says so.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "types.h"

namespace receptive {

class Transport {
 public:
  Transport() = default;
  virtual ~Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // Joins the other processes, however long that takes. Everything here throws Error.
  virtual void open() = 0;
  // Leaves them; nothing may be called afterwards.
  virtual void close() = 0;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  // The memory belongs to the operation until done() says true; for ever, if it never does.
  virtual void begin_sum(void* data, std::int64_t count, DType dtype) = 0;  // float32, float64; at most 2^31 - 1
  virtual void begin_broadcast(void* data, std::int64_t bytes, int root) = 0;
  virtual void begin_barrier() = 0;
  virtual void begin_leaving() = 0;  // done when all others want to leave too
  virtual bool done() = 0;
};

// Open MPI, whose library is looked for when it is opened: by the name given, or where it usually is if that is empty.
// `launched`: whether a launcher has started this process; otherwise it is a world of its own, and MPI is not started.
// Defined in mpi/.
std::unique_ptr<Transport> open_mpi(std::string library, bool launched);

}  // namespace receptive
