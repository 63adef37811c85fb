// Tensor: a shared handle on dense row-major memory with dtype, shape and device. Copying a Tensor shares the memory;
// the last handle returns it to its arena (or to the system). Not thread-safe: one thread builds and drops tensors,
// kernels only see pointers. Views (reshape, rows) share memory; there are no strides.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "core/check.h"
#include "tensor/arena.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace lathe {

// Throws "[tensor] ..." when the product overflows.
int64_t byte_size(const Shape& shape, DType dtype);

class Tensor {
 public:
  Tensor() = default;  // empty: no memory, false in conditions
  Tensor(const Tensor& other);
  Tensor(Tensor&& other) noexcept;
  Tensor& operator=(Tensor other) noexcept;
  ~Tensor();

  // Memory from the system, not initialised / zero. Aligned to Arena::kAlignment.
  static Tensor empty(Shape shape, DType dtype, Device device = Device::kCpu);
  static Tensor zeros(Shape shape, DType dtype, Device device = Device::kCpu);
  // Memory from an arena, which must outlive the tensor. Not initialised.
  static Tensor from_arena(Arena& arena, Shape shape, DType dtype);
  // Foreign memory that outlives the tensor (a memory map, a caller's buffer).
  static Tensor borrow(void* data, Shape shape, DType dtype);
  template <class T>
  static Tensor of(std::span<const T> values, Shape shape);  // copies

  explicit operator bool() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  int64_t dim(int i) const { return shape_[i]; }
  int64_t elements() const { return shape_.elements(); }
  int64_t bytes() const { return byte_size(shape_, dtype_); }
  DType dtype() const { return dtype_; }
  Device device() const;
  bool is_unique() const;  // no other handle shares the memory

  void* raw() const { return data_; }  // null on the meta device
  template <class T>
  T* data() const {
    require(dtype_ == DTypeOf<T>::value, "[tensor] data of another dtype than ", dtype_name(dtype_), " was asked for");
    return static_cast<T*>(data_);
  }
  template <class T>
  std::span<T> span() const { return {data<T>(), static_cast<size_t>(elements())}; }

  Tensor reshape(Shape shape) const;                     // the same number of elements
  Tensor rows(int64_t begin, int64_t end) const;         // along the first dimension
  void fill_zero() const;
  void copy_from(const Tensor& other) const;             // same shape and dtype
  Tensor clone() const;                                  // in system memory
  Tensor to(DType dtype) const;                          // converted copy in system memory (fp32, bf16, fp64)

 private:
  struct Storage;
  Tensor(Storage* storage, void* data, Shape shape, DType dtype);
  Storage* storage_ = nullptr;  // intrusive count
  void* data_ = nullptr;
  Shape shape_;
  DType dtype_ = DType::kFloat32;
};

template <class T>
Tensor Tensor::of(std::span<const T> values, Shape shape) {
  require(static_cast<int64_t>(values.size()) == shape.elements(), "[tensor] ", values.size(), " values for shape ", shape);
  Tensor tensor = empty(shape, DTypeOf<T>::value);
  std::copy(values.begin(), values.end(), tensor.data<T>());
  return tensor;
}

}  // namespace lathe
