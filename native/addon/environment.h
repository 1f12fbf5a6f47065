// What one Node environment (the main thread, or a worker) has of its own: handles, streams, the call buffer, waiting
// reads. All methods run on the environment's JavaScript thread, complete() excepted.
#pragma once

#include <napi.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../core/call_buffer.h"
#include "../core/communicator.h"
#include "../core/handles.h"
#include "../core/profile.h"
#include "../core/runtime.h"
#include "../core/stream.h"
#include "errors.h"
#include "waiting.h"

namespace receptive {

class Environment {
 public:
  explicit Environment(Napi::Env env);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  // The functions of the boundary, see native/README.md.
  void dispatch();
  void needs();
  void create(napi_value values);
  void view();
  void release(HandleId id);
  napi_value read(HandleId id, napi_value buffer);
  void read_now(HandleId id, napi_value buffer);
  std::uint64_t version(HandleId id);
  napi_value synchronize(std::uint32_t device);
  void synchronize_now(std::uint32_t device);

  // Promises. The first opens the communicator, the others are for one that is open. `ids` are tensors.
  napi_value open_communicator(std::string library, bool launched, std::chrono::milliseconds patience);
  napi_value close_communicator();
  napi_value collective(Collective::Kind kind, const std::vector<HandleId>& ids, int root);
  // Of the open one. Throws Error when there is none.
  const Communicator& communicator() const;

  Runtime& runtime() { return *runtime_; }
  ProfileLog& profile() { return profile_; }
  ErrorClasses& errors() { return errors_; }
  // Throws Error(device) for a number that no device has.
  Device& device(std::uint32_t number);
  // Gives back what the device's allocator and this environment's stream keep for later.
  void empty_cache(std::uint32_t device);
  std::int64_t live_tensors(std::uint32_t device) const { return devices_[device].tensors; }

  Napi::Value words(Napi::Env env) const { return words_.Value(env); }
  Napi::Value numbers(Napi::Env env) const { return numbers_.Value(env); }

  // Drops queued work and waits for what runs; JavaScript must not call any more.
  void stop() noexcept;

 private:
  // An array that JavaScript and this class both see.
  template <class T>
  class Shared {
   public:
    Shared(napi_env env, napi_typedarray_type type, std::size_t count);
    T* data() const { return data_; }
    Napi::Value Value(Napi::Env env) const { return {env, reference_.Value()}; }

   private:
    T* data_;
    Napi::ObjectReference reference_;
  };

  struct PerDevice {
    std::unique_ptr<Stream> stream;  // made on first use
    std::int64_t tensors = 0;
  };

  // dispatch.cpp
  void read_inputs(const OpEntry& op, std::uint32_t device);
  std::uint32_t read_outputs(const OpEntry& op, std::uint32_t device);
  void read_attributes(const OpInfo& op, std::uint32_t at);
  void run_call(Stream& stream, std::uint32_t device);

  // collectives.cpp
  struct Transit;
  napi_value submit(Collective collective, std::unique_ptr<Held> held);
  void add_part(Collective& collective, const Handle& handle, const char* function);

  Stream& stream(std::uint32_t device);
  Handle& expect(HandleId id, const char* function);
  // Throws Error(argument) while a collective has the block.
  static void expect_at_rest(const Block& block, const char* function, const char* role, const std::string& which);
  void* expect_buffer(const Handle& handle, napi_value buffer, const char* function) const;
  void add_handle(std::uint32_t word, const View& view, Block* block, std::uint32_t device);
  void unreference(Block* block, std::uint32_t device);
  void report_memory();

  const napi_env env_;
  const std::shared_ptr<Runtime> runtime_;
  ErrorClasses errors_;
  ProfileLog profile_;
  HandleTable handles_;
  Waiting waiting_;
  std::vector<PerDevice> devices_;
  Shared<std::uint32_t> words_;
  Shared<double> numbers_;
  std::unique_ptr<Communicator> communicator_;
  bool isOpen_ = false;
  OpTask task_;                      // of the call in work
  std::int64_t memory_ = 0;          // bytes in this environment's handles
  std::int64_t memoryReported_ = 0;  // of which V8 knows
};

}  // namespace receptive
