#include "autograd/tape.h"

#include "ops/elementwise.h"
#include "ops/update.h"

namespace lathe::autograd {

Var Tape::variable(Tensor value) {
  Var v = result(std::move(value), true);
  if (v.wants_grad()) keep_[static_cast<size_t>(v.slot)] = true;
  return v;
}

Var Tape::result(Tensor value, bool wants_grad) {
  if (!recording_ || !wants_grad) return Var{std::move(value), -1};
  grads_.emplace_back();
  keep_.push_back(false);
  return Var{std::move(value), static_cast<int32_t>(grads_.size()) - 1};
}

void* Tape::space(size_t bytes) {
  constexpr size_t kAlign = alignof(std::max_align_t);
  bytes = (bytes + kAlign - 1) / kAlign * kAlign;
  LATHE_CHECK(bytes <= kChunk, "a tape node of ", bytes, " bytes");
  if (chunks_.empty() || used_ + bytes > kChunk) {
    if (!chunks_.empty()) ++chunk_;
    if (chunk_ == chunks_.size()) chunks_.push_back(std::make_unique<std::byte[]>(kChunk));
    used_ = 0;
  }
  void* place = chunks_[chunk_].get() + used_;
  used_ += bytes;
  return place;
}

void Tape::add_grad(const Var& v, Tensor grad) {
  if (!v.wants_grad() || !grad) return;
  Tensor& sum = grads_[static_cast<size_t>(v.slot)];
  if (!sum) {
    sum = std::move(grad);
  } else if (sum.is_unique()) {
    ops::add_inplace(ctx_, sum, grad);
  } else {
    sum = ops::add(ctx_, sum, grad);  // another variable shares the memory
  }
}

Tensor Tape::grad(const Var& v) const { return v.wants_grad() ? grads_[static_cast<size_t>(v.slot)] : Tensor(); }

void Tape::backward() { run_back_to({}); }

void Tape::backward(const Var& output, Tensor dy) {
  require(output.wants_grad(), "[tape] backward from a value that is not on the tape");
  add_grad(output, std::move(dy));
  run_back_to(0);
}

void Tape::forget_since(const Mark& mark) {
  grads_.resize(mark.slots);
  keep_.resize(mark.slots);
  chunk_ = mark.chunk, used_ = mark.used;
}

void Tape::run_back_to(size_t nodes) {
  while (nodes_.size() > nodes) {
    Node* node = nodes_.back();
    nodes_.pop_back();
    Tensor dy;
    if (node->output >= 0) {
      const size_t slot = static_cast<size_t>(node->output);
      dy = keep_[slot] ? grads_[slot] : std::move(grads_[slot]);
    }
    if (dy || node->output < 0) {
      if (backward_scale_ != 1 && dy) {
        Tensor scaled = ctx_.empty_like(dy);
        scaled.copy_from(dy);
        ops::scale_inplace(ctx_, scaled, backward_scale_);
        dy = scaled;
      }
      node->run(*this, dy);
    }
    node->~Node();
  }
}

void Tape::clear() {
  while (!nodes_.empty()) {
    nodes_.back()->~Node();
    nodes_.pop_back();
  }
  grads_.clear();
  keep_.clear();
  chunk_ = used_ = 0;
}

}  // namespace lathe::autograd
