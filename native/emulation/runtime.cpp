#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "state.h"

struct EmulatedStream {};
struct EmulatedEvent {
  std::chrono::steady_clock::time_point moment;
};

namespace receptive::emulation {

namespace {

constexpr std::size_t kAlignment = 256;

struct Allocation {
  std::size_t bytes;
  int device;
};

struct Injection {
  std::string name;
  long number;
  bool later;
  cudaError_t error;  // success: the usual one
  long calls = 0;
};

std::mutex mutex;
std::map<void*, Allocation> allocations;  // of the devices
std::map<int, std::size_t> used;
std::map<int, cudaError_t> lost;  // sticky errors by device
std::vector<std::string> failed;  // injected failures that happened, as NAME:N
thread_local int current = 0;
thread_local cudaError_t last = cudaSuccess;

// Written when the process ends, after the last environment has given back what it had.
struct Report {
  ~Report() {
    const char* path = std::getenv("RECEPTIVE_EMULATION_REPORT");
    std::FILE* const file = path == nullptr ? nullptr : std::fopen(path, "w");
    if (file == nullptr) return;
    std::size_t leaked = 0;
    for (const auto& [memory, allocation] : allocations) leaked += allocation.bytes;
    std::fprintf(file, "{\"leaked_bytes\": %zu, \"injected_faults\": [", leaked);
    for (std::size_t i = 0; i < failed.size(); ++i)
      std::fprintf(file, "%s\"%s\"", i == 0 ? "" : ", ", failed[i].c_str());
    std::fprintf(file, "]}\n");
    std::fclose(file);
  }
} report;

long variable(const char* name, long otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::strtol(text, nullptr, 10);
}

cudaError_t error_of(std::string_view name) {
#define RECEPTIVE_EMULATED_ERROR(error, number, sticky, text) \
  if (name == #error) return error;
  RECEPTIVE_EMULATED_ERRORS(RECEPTIVE_EMULATED_ERROR)
#undef RECEPTIVE_EMULATED_ERROR
  return cudaErrorUnknown;
}

bool is_sticky(cudaError_t error) {
#define RECEPTIVE_EMULATED_ERROR(name, number, sticky, text) \
  if (error == name) return sticky;
  RECEPTIVE_EMULATED_ERRORS(RECEPTIVE_EMULATED_ERROR)
#undef RECEPTIVE_EMULATED_ERROR
  return false;
}

std::vector<Injection> parse_injections(std::string_view rest) {
  std::vector<Injection> list;
  while (!rest.empty()) {
    const std::string one(rest.substr(0, rest.find(',')));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    const std::size_t colon = one.find(':'), equals = one.find('=');
    if (colon == std::string::npos) {
      std::fprintf(stderr, "RECEPTIVE_EMULATION_FAIL: '%s' is not NAME:N[+][=ERROR]\n", one.c_str());
      std::exit(2);
    }
    list.push_back({one.substr(0, colon), std::strtol(one.c_str() + colon + 1, nullptr, 10),
                    one.substr(0, equals).back() == '+',
                    equals == std::string::npos ? cudaSuccess : error_of(std::string_view(one).substr(equals + 1))});
  }
  return list;
}

// The result of a call that went so: told now, and by cudaGetLastError() if it is an error.
cudaError_t told(cudaError_t error) {
  if (error != cudaSuccess) raise(error);
  return error;
}

// What a call begins with: a lost device, or an injected failure.
cudaError_t begin(const char* name, cudaError_t usual = cudaErrorUnknown) {
  const cudaError_t failure = injected(name, usual);
  if (failure != cudaSuccess) return told(failure);
  return sticky();
}

}  // namespace

Options& options() {
  static Options given{static_cast<int>(variable("RECEPTIVE_EMULATION_DEVICES", 2)),
                       static_cast<std::size_t>(variable("RECEPTIVE_EMULATION_MEMORY", 4l << 30)),
                       static_cast<unsigned>(variable("RECEPTIVE_EMULATION_SEED", 0))};
  return given;
}

void raise(cudaError_t error) {
  last = error;
  if (!is_sticky(error)) return;
  const std::lock_guard lock(mutex);
  lost.emplace(current, error);
}

cudaError_t sticky() {
  const std::lock_guard lock(mutex);
  const auto found = lost.find(current);
  return found == lost.end() ? cudaSuccess : found->second;
}

cudaError_t injected(const char* name, cudaError_t usual) {
  const std::lock_guard lock(mutex);
  static std::string given;
  static std::vector<Injection> injections;
  const char* const variable = std::getenv("RECEPTIVE_EMULATION_FAIL");
  const std::string_view text = variable == nullptr ? "" : variable;
  if (text != given) {
    given = text;
    injections = parse_injections(given);
  }
  cudaError_t result = cudaSuccess;
  for (Injection& one : injections) {
    if (one.name != name) continue;
    ++one.calls;
    if (result != cudaSuccess || (one.calls != one.number && !(one.later && one.calls > one.number))) continue;
    result = one.error == cudaSuccess ? usual : one.error;
    failed.push_back(one.name + ":" + std::to_string(one.calls));
  }
  return result;
}

}  // namespace receptive::emulation

using namespace receptive::emulation;

cudaError_t cudaGetDeviceCount(int* count) {
  const cudaError_t failure = injected("cudaGetDeviceCount", cudaErrorUnknown);
  if (failure != cudaSuccess) return told(failure);
  *count = options().devices;
  return *count > 0 ? cudaSuccess : told(cudaErrorNoDevice);
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device < 0 || device >= options().devices) return told(cudaErrorInvalidDevice);
  *properties = cudaDeviceProp{"emulated on the CPU", options().memory, 8, 0, 4};
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  const cudaError_t failure = injected("cudaSetDevice", cudaErrorUnknown);
  if (failure != cudaSuccess) return told(failure);
  if (device < 0 || device >= options().devices) return told(cudaErrorInvalidDevice);
  current = device;
  return cudaSuccess;
}
const char* cudaGetErrorString(cudaError_t error) {
#define RECEPTIVE_EMULATED_ERROR(name, number, sticky, text) \
  if (error == name) return text;
  RECEPTIVE_EMULATED_ERRORS(RECEPTIVE_EMULATED_ERROR)
#undef RECEPTIVE_EMULATED_ERROR
  return "unrecognized error code";
}
const char* cudaGetErrorName(cudaError_t error) {
#define RECEPTIVE_EMULATED_ERROR(name, number, sticky, text) \
  if (error == name) return #name;
  RECEPTIVE_EMULATED_ERRORS(RECEPTIVE_EMULATED_ERROR)
#undef RECEPTIVE_EMULATED_ERROR
  return "unrecognized error code";
}
cudaError_t cudaGetLastError() {
  const cudaError_t error = last;
  last = cudaSuccess;
  return error != cudaSuccess ? error : sticky();
}
cudaError_t cudaPeekAtLastError() { return last != cudaSuccess ? last : sticky(); }

cudaError_t cudaMalloc(void** data, std::size_t bytes) {
  const cudaError_t failure = begin("cudaMalloc", cudaErrorMemoryAllocation);
  if (failure != cudaSuccess) return failure;
  {
    const std::lock_guard lock(mutex);
    void* memory = nullptr;
    if (bytes <= options().memory - used[current]) {
      memory = ::operator new (bytes, std::align_val_t{kAlignment}, std::nothrow);
    }
    if (memory != nullptr) {
      allocations.emplace(memory, Allocation{bytes, current});
      used[current] += bytes;
      *data = memory;
      return cudaSuccess;
    }
  }
  return told(cudaErrorMemoryAllocation);
}
cudaError_t cudaFree(void* data) {
  const cudaError_t failure = begin("cudaFree");
  if (failure != cudaSuccess || data == nullptr) return failure;
  {
    const std::lock_guard lock(mutex);
    const auto found = allocations.find(data);
    if (found != allocations.end()) {
      used[found->second.device] -= found->second.bytes;
      allocations.erase(found);
      ::operator delete (data, std::align_val_t{kAlignment});
      return cudaSuccess;
    }
  }
  return told(cudaErrorInvalidValue);
}
cudaError_t cudaHostAlloc(void** data, std::size_t bytes, unsigned) {
  const cudaError_t failure = begin("cudaHostAlloc", cudaErrorMemoryAllocation);
  if (failure != cudaSuccess) return failure;
  *data = ::operator new (bytes, std::align_val_t{kAlignment}, std::nothrow);
  return *data != nullptr ? cudaSuccess : told(cudaErrorMemoryAllocation);
}
cudaError_t cudaFreeHost(void* data) {
  ::operator delete (data, std::align_val_t{kAlignment});
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* target, const void* source, std::size_t bytes, cudaMemcpyKind, cudaStream_t) {
  const cudaError_t failure = begin("cudaMemcpyAsync");
  if (failure == cudaSuccess) std::memcpy(target, source, bytes);
  return failure;
}
cudaError_t cudaMemsetAsync(void* target, int value, std::size_t bytes, cudaStream_t) {
  const cudaError_t failure = begin("cudaMemsetAsync");
  if (failure == cudaSuccess) std::memset(target, value, bytes);
  return failure;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  const cudaError_t failure = begin("cudaStreamCreate");
  if (failure == cudaSuccess) *stream = new EmulatedStream;
  return failure;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t) { return begin("cudaStreamSynchronize"); }
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  const cudaError_t failure = begin("cudaEventCreate");
  if (failure == cudaSuccess) *event = new EmulatedEvent;
  return failure;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
  const cudaError_t failure = begin("cudaEventRecord");
  if (failure == cudaSuccess) event->moment = std::chrono::steady_clock::now();
  return failure;
}
cudaError_t cudaEventSynchronize(cudaEvent_t) { return begin("cudaEventSynchronize"); }
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t stop) {
  *milliseconds = std::chrono::duration<float, std::milli>(stop->moment - start->moment).count();
  return cudaSuccess;
}
