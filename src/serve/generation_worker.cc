#include "serve/generation_worker.h"

#include <exception>
#include <utility>

#include "core/check.h"
#include "core/log.h"

namespace lathe::serve {

GenerationWorker::GenerationWorker(std::unique_ptr<Generator> generator, int64_t max_waiting)
    : generator_(std::move(generator)), max_waiting_(max_waiting) {
  require(generator_ != nullptr && max_waiting >= 0,
          "[generation_worker] a generator and a queue of 0 or more places are needed");
  thread_ = std::thread([this] { run(); });
}

GenerationWorker::~GenerationWorker() { stop(); }

Submission GenerationWorker::submit(std::shared_ptr<GenerationJob> job) {
  const std::lock_guard lock(mutex_);
  if (!alive_) return Submission::kDown;
  if (static_cast<int64_t>(waiting_.size()) >= max_waiting_ + (busy_ ? 0 : 1)) return Submission::kFull;
  waiting_.push_back(std::move(job));
  changed_.notify_all();
  return Submission::kAccepted;
}

WorkerState GenerationWorker::state() const {
  const std::lock_guard lock(mutex_);
  return {alive_, busy_, static_cast<int64_t>(waiting_.size()), failure_};
}

void GenerationWorker::stop() {
  {
    const std::lock_guard lock(mutex_);
    alive_ = false;
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void GenerationWorker::run() {
  while (true) {
    std::shared_ptr<GenerationJob> job;
    {
      std::unique_lock lock(mutex_);
      busy_ = false;
      changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (stopping_) break;
      job = std::move(waiting_.front());
      waiting_.pop_front();
      busy_ = true;
    }
    if (!serve_one(*job)) break;
  }
  refuse_waiting();
}

bool GenerationWorker::serve_one(GenerationJob& job) {
  if (job.is_gone()) {
    job.end({}, false);
    return true;
  }
  const auto is_cancelled = [&] {
    if (job.is_gone()) return true;
    const std::lock_guard lock(mutex_);
    return stopping_;
  };
  std::string failure;
  try {
    job.start();
    job.end(generator_->generate(
                job.request(), [&](std::string_view piece) { job.text(piece); }, is_cancelled),
            true);
    return true;
  } catch (const std::exception& e) {
    failure = e.what();
  } catch (...) {
    failure = "an unknown exception";
  }
  log_error("serve", "the engine failed and is out of service: ", failure);
  {
    const std::lock_guard lock(mutex_);
    alive_ = false;
    busy_ = false;
    failure_ = failure;
  }
  job.end(error("the engine failed: ", failure), true);
  return false;
}

void GenerationWorker::refuse_waiting() {
  std::deque<std::shared_ptr<GenerationJob>> refused;
  {
    const std::lock_guard lock(mutex_);
    alive_ = false;
    busy_ = false;
    refused.swap(waiting_);
  }
  for (const auto& job : refused) job->end(error("the engine is out of service"), false);
}

}  // namespace lathe::serve
