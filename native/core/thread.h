// Threads of our own: named, and with all signals blocked, so that signals reach Node's threads only.
#pragma once

#include <pthread.h>
#include <signal.h>
#include <sched.h>

#include <chrono>
#include <thread>
#include <utility>

namespace receptive {

// Throws std::system_error when the system has no thread to give.
template <class F>
std::thread start_thread(const char* name, F&& body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // inherited by the new thread
  struct Restore {
    const sigset_t& mask;
    ~Restore() { pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
  } restore{before};
  std::thread thread(std::forward<F>(body));
  pthread_setname_np(thread.native_handle(), name);
  return thread;
}

// Yields the processor until `done()` or until the time is over; says whether it is done.
template <class F>
bool yield_until(std::chrono::microseconds limit, F&& done) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    sched_yield();
  }
  return true;
}

// How long a thread that has just worked stays awake: a sleeping one costs its waker 4 us and answers after 11.
inline constexpr std::chrono::microseconds kStayAwake{50};

}  // namespace receptive
