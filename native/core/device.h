// A device as the addon sees it. Its backend derives from Device; where a backend is absent, UnavailableDevice says
// why.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "allocator.h"
#include "op_set.h"
#include "stream.h"

namespace receptive {

inline constexpr int kMaxThreads = 256;  // that setNumThreads() and the environment may ask for

struct DeviceInfo {
  std::string id;    // 'cpu', 'cuda:0'; 'cuda' for the entry that says why there is none
  std::string kind;  // 'cpu', 'cuda'
  std::string name;
  std::string target;                // instruction set in use
  std::vector<std::string> targets;  // that this processor could use
  std::int64_t memory = 0;           // bytes
  bool available = false;
  std::string reason;  // when it is not
};

// A library that a backend uses where it is found.
struct LibraryInfo {
  std::string name;
  std::string version;  // empty: not known
  std::string path;     // empty: not found
  std::string reason;   // why it is not used; empty: it is
};

class Device {
 public:
  explicit Device(DeviceInfo info) : info_(std::move(info)) {}
  virtual ~Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const DeviceInfo& info() const { return info_; }

  // Compute threads; 0 where that means nothing.
  virtual int threads() const { return 0; }
  virtual void set_threads(int) {}

  // What the backend has beside its own kernels; looked for at the first call.
  virtual std::vector<LibraryInfo> libraries() const { return {}; }

  // The following throw Error(device) where the device is not available.
  virtual const OpSet& ops() const = 0;
  virtual Allocator& allocator() = 0;
  // `number` is the device's index, for the profile.
  virtual std::unique_ptr<Stream> create_stream(std::uint32_t number, CompletionSink& sink, ProfileLog& profile) = 0;

 private:
  DeviceInfo info_;
};

class UnavailableDevice final : public Device {
 public:
  using Device::Device;
  const OpSet& ops() const override { fail(); }
  Allocator& allocator() override { fail(); }
  std::unique_ptr<Stream> create_stream(std::uint32_t, CompletionSink&, ProfileLog&) override { fail(); }

 private:
  [[noreturn]] void fail() const {
    throw Error(ErrorCode::device, text_of("device '", info().id, "' is not available: ", info().reason));
  }
};

// The backends' devices, in the order of their numbers. Each backend defines its function; no_cuda/ defines the second
// one where CUDA is not built in. At least one entry each.
std::vector<std::unique_ptr<Device>> cpu_devices();
std::vector<std::unique_ptr<Device>> cuda_devices();

}  // namespace receptive
