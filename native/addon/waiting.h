// Promises that wait for a stream. They are settled through one threadsafe function per environment, which keeps the
// event loop alive only while some promise is pending.
#pragma once

#include <napi.h>

#include <memory>
#include <mutex>
#include <utility>

#include "../core/stream.h"
#include "errors.h"

namespace receptive {

// What a promise holds until it is settled or dropped; let go on the JavaScript thread.
struct Held {
  Held() = default;
  virtual ~Held() = default;
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
};

class Waiting final : public CompletionSink {
 public:
  Waiting(napi_env env, const ErrorClasses& errors);
  ~Waiting();

  // A promise. `start` is given the completion and returns true when it is complete already; `buffer` and `held` (may
  // be null) are kept until then.
  template <class F>
  napi_value promise(napi_value buffer, F&& start, std::unique_ptr<Held> held = nullptr) {
    Promise* waiter = make(buffer);
    waiter->held = std::move(held);
    bool complete = false;
    napi_value promise = waiter->promise;
    try {
      complete = start(waiter);
    } catch (...) {
      drop(waiter);
      throw;
    }
    if (complete) {
      settle(waiter);
    } else {
      pending(waiter);
    }
    return promise;
  }

  void complete(Completion* completion) noexcept override;

  // No promise is settled any more; the streams have stopped. May be called again.
  void stop() noexcept;
  // After stop(): lets go of the promises and of what they hold.
  void clear() noexcept;

 private:
  struct Promise : Completion {
    napi_deferred deferred;
    napi_value promise;  // valid during the call that makes it
    napi_ref buffer = nullptr;
    std::unique_ptr<Held> held;
    Promise* before = nullptr;  // the list of pending ones
    Promise* after = nullptr;
  };

  Promise* make(napi_value buffer);
  void pending(Promise* waiter);
  void settle(Promise* waiter) noexcept;
  napi_value reason(const Failure& failure) noexcept;
  void drop(Promise* waiter) noexcept;
  void settle_completed() noexcept;

  const napi_env env_;
  const ErrorClasses& errors_;
  napi_threadsafe_function wake_ = nullptr;
  Promise* first_ = nullptr;  // all pending ones, on the JavaScript thread
  std::mutex mutex_;
  Completion* done_ = nullptr;  // completed and not yet settled, latest first
};

}  // namespace receptive
