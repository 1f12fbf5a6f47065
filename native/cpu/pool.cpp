#include "pool.h"

#include <algorithm>
#include <system_error>

#include "../core/thread.h"

namespace receptive {

Pool::~Pool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (auto& helper : helpers_) helper.join();
}

void Pool::Team::run(void* team, std::int64_t tasks, Parallel::Task task, void* context) {
  auto* self = static_cast<Team*>(team);
  self->pool_.run(tasks, task, context, self->threads_);
}

void Pool::Job::work(int worker) {
  for (;;) {
    const std::int64_t index = next.fetch_add(1, std::memory_order_relaxed);
    if (index >= tasks) return;
    task(context, index, worker);
  }
}

void Pool::run(std::int64_t tasks, Parallel::Task task, void* context, int threads) {
  const int helpers = static_cast<int>(std::min<std::int64_t>(threads, tasks)) - 1;
  if (helpers <= 0) {
    for (std::int64_t i = 0; i < tasks; ++i) task(context, i, 0);
    return;
  }
  Job job;
  job.task = task;
  job.context = context;
  job.tasks = tasks;
  job.maxWorkers = helpers + 1;
  {
    const std::lock_guard lock(mutex_);
    start_helpers(helpers);
    add(job);
    wake(helpers - awake_);
  }
  job.work(0);
  // The last chunks are usually about to end: waiting awake for them costs less than being woken.
  yield_until(kStayAwake, [&] { return job.active.load(std::memory_order_acquire) == 0; });
  std::unique_lock lock(mutex_);
  remove(job);  // nobody joins any more
  job.left.wait(lock, [&] { return job.active.load(std::memory_order_relaxed) == 0; });
}

void Pool::help() {
  std::unique_lock lock(mutex_);
  for (bool worked = false;; worked = true) {
    Job* job = nullptr;
    if (worked && !stopping_ && open_job() == nullptr) {
      const std::uint32_t seen = posted_.load(std::memory_order_relaxed);
      ++awake_;
      lock.unlock();
      yield_until(kStayAwake, [&] { return posted_.load(std::memory_order_relaxed) != seen; });
      lock.lock();
      --awake_;
    }
    ++sleeping_;
    changed_.wait(lock, [&] { return stopping_ || (job = open_job()) != nullptr; });
    --sleeping_;
    if (stopping_) return;
    const int worker = job->workers++;
    ++working_;
    job->active.fetch_add(1, std::memory_order_relaxed);
    if (job->open()) wake(job->maxWorkers - job->workers);
    lock.unlock();
    job->work(worker);
    lock.lock();
    --working_;
    // The caller may see 0 and destroy the job only with the lock in hand.
    if (job->active.fetch_sub(1, std::memory_order_release) == 1) job->left.notify_one();
  }
}

// The oldest job that has chunks and room for a helper. Several callers together get no more helpers than one.
Pool::Job* Pool::open_job() const {
  if (working_ >= threads() - 1) return nullptr;
  for (Job* job = oldest_; job != nullptr; job = job->newer) {
    if (job->open()) return job;
  }
  return nullptr;
}

void Pool::add(Job& job) {
  job.older = newest_;
  (newest_ != nullptr ? newest_->newer : oldest_) = &job;
  newest_ = &job;
  posted_.fetch_add(1, std::memory_order_relaxed);
}

void Pool::remove(Job& job) {
  (job.older != nullptr ? job.older->newer : oldest_) = job.newer;
  (job.newer != nullptr ? job.newer->older : newest_) = job.older;
}

// Helpers are started when a job first wants them. Where the system refuses, the job runs with fewer.
void Pool::start_helpers(int count) noexcept {
  try {
    while (static_cast<int>(helpers_.size()) < count) {
      helpers_.push_back(start_thread("receptive-pool", [this] { help(); }));
    }
  } catch (const std::exception&) {
  }
}

// Each waking costs the waker some microseconds: two here, and those wake the others.
void Pool::wake(int count) {
  for (int i = 0; i < std::min({count, sleeping_, 2}); ++i) changed_.notify_one();
}

}  // namespace receptive
