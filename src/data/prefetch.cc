#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "core/check.h"
#include "data/pretrain_loader.h"

namespace lathe::data {
namespace {

// The worker owns `loader_` from the first next() on; the caller sees finished batches with the state of each.
class Prefetch : public TokenLoader {
 public:
  Prefetch(std::unique_ptr<TokenLoader> loader, int depth)
      : loader_(std::move(loader)), depth_(static_cast<size_t>(depth)) {
    require(depth > 0, "[prefetch] depth must be positive, got ", depth);
    state_ = loader_->state();
  }
  ~Prefetch() override {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    if (worker_.joinable()) worker_.join();
  }
  Prefetch(const Prefetch&) = delete;
  Prefetch& operator=(const Prefetch&) = delete;

  Status next(TokenBatch& batch) override {
    if (!worker_.joinable()) worker_ = std::thread([this] { work(); });
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !ready_.empty(); });
    Prepared& front = ready_.front();
    if (!front.status.ok()) return front.status;  // stays there: so do later calls
    std::swap(batch, front.batch);
    state_ = std::move(front.state);
    spare_.push_back(std::move(front.batch));
    ready_.pop_front();
    lock.unlock();
    changed_.notify_all();
    return {};
  }

  Json state() const override { return state_; }

  Status restore(const Json& state, ResumeMode mode) override {
    require(!worker_.joinable(), "[prefetch] restore after the first batch");
    LATHE_TRY_STATUS(loader_->restore(state, mode));
    state_ = loader_->state();
    return {};
  }

 private:
  struct Prepared {
    Status status;
    TokenBatch batch;
    Json state;
  };

  void work() {
    while (true) {
      Prepared prepared;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stop_ || ready_.size() < depth_; });
        if (stop_) return;
        if (!spare_.empty()) {
          prepared.batch = std::move(spare_.back());
          spare_.pop_back();
        }
      }
      prepared.status = loader_->next(prepared.batch);
      if (prepared.status.ok()) prepared.state = loader_->state();
      const bool failed = !prepared.status.ok();
      {
        const std::lock_guard lock(mutex_);
        ready_.push_back(std::move(prepared));
      }
      changed_.notify_all();
      if (failed) return;
    }
  }

  std::unique_ptr<TokenLoader> loader_;
  const size_t depth_;
  Json state_;  // of the batch handed out last; the caller's
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Prepared> ready_;     // guarded
  std::vector<TokenBatch> spare_;  // guarded; buffers to use again
  bool stop_ = false;              // guarded
  std::thread worker_;
};

}  // namespace

std::unique_ptr<TokenLoader> prefetch(std::unique_ptr<TokenLoader> loader, int depth) {
  return std::make_unique<Prefetch>(std::move(loader), depth);
}

}  // namespace lathe::data
