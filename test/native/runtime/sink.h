// Where the runtime reports what is done, for tests that wait for it.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "core/stream.h"

namespace receptive {

struct Sink : CompletionSink {
  void complete(Completion* completion) noexcept override {
    const std::lock_guard lock(mutex);
    done.push_back(completion);
    changed.notify_all();
  }
  void wait(const Completion& completion) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return std::find(done.begin(), done.end(), &completion) != done.end(); });
  }
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Completion*> done;
};

}  // namespace receptive
