// What the machine can do at most, as a contender of the benchmark: argument `measure=fma` for the arithmetic peak of
// the target it is compiled for, `measure=copy` for the bandwidth of copying memory beyond the caches; `threads=N`.
//
// fma: independent multiply-adds on vectors of the target's width, all operands in registers. Two units with a latency
// of four or five cycles need ten in flight; SSE2 and AVX2 have 16 registers. x86-64 has no fused instruction: there it
// is a multiplication and an addition, which is what that target's kernels use too.
#include <atomic>
#include <cstring>
#include <memory>
#include <thread>

#include "contender.h"

namespace {

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#elif defined(__AVX__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif
constexpr int kLanes = kBytes / 4;
constexpr int kChains = 12;
constexpr long kSteps = 20000;
typedef float Vector __attribute__((vector_size(kBytes)));

// The result depends on every operation, so that none can be left out.
__attribute__((noinline)) float multiply_add(float factor, float addend) {
  // Unrolled in full, so that each sum has a register of its own.
  Vector sums[kChains];
  const Vector a = factor - Vector{}, b = addend - Vector{};
#pragma GCC unroll 16
  for (int i = 0; i < kChains; ++i) sums[i] = a * static_cast<float>(i);
  for (long step = 0; step < kSteps; ++step) {
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) sums[i] = sums[i] * a + b;
  }
  Vector total{};
#pragma GCC unroll 16
  for (int i = 0; i < kChains; ++i) total += sums[i];
  float result = 0;
  for (int i = 0; i < kLanes; ++i) result += total[i];
  return result;
}
constexpr double kOperations = 2.0 * kLanes * kChains * kSteps;

constexpr size_t kCopied = size_t{64} << 20;

// A thread's share of the copied bytes.
class Buffers {
 public:
  explicit Buffers(size_t bytes) : bytes_(bytes), from_(new char[bytes]), to_(new char[bytes]) {
    std::memset(from_.get(), 1, bytes);
    std::memset(to_.get(), 2, bytes);
  }
  void copy() { std::memcpy(to_.get(), from_.get(), bytes_); }

 private:
  size_t bytes_;
  std::unique_ptr<char[]> from_, to_;
};

template <class Work>
void on_threads(long threads, Work&& work) {
  std::vector<std::thread> others;
  for (long i = 1; i < threads; ++i) others.emplace_back([&work, i] { work(i); });
  work(0);
  for (std::thread& thread : others) thread.join();
}

void announce(double amount) {
  std::printf("{\"ready\": {\"version\": \"\", \"algorithm\": \"\", \"workspaceBytes\": null, \"operations\": %.0f, ",
              amount);
  std::printf("\"samples\": []}}\n");
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
  return bench::guarded([&] {
    const bench::Task task(count, arguments);
    const long threads = task.number("threads");
    if (task.text("measure") == "copy") {
      std::vector<Buffers> buffers;
      for (long i = 0; i < threads; ++i) buffers.emplace_back(kCopied / static_cast<size_t>(threads));
      // Read once and written once.
      announce(2.0 * static_cast<double>(kCopied));
      bench::serve([&](long times) {
        on_threads(threads, [&](long i) {
          for (long run = 0; run < times; ++run) buffers[static_cast<size_t>(i)].copy();
        });
      });
    } else {
      announce(kOperations * static_cast<double>(threads));
      std::atomic<float> sink = 0;
      bench::serve([&](long times) {
        on_threads(threads, [&](long) {
          // Unknown to the compiler, which would otherwise do it once.
          volatile float factor = 0.5f;
          for (long run = 0; run < times; ++run) sink = multiply_add(factor, 1.0f);
        });
      });
    }
  });
}
