#include "waiting.h"

#include <utility>

namespace receptive {

namespace {

void check(napi_status status) {
  if (status == napi_ok) return;
  if (status == napi_pending_exception) throw PendingException{};
  throw Error(ErrorCode::general, text_of("internal error: Node-API status ", static_cast<int>(status)));
}

}  // namespace

Waiting::Waiting(napi_env env, const ErrorClasses& errors) : env_(env), errors_(errors) {
  napi_value name = nullptr;
  check(napi_create_string_utf8(env, "receptive", NAPI_AUTO_LENGTH, &name));
  const auto call = [](napi_env callEnv, napi_value, void* context, void*) {
    if (callEnv == nullptr) return;  // teardown
    static_cast<Waiting*>(context)->settle_completed();
  };
  check(napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, call, &wake_));
  check(napi_unref_threadsafe_function(env, wake_));
}

Waiting::~Waiting() {
  stop();
  clear();
}

void Waiting::clear() noexcept {
  while (first_ != nullptr) {
    Promise* waiter = first_;
    first_ = waiter->after;
    delete waiter;  // its reference and deferred go with the environment
  }
}

Waiting::Promise* Waiting::make(napi_value buffer) {
  auto waiter = std::make_unique<Promise>();
  if (buffer != nullptr) check(napi_create_reference(env_, buffer, 1, &waiter->buffer));
  const napi_status status = napi_create_promise(env_, &waiter->deferred, &waiter->promise);
  if (status != napi_ok) {
    if (waiter->buffer != nullptr) napi_delete_reference(env_, waiter->buffer);
    check(status);
  }
  return waiter.release();
}

void Waiting::pending(Promise* waiter) {
  waiter->after = first_;
  if (first_ != nullptr) {
    first_->before = waiter;
  } else {
    napi_ref_threadsafe_function(env_, wake_);
  }
  first_ = waiter;
}

// Called by an executor. Only the first of several completions wakes the JavaScript thread, which then takes them all.
void Waiting::complete(Completion* completion) noexcept {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = done_ == nullptr;
    completion->next = done_;
    done_ = completion;
  }
  if (first) napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

void Waiting::settle_completed() noexcept {
  Completion* latest = nullptr;
  {
    const std::lock_guard lock(mutex_);
    latest = std::exchange(done_, nullptr);
  }
  Completion* oldest = nullptr;
  while (latest != nullptr) {
    Completion* next = std::exchange(latest->next, oldest);
    oldest = std::exchange(latest, next);
  }
  while (oldest != nullptr) {
    auto* waiter = static_cast<Promise*>(oldest);
    oldest = oldest->next;
    (waiter->before != nullptr ? waiter->before->after : first_) = waiter->after;
    if (waiter->after != nullptr) waiter->after->before = waiter->before;
    settle(waiter);
  }
  if (first_ == nullptr) napi_unref_threadsafe_function(env_, wake_);
}

// Always settles and never throws, so that one promise's trouble is not another's.
void Waiting::settle(Promise* waiter) noexcept {
  const std::unique_ptr<Promise> owned(waiter);
  waiter->held.reset();
  if (waiter->buffer != nullptr) napi_delete_reference(env_, waiter->buffer);
  napi_handle_scope scope = nullptr;
  napi_open_handle_scope(env_, &scope);
  if (waiter->failure != nullptr) {
    napi_reject_deferred(env_, waiter->deferred, reason(*waiter->failure));
  } else {
    napi_value undefined = nullptr;
    napi_get_undefined(env_, &undefined);
    napi_resolve_deferred(env_, waiter->deferred, undefined);
  }
  napi_close_handle_scope(env_, scope);
}

napi_value Waiting::reason(const Failure& failure) noexcept {
  try {
    return errors_.make(env_, failure);
  } catch (...) {  // no memory for the error, or the environment is being torn down
    napi_value other = nullptr;
    napi_get_and_clear_last_exception(env_, &other);
    napi_get_undefined(env_, &other);
    return other;
  }
}

// A promise that nobody will see: settled, so that Node-API frees it.
void Waiting::drop(Promise* waiter) noexcept {
  if (waiter->buffer != nullptr) napi_delete_reference(env_, waiter->buffer);
  napi_value undefined = nullptr;
  napi_get_undefined(env_, &undefined);
  napi_resolve_deferred(env_, waiter->deferred, undefined);
  delete waiter;
}

void Waiting::stop() noexcept {
  if (wake_ != nullptr) napi_release_threadsafe_function(std::exchange(wake_, nullptr), napi_tsfn_abort);
}

}  // namespace receptive
