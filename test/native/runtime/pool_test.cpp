// The compute pool: every task once, worker numbers in range and not shared, several callers at once, changing sizes.
#include "cpu/pool.h"

#include <atomic>
#include <thread>
#include <vector>

#include "../check.h"

using namespace receptive;

namespace {

struct Count {
  explicit Count(std::size_t tasks, int threads)
      : runs(tasks), inside(static_cast<std::size_t>(threads)), limit(threads) {}
  std::vector<std::atomic<int>> runs;
  std::vector<std::atomic<int>> inside;  // by worker
  int limit;
  std::atomic<int> wrong{0};

  static void task(void* context, std::int64_t index, int worker) {
    auto& self = *static_cast<Count*>(context);
    if (worker < 0 || worker >= self.limit) {
      ++self.wrong;
      return;
    }
    auto& here = self.inside[static_cast<std::size_t>(worker)];
    if (here.fetch_add(1) != 0) ++self.wrong;  // two threads with one worker number would share a workspace
    volatile double x = 1;
    for (int i = 0; i < 200; ++i) x = x * 1.0001;
    ++self.runs[static_cast<std::size_t>(index)];
    here.fetch_sub(1);
  }
};

void run(Pool& pool, std::int64_t tasks, int threads) {
  Pool::Team team(pool, threads);
  const Parallel parallel = team.parallel();
  Count count(static_cast<std::size_t>(tasks), threads);
  parallel.run(parallel.pool, tasks, Count::task, &count);
  for (const auto& runs : count.runs) EXPECT(runs == 1, "a task ran %d times", runs.load());
  EXPECT(count.wrong == 0, "%d wrong worker numbers with %d threads", count.wrong.load(), threads);
}

void every_task_once() {
  for (int threads = 1; threads <= 4; ++threads) {
    Pool pool(threads);
    for (const int tasks : {0, 1, 2, 3, 7, 100, 1000}) run(pool, tasks, threads);
  }
}

void changing_size() {
  Pool pool(1);
  for (const int threads : {3, 1, 4, 2}) {
    pool.set_threads(threads);
    EXPECT(pool.threads() == threads, "threads() is %d", pool.threads());
    for (int i = 0; i < 50; ++i) run(pool, 40, threads);
  }
}

void several_callers() {
  Pool pool(3);
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&pool, c] {
      for (int i = 0; i < 200; ++i) run(pool, 10 + 20 * c, 1 + (i + c) % 4);
    });
  }
  for (auto& caller : callers) caller.join();
}

// Helpers really take part: two tasks that wait for each other end only on two threads.
void helpers_help() {
  Pool pool(2);
  struct Meeting {
    std::atomic<int> arrived{0};
    static void task(void* context, std::int64_t, int) {
      auto& self = *static_cast<Meeting*>(context);
      ++self.arrived;
      while (self.arrived < 2) std::this_thread::yield();
    }
  };
  for (int i = 0; i < 100; ++i) {
    Pool::Team team(pool, 2);
    const Parallel parallel = team.parallel();
    Meeting meeting;
    parallel.run(parallel.pool, 2, Meeting::task, &meeting);
    EXPECT(meeting.arrived == 2, "both tasks ran");
  }
}

}  // namespace

int main() {
  every_task_once();
  changing_size();
  several_callers();
  helpers_help();
  return harness::report("pool");
}
