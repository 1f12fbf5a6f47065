// The CPU as a device: the selected target's ops, host memory, the compute pool.
#include "../core/device.h"

#include "host.h"
#include "host_memory.h"
#include "pool.h"
#include "settings.h"
#include "stream.h"
#include "targets.h"

namespace receptive {

namespace {

class CpuDevice final : public Device {
 public:
  CpuDevice(DeviceInfo info, const CpuTarget& target)
      : Device(std::move(info)),
        ops_(target.table()),
        pool_(default_threads()),
        allocator_("cpu", host_memory(), default_memory_limit()) {}

  int threads() const override { return pool_.threads(); }
  void set_threads(int threads) override { pool_.set_threads(threads); }
  const OpSet& ops() const override { return ops_; }
  Allocator& allocator() override { return allocator_; }
  std::unique_ptr<Stream> create_stream(std::uint32_t number, CompletionSink& sink, ProfileLog& profile) override {
    return std::make_unique<CpuStream>(number, pool_, allocator_, sink, profile, lastCacheBytes_);
  }

 private:
  const OpSet ops_;
  Pool pool_;
  Allocator allocator_;
  const std::int64_t lastCacheBytes_ = last_cache_bytes();
};

}  // namespace

std::vector<std::unique_ptr<Device>> cpu_devices() {
  const CpuTarget& target = selected_target();
  DeviceInfo info;
  info.id = "cpu";
  info.kind = "cpu";
  info.name = processor_name();
  info.target = target.name;
  info.targets = supported_targets();
  info.memory = usable_memory();
  info.available = true;
  std::vector<std::unique_ptr<Device>> devices;
  devices.push_back(std::make_unique<CpuDevice>(std::move(info), target));
  return devices;
}

}  // namespace receptive
