// Failures that show only while work runs (a label out of range). They poison what was computed from them, and are told
// to JavaScript by the read of a poisoned tensor or by synchronize(), whichever comes first.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "error.h"

namespace receptive {

struct Failure {
  Failure(ErrorCode c, std::string m) : code(c), message(std::move(m)) {}
  const ErrorCode code;
  const std::string message;
  std::atomic<bool> reported{false};
};

using FailurePointer = std::shared_ptr<Failure>;

// The failures of one stream that nobody has been told of, oldest first.
class FailureLog {
 public:
  void add(FailurePointer failure) {
    const std::lock_guard lock(mutex_);
    std::erase_if(failures_, [](const FailurePointer& f) { return f->reported.load(); });
    if (failures_.size() < kKept) failures_.push_back(std::move(failure));
  }

  // The first one not reported yet, now marked as reported; null when there is none.
  FailurePointer take() {
    const std::lock_guard lock(mutex_);
    FailurePointer first;
    std::erase_if(failures_, [&first](const FailurePointer& f) {
      if (f->reported.load()) return true;
      if (first) return false;
      first = f;
      return true;
    });
    if (first) first->reported = true;
    return first;
  }

 private:
  // A loop that never asks must not fill memory with failures; the first ones are the interesting ones.
  static constexpr std::size_t kKept = 64;
  std::mutex mutex_;
  std::vector<FailurePointer> failures_;
};

}  // namespace receptive
