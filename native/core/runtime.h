// What the process has once, for all its environments: the devices with their allocators, limits and compute threads.
// It lives as long as some environment holds it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "device.h"

namespace receptive {

class Runtime {
 public:
  // The process's runtime, made when nobody holds one. Throws Error where an environment variable has an illegal value.
  static std::shared_ptr<Runtime> acquire();

  Runtime();

  std::uint32_t device_count() const { return static_cast<std::uint32_t>(devices_.size()); }
  Device& device(std::uint32_t number) { return *devices_[number]; }
  Device& cpu() { return *devices_[0]; }

 private:
  std::vector<std::unique_ptr<Device>> devices_;
};

}  // namespace receptive
