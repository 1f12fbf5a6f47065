// GPUs as devices: the CUDA backend's ops, device memory, pinned memory for copies.
#include "../core/device.h"

#include <cuda_runtime.h>

#include <mutex>

#include "cublas.h"
#include "health.h"
#include "stream.h"
#include "table.h"

namespace receptive {

namespace {

// Kernels are compiled for this compute capability, and as PTX for later ones.
constexpr int kLeastMajor = RECEPTIVE_CUDA_LEAST / 10, kLeastMinor = RECEPTIVE_CUDA_LEAST % 10;

class CudaDevice final : public Device {
 public:
  CudaDevice(DeviceInfo info, int ordinal, int multiprocessors)
      : Device(std::move(info)),
        health_(this->info().id, ordinal),
        ops_(cuda::op_table()),
        allocator_(this->info().id, device_memory(health_), this->info().memory / 10 * 9),
        pinned_(this->info().id + " (pinned host memory)", pinned_memory(health_), kMostPinned),
        multiprocessors_(multiprocessors) {}

  std::vector<LibraryInfo> libraries() const override { return {cublas().info}; }
  const OpSet& ops() const override { return ops_; }
  Allocator& allocator() override { return allocator_; }
  std::unique_ptr<Stream> create_stream(std::uint32_t number, CompletionSink& sink, ProfileLog& profile) override {
    return std::make_unique<CudaStream>(number, health_, allocator_, pinned_, sink, profile, multiprocessors_);
  }

 private:
  static constexpr std::int64_t kMostPinned = std::int64_t{1} << 40;  // what is read is held once, however large

  DeviceHealth health_;
  const OpSet ops_;
  Allocator allocator_;
  Allocator pinned_;
  const int multiprocessors_;
};

std::string version_text(int version) { return text_of(version / 1000, ".", version % 1000 / 10); }

std::unique_ptr<Device> none(std::string reason) {
  DeviceInfo info;
  info.id = info.kind = "cuda";
  info.name = "CUDA";
  info.reason = std::move(reason);
  return std::make_unique<UnavailableDevice>(std::move(info));
}

std::unique_ptr<Device> make_device(int ordinal) {
  DeviceInfo info;
  info.id = text_of("cuda:", ordinal);
  info.kind = "cuda";
  cudaDeviceProp properties{};
  const cudaError_t status = cudaGetDeviceProperties(&properties, ordinal);
  if (status != cudaSuccess) {
    cudaGetLastError();
    info.name = "CUDA";
    info.reason = text_of("its properties cannot be read: ", cudaGetErrorString(status));
    return std::make_unique<UnavailableDevice>(std::move(info));
  }
  info.name = properties.name;
  info.target = text_of("sm_", properties.major, properties.minor);
  info.memory = static_cast<std::int64_t>(properties.totalGlobalMem);
  if (properties.major < kLeastMajor || (properties.major == kLeastMajor && properties.minor < kLeastMinor)) {
    info.reason = text_of("compute capability ", properties.major, ".", properties.minor, " is too low, at least ",
                          kLeastMajor, ".", kLeastMinor, " is needed");
    return std::make_unique<UnavailableDevice>(std::move(info));
  }
  info.targets = {info.target};
  info.available = true;
  return std::make_unique<CudaDevice>(std::move(info), ordinal, properties.multiProcessorCount);
}

}  // namespace

std::vector<std::unique_ptr<Device>> cuda_devices() {
  std::vector<std::unique_ptr<Device>> devices;
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) {
    cudaGetLastError();
    int driver = 0;
    if (cudaDriverGetVersion(&driver) != cudaSuccess) cudaGetLastError();
    const int runtime = CUDART_VERSION;
    if (driver == 0) {
      devices.push_back(none("no CUDA driver is installed"));
    } else if (status == cudaErrorInsufficientDriver) {
      devices.push_back(none(text_of("the driver is too old: it supports CUDA ", version_text(driver),
                                     ", this build needs ", version_text(runtime))));
    } else {
      devices.push_back(none(status == cudaErrorNoDevice
                                 ? std::string("no CUDA device was found")
                                 : text_of("CUDA does not start: ", cudaGetErrorString(status))));
    }
    return devices;
  }
  for (int ordinal = 0; ordinal < count; ++ordinal) devices.push_back(make_device(ordinal));
  if (devices.empty()) devices.push_back(none("no CUDA device was found"));
  return devices;
}

}  // namespace receptive
