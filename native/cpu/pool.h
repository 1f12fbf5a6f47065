// The compute pool of the process: helper threads that any number of callers share. A caller takes part in its own job,
// so a job always makes progress, and chunks are claimed one by one, so that a thread that loses its processor holds up
// one chunk and not the job. A helper that has just worked stays awake for kStayAwake, yielding its processor to
// whoever wants it, and then sleeps: the jobs of one op, and ops one after the other, come closer together than a
// waking takes.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "../core/op.h"

namespace receptive {

class Pool {
 public:
  // `threads` counts the caller: with 1 there are no helpers.
  explicit Pool(int threads) : threads_(threads) {}
  ~Pool();  // no job is running
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int threads() const { return threads_.load(std::memory_order_relaxed); }
  void set_threads(int threads) { threads_.store(threads, std::memory_order_relaxed); }

  // A caller's view of the pool with the number of threads that its workspace was made for. Outlives what parallel()
  // gave.
  class Team {
   public:
    Team(Pool& pool, int threads) : pool_(pool), threads_(threads) {}
    Parallel parallel() { return {&Team::run, this, threads_}; }

   private:
    static void run(void* team, std::int64_t tasks, Parallel::Task task, void* context);
    Pool& pool_;
    const int threads_;
  };

 private:
  // One call of Parallel::run, on the caller's stack.
  struct Job {
    Parallel::Task task;
    void* context;
    std::int64_t tasks;
    int maxWorkers;
    std::atomic<std::int64_t> next{0};  // the first chunk that nobody has claimed
    int workers = 1;                    // that ever joined, the caller included; under the pool's lock
    std::atomic<int> active{0};         // helpers inside the job; changed under the pool's lock
    std::condition_variable left;
    Job* older = nullptr;
    Job* newer = nullptr;

    void work(int worker);
    bool open() const { return workers < maxWorkers && next.load(std::memory_order_relaxed) < tasks; }
  };

  void run(std::int64_t tasks, Parallel::Task task, void* context, int threads);
  void help();
  Job* open_job() const;
  void add(Job& job);
  void remove(Job& job);
  void start_helpers(int count) noexcept;
  void wake(int count);

  std::atomic<int> threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::thread> helpers_;
  Job* oldest_ = nullptr;
  Job* newest_ = nullptr;
  int working_ = 0;                       // helpers inside some job
  int sleeping_ = 0;                      // helpers waiting for one
  int awake_ = 0;                         // helpers looking out for one
  std::atomic<std::uint32_t> posted_{0};  // jobs so far, for those who look out
  bool stopping_ = false;
};

}  // namespace receptive
