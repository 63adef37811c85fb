#include "serve/weights_loan.h"

#include <chrono>

namespace lathe::serve {

Result<int64_t> WeightsLoan::borrow(std::unique_ptr<infer::ModelCopy>& copy, const std::function<bool()>& is_cancelled) {
  constexpr std::chrono::milliseconds kLook(20);
  std::unique_lock lock(mutex_);
  into_ = &copy;
  step_ = -1;
  wanted_ = true;
  while (step_ < 0 && !closed_ && !is_cancelled()) changed_.wait_for(lock, kLook);
  wanted_ = false;
  into_ = nullptr;
  if (step_ >= 0) return step_;
  return error(closed_ ? "the training has ended" : "cancelled");
}

void WeightsLoan::serve_reader(int64_t step, const Lend& lend) {
  const std::lock_guard lock(mutex_);
  if (into_ == nullptr || step_ >= 0) return;
  lend(*into_);
  step_ = step;
  wanted_ = false;
  changed_.notify_all();
}

void WeightsLoan::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

}  // namespace lathe::serve
