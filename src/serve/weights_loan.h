// Hands the weights of a model in training to a reader on another thread: the reader asks, the trainer copies at its next step border
// and goes on.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "core/result.h"
#include "infer/model_copy.h"

namespace lathe::serve {

class WeightsLoan {
 public:
  // What the trainer lends: fills the copy, which it makes when there is none yet.
  using Lend = std::function<void(std::unique_ptr<infer::ModelCopy>& copy)>;

  // The reader's thread: waits for the next border. Returns the step that the weights are of. Errors: the training has ended,
  // is_cancelled() became true.
  Result<int64_t> borrow(std::unique_ptr<infer::ModelCopy>& copy, const std::function<bool()>& is_cancelled);

  // The trainer's thread, between two steps: a look at one flag when nobody asks.
  void at_border(int64_t step, const Lend& lend) {
    if (wanted_.load(std::memory_order_relaxed)) serve_reader(step, lend);
  }
  void close();  // no further border comes

 private:
  void serve_reader(int64_t step, const Lend& lend);

  std::atomic<bool> wanted_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<infer::ModelCopy>* into_ = nullptr;  // the waiting reader's
  int64_t step_ = -1;
  bool closed_ = false;
};

}  // namespace lathe::serve
