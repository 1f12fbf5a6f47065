// Stands in for the CUDA backend where it is not built: one entry that says why.
#include "../core/device.h"

namespace receptive {

std::vector<std::unique_ptr<Device>> cuda_devices() {
  DeviceInfo info;
  info.id = "cuda";
  info.kind = "cuda";
  info.name = "CUDA";
  info.reason = "built without CUDA: " RECEPTIVE_NO_CUDA_REASON;
  std::vector<std::unique_ptr<Device>> devices;
  devices.push_back(std::make_unique<UnavailableDevice>(std::move(info)));
  return devices;
}

}  // namespace receptive
