// What an op needs besides its operands: the device, the arena that results come from. One Context per engine or
// training run; not thread-safe (ops use all threads inside). On Device::kMeta ops only compute shapes.
//
// Conventions of all ops. Activations are fp32 or bf16 ("the activation dtype"); sums are float32 or wider and are
// rounded once on store. A weight operand has the activation dtype; gradients of weights are float32 and are ADDED to;
// gradients of activations are overwritten unless said otherwise. Results are the same bits for any number of threads,
// and a row's result never depends on the other rows (decision 17). Wrong shapes or dtypes throw std::invalid_argument
// whose text starts with "[op]". Letters: N rows (= B*T), C width, H query heads, G key/value heads, D head width.
#pragma once

#include "tensor/tensor.h"

namespace lathe::ops {

class Profiler;

class Context {
 public:
  explicit Context(Device device = Device::kCpu) : arena_(device) {}

  Device device() const { return arena_.device(); }
  bool meta() const { return device() == Device::kMeta; }
  Arena& arena() { return arena_; }
  // Measures every op (ops/profiler.h); null: none does. Not owned.
  Profiler* profiler() const { return profiler_; }
  void set_profiler(Profiler* profiler) { profiler_ = profiler; }

  Tensor empty(Shape shape, DType dtype) { return Tensor::from_arena(arena_, shape, dtype); }
  Tensor empty_like(const Tensor& x) { return empty(x.shape(), x.dtype()); }
  Tensor zeros(Shape shape, DType dtype) {
    Tensor x = empty(shape, dtype);
    x.fill_zero();
    return x;
  }

 private:
  Arena arena_;
  Profiler* profiler_ = nullptr;
};

// Throws "[op] ..." unless x has an activation dtype.
void require_activation(const char* op, const Tensor& x);
// Throws unless `x` has this shape and dtype.
void require_tensor(const char* op, const char* name, const Tensor& x, const Shape& shape, DType dtype);
// Throws unless `x` is int32 of this shape and every value lies in [0, limit); values are looked at on the CPU only.
void require_indices(const char* op, const char* name, const Tensor& x, const Shape& shape, int64_t limit);

}  // namespace lathe::ops
