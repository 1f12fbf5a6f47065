// Profile events of one environment, by the token that its calls carried.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace receptive {

// Microseconds of the monotonic clock, which is also process.hrtime()'s.
inline double now_us() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct ProfileEvent {
  std::uint32_t op;
  std::uint32_t device;
  double startUs;
  double durationUs;
  double flops;
  double bytes;
  bool isInline;  // ran on the calling thread
};

class ProfileLog {
 public:
  void add(std::uint32_t token, const ProfileEvent& event) {
    const std::lock_guard lock(mutex_);
    events_[token].push_back(event);
  }

  std::vector<ProfileEvent> take(std::uint32_t token) {
    const std::lock_guard lock(mutex_);
    const auto found = events_.find(token);
    if (found == events_.end()) return {};
    std::vector<ProfileEvent> events = std::move(found->second);
    events_.erase(found);
    return events;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::uint32_t, std::vector<ProfileEvent>> events_;
};

}  // namespace receptive
