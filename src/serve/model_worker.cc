#include "serve/model_worker.h"

#include <exception>
#include <utility>

#include "core/check.h"
#include "core/clock.h"
#include "core/log.h"

namespace lathe::serve {

ModelWorker::ModelWorker(std::unique_ptr<infer::BatchEngine> engine, double stuck_seconds)
    : engine_(std::move(engine)), stuck_seconds_(stuck_seconds) {
  require(engine_ != nullptr, "[model_worker] an engine is needed");
  figures_ = engine_->figures();
  thread_ = std::thread([this] { run(); });
}

ModelWorker::~ModelWorker() { stop(); }

Status ModelWorker::check(const infer::Request& request) const { return engine_->check(request); }

bool ModelWorker::has_place() const {
  // A request that finds the engine idle starts with the next step: it does not wait.
  const int64_t starting = figures_.running == 0 ? 1 : 0;
  return figures_.waiting + taken_ + static_cast<int64_t>(inbox_.size()) < engine_->options().max_waiting + starting;
}

Submission ModelWorker::submit(infer::Request request, std::shared_ptr<infer::RequestListener> listener) {
  const std::lock_guard lock(mutex_);
  if (!alive_) return Submission::kDown;
  if (!has_place()) return Submission::kFull;
  inbox_.push_back({std::move(request), std::move(listener), {}});
  changed_.notify_all();
  return Submission::kAccepted;
}

bool ModelWorker::run_between(std::function<void(infer::LanguageModel&)> work) {
  const std::lock_guard lock(mutex_);
  if (!alive_ || !has_place()) return false;
  inbox_.push_back({{}, {}, std::move(work)});
  changed_.notify_all();
  return true;
}

ModelWorkerState ModelWorker::state() const {
  const std::lock_guard lock(mutex_);
  ModelWorkerState state;
  state.alive = alive_;
  state.step_seconds = step_began_ < 0 ? 0 : Clock::real().seconds() - step_began_;
  state.stuck = state.step_seconds > stuck_seconds_;
  state.failure = failure_;
  state.figures = figures_;
  state.figures.waiting += taken_ + static_cast<int64_t>(inbox_.size());
  return state;
}

bool ModelWorker::idle() const {
  const std::lock_guard lock(mutex_);
  return inbox_.empty() && taken_ == 0 && figures_.running == 0 && figures_.waiting == 0;
}

void ModelWorker::set_fault_for_test(std::function<void()> fault) {
  const std::lock_guard lock(mutex_);
  fault_ = std::move(fault);
}

void ModelWorker::stop(std::string_view why) {
  {
    const std::lock_guard lock(mutex_);
    alive_ = false;
    stopping_ = true;
    if (why_.empty()) why_ = why;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

std::deque<ModelWorker::Job> ModelWorker::next_jobs(bool idle, std::function<void()>& fault) {
  std::unique_lock lock(mutex_);
  if (idle) changed_.wait(lock, [this] { return stopping_ || !inbox_.empty(); });
  std::deque<Job> jobs;
  if (stopping_) return jobs;
  jobs.swap(inbox_);
  taken_ = static_cast<int64_t>(jobs.size());
  step_began_ = Clock::real().seconds();
  fault = fault_;
  return jobs;
}

// False: nothing is left to do. Throws what the engine throws; `jobs` then holds those that the engine has not got.
bool ModelWorker::work_one_step(std::deque<Job>& jobs, const std::function<void()>& fault) {
  if (fault) fault();
  while (!jobs.empty()) {
    Job& job = jobs.front();
    if (job.work)
      job.work(engine_->model());
    else if (engine_->submit(std::move(job.request), job.listener) == infer::Admission::kFull)
      job.listener->refused();
    jobs.pop_front();
  }
  const bool more = engine_->step();
  const std::lock_guard lock(mutex_);
  figures_ = engine_->figures();
  taken_ = 0;
  step_began_ = -1;
  return more;
}

void ModelWorker::refuse(std::deque<Job> jobs) {
  for (const Job& job : jobs)
    if (job.listener) job.listener->done(error(why_), {});
}

void ModelWorker::run() {
  std::deque<Job> jobs;
  std::string failure;
  try {
    for (bool idle = true;;) {
      std::function<void()> fault;
      jobs = next_jobs(idle, fault);
      {
        const std::lock_guard lock(mutex_);
        if (stopping_) break;
      }
      idle = !work_one_step(jobs, fault);
    }
  } catch (const std::exception& e) {
    failure = e.what();
  } catch (...) {
    failure = "an unknown exception";
  }
  if (!failure.empty()) log_error("serve", "the engine failed and is out of service: ", failure);
  std::deque<Job> refused;
  {
    const std::lock_guard lock(mutex_);
    alive_ = false;
    step_began_ = -1;
    taken_ = 0;
    failure_ = failure;
    if (why_.empty() || !failure.empty()) why_ = failure.empty() ? "the server is stopping" : "the engine failed: " + failure;
    refused.swap(inbox_);
  }
  engine_->stop(error(why_));
  refuse(std::move(jobs));
  refuse(std::move(refused));
  const std::lock_guard lock(mutex_);
  figures_ = engine_->figures();
}

}  // namespace lathe::serve
