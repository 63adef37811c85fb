// A few threads for work that is too slow for the server's own and has nothing to do with a model: reading bodies, splitting texts
// into tokens, compiling grammars.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace lathe::serve {

class TaskThreads {
 public:
  TaskThreads(int64_t threads, int64_t most_waiting);
  ~TaskThreads();  // stop()
  TaskThreads(const TaskThreads&) = delete;
  TaskThreads& operator=(const TaskThreads&) = delete;

  // Any thread. False: too many are waiting (trap S3), or stopped; the task is then dropped. Tasks must not throw.
  bool post(std::function<void()> task);
  void stop();  // tasks that wait are still done; not from a task

 private:
  void run();

  const int64_t most_waiting_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace lathe::serve
