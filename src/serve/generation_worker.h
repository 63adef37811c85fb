// One thread that generates, and the bounded queue in front of it (traps S1, S2, S3, S5; rows C-11.20, C-11.21).
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "serve/generator.h"
#include "serve/submission.h"

namespace lathe::serve {

// A request on its way. Called by the worker's thread, except where said otherwise.
class GenerationJob {
 public:
  virtual ~GenerationJob() = default;
  virtual const GenerationRequest& request() const = 0;
  virtual bool is_gone() const = 0;  // the client left: nothing more is wanted; asked at every step
  virtual void start() = 0;          // generation begins
  virtual void text(std::string_view piece) = 0;
  // The last call. `served` is false when the job was never started because the worker stopped or died; then any
  // thread.
  virtual void end(const Status& status, bool served) = 0;
};

struct WorkerState {
  bool alive = false;  // false: the engine threw and will not come back, or stop() was called
  bool busy = false;
  int64_t waiting = 0;
  std::string failure;  // what the engine threw
};

class GenerationWorker {
 public:
  // At most `max_waiting` jobs wait behind the running one.
  GenerationWorker(std::unique_ptr<Generator> generator, int64_t max_waiting);
  ~GenerationWorker();  // stop()
  GenerationWorker(const GenerationWorker&) = delete;
  GenerationWorker& operator=(const GenerationWorker&) = delete;

  // All of these: any thread.
  const Generator& generator() const { return *generator_; }
  Submission submit(std::shared_ptr<GenerationJob> job);
  WorkerState state() const;
  void stop();  // ends the running job within one step, refuses the waiting ones, joins the thread

 private:
  void run();
  bool serve_one(GenerationJob& job);  // false: the generator is broken
  void refuse_waiting();

  std::unique_ptr<Generator> generator_;
  const int64_t max_waiting_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<GenerationJob>> waiting_;
  bool alive_ = true, busy_ = false, stopping_ = false;
  std::string failure_;
  std::thread thread_;
};

}  // namespace lathe::serve
