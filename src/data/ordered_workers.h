// Items made by several threads and handed out in order: produce (serial) gives out the work, work (parallel) does it,
// next() returns the finished items in the order they were given out, whatever the workers' speed (rows L-4.9,
// L-11.29).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "core/check.h"
#include "core/result.h"

namespace lathe::data {

// next() is for one thread at a time.
template <class Item>
class OrderedWorkers {
 public:
  // Fills the item with work; false at the end. Called under a lock, by one thread at a time, in order.
  using Produce = std::function<Result<bool>(Item&)>;
  using Work = std::function<Status(Item&)>;

  // workers 0: both run in next(). Else up to workers * ahead items exist at once; they are used again, so that what
  // they hold is not allocated anew. Threads start at the first next().
  OrderedWorkers(int64_t workers, int64_t ahead, Produce produce, Work work)
      : workers_(workers), produce_(std::move(produce)), work_(std::move(work)) {
    require(workers >= 0 && ahead > 0, "[ordered_workers] ", workers, " workers, ", ahead, " items ahead");
    slots_.resize(static_cast<size_t>(workers == 0 ? 1 : workers * ahead + 1));
  }
  OrderedWorkers(const OrderedWorkers&) = delete;
  OrderedWorkers& operator=(const OrderedWorkers&) = delete;
  ~OrderedWorkers() { stop(); }

  // The next item, valid until the call after; null at the end. An error stays: later calls return it too.
  Result<Item*> next() {
    if (workers_ == 0) return next_here();
    start();
    std::unique_lock lock(mutex_);
    if (taken_) {
      slots_[index(given_++)].state = State::kFree;
      taken_ = false;
      changed_.notify_all();
    }
    Slot& slot = slots_[index(given_)];
    changed_.wait(lock, [&] { return slot.state == State::kReady; });
    if (!slot.status.ok()) return slot.status.error();  // stays there: so do later calls
    if (slot.end) return static_cast<Item*>(nullptr);
    taken_ = true;
    return &slot.item;
  }

  // Ends the threads; the items they had begun are lost. No next() after it.
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  enum class State { kFree, kBusy, kReady };
  struct Slot {
    State state = State::kFree;
    Item item;
    Status status;
    bool end = false;
  };

  size_t index(int64_t number) const { return static_cast<size_t>(number) % slots_.size(); }

  Result<Item*> next_here() {
    Slot& slot = slots_[0];
    if (!slot.status.ok()) return slot.status.error();
    if (slot.end) return static_cast<Item*>(nullptr);
    const Result<bool> found = produce_(slot.item);
    if (!found.ok())
      slot.status = found.error();
    else if (!found.value())
      slot.end = true;
    else
      slot.status = work_(slot.item);
    if (!slot.status.ok()) return slot.status.error();
    return slot.end ? nullptr : &slot.item;
  }

  void start() {
    if (!threads_.empty()) return;
    for (int64_t i = 0; i < workers_; ++i) threads_.emplace_back([this] { run(); });
  }

  void run() {
    while (true) {
      Slot* slot = nullptr;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(
            lock, [&] { return stopping_ || ended_ || (!producing_ && slots_[index(begun_)].state == State::kFree); });
        if (stopping_ || ended_) return;
        slot = &slots_[index(begun_++)];
        slot->state = State::kBusy;
        producing_ = true;
      }
      const Result<bool> found = produce_(slot->item);
      const bool last = !found.ok() || !found.value();
      {
        const std::lock_guard lock(mutex_);
        producing_ = false;
        ended_ = last;
      }
      changed_.notify_all();
      Status status = found.ok() ? Status() : Status(found.error());
      if (!last) status = work_(slot->item);
      {
        const std::lock_guard lock(mutex_);
        slot->status = std::move(status);
        slot->end = last;
        slot->state = State::kReady;
      }
      changed_.notify_all();
      if (last) return;
    }
  }

  const int64_t workers_;
  Produce produce_;
  Work work_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Slot> slots_;  // states guarded; an item belongs to its worker while busy, to the caller while ready
  int64_t begun_ = 0;        // guarded
  int64_t given_ = 0;        // items handed out and given back
  bool taken_ = false;       // the caller holds item given_
  bool producing_ = false, ended_ = false, stopping_ = false;  // guarded
  std::vector<std::thread> threads_;
};

}  // namespace lathe::data
