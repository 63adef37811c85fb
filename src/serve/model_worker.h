// The thread of one served model: it alone touches the batch engine and goes step by step while there is work (traps S2, S3, S5).
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "infer/batch_engine.h"
#include "serve/submission.h"

namespace lathe::serve {

struct ModelWorkerState {
  bool alive = false;       // false: the engine threw and will not come back, or stop() was called
  bool stuck = false;       // a step has lasted longer than stuck_seconds
  double step_seconds = 0;  // so far, of the step under way
  std::string failure;      // what the engine threw
  infer::EngineFigures figures;  // as they were after the last step; waiting counts the inbox, too
};

class ModelWorker {
 public:
  // stuck_seconds: a step that lasts longer makes the state `stuck` until it ends.
  explicit ModelWorker(std::unique_ptr<infer::BatchEngine> engine, double stuck_seconds = 60);
  ~ModelWorker();  // stop()
  ModelWorker(const ModelWorker&) = delete;
  ModelWorker& operator=(const ModelWorker&) = delete;

  // All of these: any thread.
  Status check(const infer::Request& request) const;
  // The listener hears from the worker's thread; kFull, kDown: it hears nothing. A client's own limit in the queue is known later: refused().
  Submission submit(infer::Request request, std::shared_ptr<infer::RequestListener> listener);
  // Runs `work` between two steps, with the model alone (embeddings). False: down or full; it is then never called.
  bool run_between(std::function<void(infer::LanguageModel&)> work);
  ModelWorkerState state() const;
  bool idle() const;
  void stop(std::string_view why = "the server is stopping");  // ends every request within one step, joins the thread

  // A fault for tests: called before every step; what it throws kills the engine, as long as it blocks the engine is stuck.
  void set_fault_for_test(std::function<void()> fault);

 private:
  struct Job {
    infer::Request request;
    std::shared_ptr<infer::RequestListener> listener;
    std::function<void(infer::LanguageModel&)> work;  // set: no request
  };
  void run();
  std::deque<Job> next_jobs(bool idle, std::function<void()>& fault);  // waits when idle
  bool work_one_step(std::deque<Job>& jobs, const std::function<void()>& fault);
  void refuse(std::deque<Job> jobs);
  bool has_place() const;  // under mutex_

  std::unique_ptr<infer::BatchEngine> engine_;
  const double stuck_seconds_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> inbox_;
  std::function<void()> fault_;
  infer::EngineFigures figures_;
  double step_began_ = -1;  // seconds of Clock::real(); -1: no step under way
  int64_t taken_ = 0;       // jobs of the step under way that the figures do not count yet
  bool alive_ = true, stopping_ = false;
  std::string failure_, why_;
  std::thread thread_;
};

}  // namespace lathe::serve
