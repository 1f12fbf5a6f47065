// The emulated device notices what it is there to notice: kernels with planted faults, beside their right twins.
#include "cuda/launch.h"
#include "emulation/state.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

#include "../check.h"

using namespace receptive;
using host::launch;

namespace {

constexpr unsigned kThreads = 96;

// out[i] = in[n - 1 - i] through memory that the block shares; without the barrier a thread may read what is not there.
template <bool kBarrier>
__global__ void reverse(const float* in, float* out) {
  __shared__ float line[kThreads];
  const unsigned i = threadIdx.x;
  line[i] = in[i];
  if (kBarrier) __syncthreads();
  out[i] = line[kThreads - 1 - i];
  if (kBarrier) __syncthreads();
  line[i] = -1;
}

// Only half of the threads come to the barrier.
__global__ void missed_barrier(float* out) {
  if (threadIdx.x < kThreads / 2) __syncthreads();
  out[threadIdx.x] = 1;
}

// The upper half of a warp never comes.
__global__ void missed_lanes(float* out) {
  const unsigned lane = threadIdx.x % 32;
  out[threadIdx.x] = lane < 16 ? __shfl_xor_sync(0xffffffffu, 1.0f, 1) : 0;
}

__global__ void beyond(float* out, int count) { out[static_cast<int>(threadIdx.x) + count] = 1; }

struct Shuffled {
  int exchanged, down, up, fromThree, narrow;
  unsigned ballot;
};
__global__ void shuffles(Shuffled* out) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  Shuffled& mine = out[threadIdx.x];
  mine.exchanged = __shfl_xor_sync(0xffffffffu, lane, 5);
  mine.down = __shfl_down_sync(0xffffffffu, lane, 3);
  mine.up = __shfl_up_sync(0xffffffffu, lane, 2);
  mine.fromThree = __shfl_sync(0xffffffffu, lane, 3);
  mine.narrow = __shfl_down_sync(0xffffffffu, lane, 3, 8);
  mine.ballot = __ballot_sync(0xffffffffu, lane % 3 == 0);
}

__global__ void positions(unsigned* out) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  atomicAdd(&out[block * blockDim.x * blockDim.y * blockDim.z + thread], 1u);
}

__global__ void dynamic(float* out) {
  float* shared = reinterpret_cast<float*>(host::shared_memory());
  shared[threadIdx.x] = static_cast<float>(threadIdx.x);
  __syncthreads();
  out[threadIdx.x] = shared[(threadIdx.x + 1) % blockDim.x];
}

template <class T>
struct DeviceArray {
  explicit DeviceArray(std::size_t count) {
    void* memory = nullptr;
    EXPECT(cudaMalloc(&memory, count * sizeof(T)) == cudaSuccess, "there is memory");
    data = static_cast<T*>(memory);
  }
  ~DeviceArray() { cudaFree(data); }
  T* data;
};

// In a process of its own, whose device may be lost: the exit status.
template <class F>
int apart(F&& body) {
  const pid_t child = fork();
  if (child == 0) {
    std::freopen("/dev/null", "w", stderr);
    body();
    std::_Exit(harness::failures == 0 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

// How many of 20 orders of the threads give a wrong result.
template <bool kBarrier>
int wrong_orders() {
  const DeviceArray<float> in(kThreads), out(kThreads);
  for (unsigned i = 0; i < kThreads; ++i) in.data[i] = static_cast<float>(i);
  int wrong = 0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    emulation::options().seed = seed;
    launch(reverse<kBarrier>, 3, kThreads, 0, nullptr, in.data, out.data);
    bool right = cudaGetLastError() == cudaSuccess;
    for (unsigned i = 0; i < kThreads; ++i) right &= out.data[i] == static_cast<float>(kThreads - 1 - i);
    wrong += !right;
  }
  emulation::options().seed = 0;
  return wrong;
}

void barriers() {
  EXPECT(wrong_orders<true>() == 0, "a right kernel is right in every order");
  EXPECT(wrong_orders<false>() > 10, "a missing barrier shows");
  EXPECT(apart([] {
           DeviceArray<float> out(kThreads);
           launch(missed_barrier, 1, kThreads, 0, nullptr, out.data);
           EXPECT(cudaGetLastError() == cudaErrorLaunchFailure, "the barrier is missed");
           void* memory;
           EXPECT(cudaMalloc(&memory, 16) == cudaErrorLaunchFailure, "the device is lost");
           cudaSetDevice(1);
           cudaGetLastError();
           EXPECT(cudaMalloc(&memory, 16) == cudaSuccess && cudaFree(memory) == cudaSuccess, "the other is not");
         }) == 0,
         "see above");
}

void warps() {
  const DeviceArray<Shuffled> out(64);
  for (const unsigned seed : {0u, 1u, 2u}) {
    emulation::options().seed = seed;
    launch(shuffles, 1, 64, 0, nullptr, out.data);
    unsigned ballot = 0;
    for (int lane = 0; lane < 32; ++lane) ballot |= static_cast<unsigned>(lane % 3 == 0) << lane;
    for (int i = 0; i < 64; ++i) {
      const int lane = i % 32;
      const Shuffled& mine = out.data[i];
      EXPECT(mine.exchanged == (lane ^ 5) && mine.down == (lane + 3 < 32 ? lane + 3 : lane) &&
                 mine.up == (lane >= 2 ? lane - 2 : lane) && mine.fromThree == 3 && mine.ballot == ballot &&
                 mine.narrow == (lane % 8 + 3 < 8 ? lane + 3 : lane),
             "lane %d, seed %u", lane, seed);
    }
  }
  emulation::options().seed = 0;
  EXPECT(apart([] {
           DeviceArray<float> data(64);
           launch(missed_lanes, 1, 64, 0, nullptr, data.data);
           EXPECT(cudaGetLastError() == cudaErrorLaunchFailure, "lanes do not come");
         }) == 0,
         "see above");
}

void grids() {
  const DeviceArray<unsigned> counts(2 * 3 * 2 * 4 * 3 * 2);
  for (const unsigned seed : {0u, 9u}) {
    emulation::options().seed = seed;
    cudaMemsetAsync(counts.data, 0, 288 * sizeof(unsigned), nullptr);
    launch(positions, dim3(2, 3, 2), dim3(4, 3, 2), 0, nullptr, counts.data);
    for (int i = 0; i < 288; ++i) EXPECT(counts.data[i] == 1, "thread %d ran %u times", i, counts.data[i]);
  }
  emulation::options().seed = 0;
  const DeviceArray<float> out(40);
  launch(dynamic, 1, 40, 40 * sizeof(float), nullptr, out.data);
  for (int i = 0; i < 40; ++i) EXPECT(out.data[i] == static_cast<float>((i + 1) % 40), "shared memory of %d", i);
  launch(positions, 1, 1025, 0, nullptr, counts.data);
  EXPECT(cudaGetLastError() == cudaErrorInvalidConfiguration && cudaGetLastError() == cudaSuccess,
         "a block has 1024 threads at most");
}

void memory() {
  const int status = apart([] {
    const DeviceArray<float> out(kThreads);
    launch(beyond, 1, kThreads, 0, nullptr, out.data, 1);
  });
#ifdef __SANITIZE_ADDRESS__
  EXPECT(status != 0, "an access out of bounds is seen under the address sanitizer");
#else
  (void)status;
#endif
  void* large = nullptr;
  EXPECT(cudaMalloc(&large, emulation::options().memory + 1) == cudaErrorMemoryAllocation, "devices are finite");
  EXPECT(cudaGetLastError() == cudaErrorMemoryAllocation && cudaGetLastError() == cudaSuccess, "told once");
  EXPECT(cudaFree(&large) == cudaErrorInvalidValue, "not the device's");
  cudaGetLastError();
}

void injected_failures() {
  EXPECT(apart([] {
           setenv("RECEPTIVE_EMULATION_FAIL", "cudaMalloc:2,cudaEventRecord:1+=cudaErrorIllegalAddress", 1);
           void* first = nullptr;
           void* second = nullptr;
           EXPECT(cudaMalloc(&first, 16) == cudaSuccess, "the first succeeds");
           EXPECT(cudaMalloc(&second, 16) == cudaErrorMemoryAllocation, "the second fails");
           cudaGetLastError();
           EXPECT(cudaMalloc(&second, 16) == cudaSuccess, "the third succeeds");
           cudaEvent_t event = nullptr;
           cudaEventCreate(&event);
           EXPECT(cudaEventRecord(event, nullptr) == cudaErrorIllegalAddress, "named");
           EXPECT(cudaFree(first) == cudaErrorIllegalAddress, "and it stays");
         }) == 0,
         "see above");
}

}  // namespace

int main() {
  injected_failures();  // first: what is injected is read once per process
  barriers();
  warps();
  grids();
  memory();
  return harness::report("emulator");
}
