// Runs a row of the op table without Node and without the runtime: views over vectors, guarded buffers, attributes by
// name.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "core/op.h"

namespace harness {

// A tensor whose elements lie between guard words; outputs start as NaN (or -7 in integers).
template <class T>
struct Guarded {
  static constexpr std::size_t kGuard = 64;
  std::vector<T> store;
  std::size_t size;

  explicit Guarded(std::size_t n) : store(n + 2 * kGuard, guard()), size(n) {}
  static T guard() {
    if constexpr (std::numeric_limits<T>::has_quiet_NaN) return std::numeric_limits<T>::quiet_NaN();
    return static_cast<T>(-7);
  }
  T* data() { return store.data() + kGuard; }
  T& operator[](std::size_t i) { return store[kGuard + i]; }
  bool intact() const {
    const T expected = guard();
    for (std::size_t i = 0; i < kGuard; ++i) {
      if (std::memcmp(&store[i], &expected, sizeof(T)) != 0) return false;
      if (std::memcmp(&store[kGuard + size + i], &expected, sizeof(T)) != 0) return false;
    }
    return true;
  }
};

template <class T>
constexpr receptive::DType dtype_of() {
  if constexpr (std::is_same_v<T, float>) return receptive::DType::float32;
  if constexpr (std::is_same_v<T, double>) return receptive::DType::float64;
  if constexpr (std::is_same_v<T, std::int32_t>) return receptive::DType::int32;
  return receptive::DType::uint8;
}

template <class T>
receptive::View view(Guarded<T>& tensor) {
  receptive::View v{};
  v.data = tensor.data();
  v.size = static_cast<std::int64_t>(tensor.size);
  v.dtype = dtype_of<T>();
  v.rank = 1;
  v.dims[0] = v.size;
  return v;
}

// Threads that claim tasks one by one, so that their order differs from run to run.
inline void run_threads(void* pool, std::int64_t tasks, receptive::Parallel::Task task, void* context) {
  const int threads = *static_cast<int*>(pool);
  std::int64_t next = 0;
  std::vector<std::thread> workers;
  for (int w = 0; w < threads; ++w) {
    workers.emplace_back([&next, tasks, task, context, w] {
      for (std::int64_t i; (i = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED)) < tasks;) task(context, i, w);
    });
  }
  for (auto& worker : workers) worker.join();
}

// Aligned memory that ends where it should: a sanitizer sees what reads behind it.
inline void* exactly(std::int64_t bytes) {
  void* memory = nullptr;
  if (posix_memalign(&memory, 64, bytes > 0 ? static_cast<std::size_t>(bytes) : 1) != 0) std::abort();
  return memory;
}

struct Call {
  receptive::OpCall call{};
  const receptive::OpEntry* entry = nullptr;

  Call(receptive::OpList list, const char* name) {
    for (int i = 0; i < list.count; ++i) {
      if (std::strcmp(list.entries[i].name, name) == 0) entry = &list.entries[i];
    }
    if (entry == nullptr) std::printf("no op %s\n", name), std::exit(2);
  }

  Call& set(const char* field, std::initializer_list<double> values) {
    for (int f = 0; f < entry->fieldCount; ++f) {
      const auto& info = entry->fields[f];
      if (std::strcmp(info.name, field) != 0) continue;
      int i = 0;
      for (const double value : values) {
        std::byte* at = call.attrs + info.offset;
        if (info.kind == receptive::Field::Kind::integer) {
          reinterpret_cast<std::int64_t*>(at)[i++] = static_cast<std::int64_t>(value);
        } else if (info.kind == receptive::Field::Kind::real) {
          reinterpret_cast<double*>(at)[i++] = value;
        } else {
          reinterpret_cast<bool*>(at)[i++] = value != 0;
        }
      }
      return *this;
    }
    std::printf("%s has no attribute %s\n", entry->name, field), std::exit(2);
  }

  template <class T>
  Call& in(Guarded<T>& tensor) {
    call.inputs[call.inputCount++] = view(tensor);
    return *this;
  }
  template <class T>
  Call& out(Guarded<T>& tensor) {
    call.outputs[call.outputCount++] = view(tensor);
    return *this;
  }

  // What check() found, or null after a run.
  const char* run(int threads = 1, receptive::Fault* fault = nullptr) {
    if (const char* wrong = entry->check(call)) return wrong;
    receptive::Fault none{-1, 0, 0};
    receptive::KernelContext context{};
    context.parallel = receptive::Parallel{run_threads, &threads, threads};
    context.fault = fault != nullptr ? fault : &none;
    const std::int64_t bytes = entry->workspace(call, threads);
    void* workspace = exactly(bytes);
    std::memset(workspace, 0xff, static_cast<std::size_t>(bytes));  // NaN everywhere
    context.workspace = static_cast<std::byte*>(workspace);
    const std::int64_t packed = entry->packs != nullptr ? entry->packs(call).bytes : 0;
    void* form = exactly(packed);
    std::memset(form, 0xff, static_cast<std::size_t>(packed));
    context.packed = static_cast<std::byte*>(form);
    entry->run(call, context);
    std::free(form);
    std::free(workspace);
    return nullptr;
  }
};

}  // namespace harness
