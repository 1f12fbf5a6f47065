#include "runtime.h"

#include <mutex>
#include <utility>

namespace receptive {

std::shared_ptr<Runtime> Runtime::acquire() {
  // Never destroyed: environments may come and go until the process ends, whatever static destructors have run by then.
  struct Slot {
    std::mutex mutex;
    std::weak_ptr<Runtime> runtime;
  };
  static Slot& slot = *new Slot;
  const std::lock_guard lock(slot.mutex);
  std::shared_ptr<Runtime> runtime = slot.runtime.lock();
  if (runtime == nullptr) {
    runtime = std::make_shared<Runtime>();
    slot.runtime = runtime;
  }
  return runtime;
}

Runtime::Runtime() {
  for (auto& device : cpu_devices()) devices_.push_back(std::move(device));
  for (auto& device : cuda_devices()) devices_.push_back(std::move(device));
}

}  // namespace receptive
