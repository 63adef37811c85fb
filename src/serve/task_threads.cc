#include "serve/task_threads.h"

#include <utility>

#include "core/parallel.h"

namespace lathe::serve {

TaskThreads::TaskThreads(int64_t threads, int64_t most_waiting) : most_waiting_(most_waiting) {
  for (int64_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

TaskThreads::~TaskThreads() { stop(); }

bool TaskThreads::post(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  if (stopping_ || static_cast<int64_t>(waiting_.size()) >= most_waiting_) return false;
  waiting_.push_back(std::move(task));
  changed_.notify_one();
  return true;
}

void TaskThreads::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
}

void TaskThreads::run() {
  set_own_num_threads(1);  // the processors are the models'
  while (true) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      task = std::move(waiting_.front());
      waiting_.pop_front();
    }
    task();
  }
}

}  // namespace lathe::serve
