#include "tensor/tensor.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "tensor/half.h"

namespace lathe {

int64_t byte_size(const Shape& shape, DType dtype) {
  int64_t bytes = 0;
  require(!__builtin_mul_overflow(shape.elements(), dtype_size(dtype), &bytes), "[tensor] the size of ", shape, " ", dtype_name(dtype),
          " overflows");
  return bytes;
}

// Control blocks come from a free list of the thread, so that dropping and making tensors in steady state asks the system for
// nothing. The list goes with its thread; a tensor that is dropped later still (a static, another thread_local) is freed at once.
struct Tensor::Storage {
  int64_t count = 1;
  Arena* arena = nullptr;
  Arena::Block block;
  void* owned = nullptr;
  Device device = Device::kCpu;
  Storage* next = nullptr;

  struct FreeList {
    Storage* head = nullptr;
    bool ended = false;
  };
  struct EndOfThread {
    ~EndOfThread() {
      FreeList& list = free_list();
      list.ended = true;
      while (Storage* first = list.head) {
        list.head = first->next;
        delete first;
      }
    }
  };
  static FreeList& free_list() {
    constinit thread_local FreeList list;  // has no destructor of its own: may be looked at to the very end
    return list;
  }
  static Storage* make() {
    FreeList& list = free_list();
    if (list.head == nullptr) return new Storage();
    Storage* storage = std::exchange(list.head, list.head->next);
    *storage = Storage();
    return storage;
  }
  void drop() {
    if (--count > 0) return;
    if (arena != nullptr) arena->release(block);
    std::free(owned);
    FreeList& list = free_list();
    if (list.ended) {
      delete this;
      return;
    }
    thread_local EndOfThread end_of_thread;
    next = std::exchange(list.head, this);
  }
};

Tensor::Tensor(Storage* storage, void* data, Shape shape, DType dtype)
    : storage_(storage), data_(data), shape_(shape), dtype_(dtype) {}

Tensor::Tensor(const Tensor& other)
    : storage_(other.storage_), data_(other.data_), shape_(other.shape_), dtype_(other.dtype_) {
  if (storage_) ++storage_->count;
}

Tensor::Tensor(Tensor&& other) noexcept
    : storage_(std::exchange(other.storage_, nullptr)),
      data_(std::exchange(other.data_, nullptr)),
      shape_(other.shape_),
      dtype_(other.dtype_) {}

Tensor& Tensor::operator=(Tensor other) noexcept {
  std::swap(storage_, other.storage_);
  std::swap(data_, other.data_);
  std::swap(shape_, other.shape_);
  std::swap(dtype_, other.dtype_);
  return *this;
}

Tensor::~Tensor() {
  if (storage_) storage_->drop();
}

Tensor Tensor::empty(Shape shape, DType dtype, Device device) {
  require(device != Device::kCuda, "[tensor] this build has no CUDA");
  const int64_t bytes = std::max<int64_t>(byte_size(shape, dtype), 1);
  Storage* storage = Storage::make();
  storage->device = device;
  if (device == Device::kCpu) {
    const int64_t rounded = (bytes + Arena::kAlignment - 1) / Arena::kAlignment * Arena::kAlignment;
    storage->owned = std::aligned_alloc(static_cast<size_t>(Arena::kAlignment), static_cast<size_t>(rounded));
    if (storage->owned == nullptr) throw std::bad_alloc();
  }
  return Tensor(storage, storage->owned, shape, dtype);
}

Tensor Tensor::zeros(Shape shape, DType dtype, Device device) {
  Tensor tensor = empty(shape, dtype, device);
  tensor.fill_zero();
  return tensor;
}

Tensor Tensor::from_arena(Arena& arena, Shape shape, DType dtype) {
  const int64_t bytes = byte_size(shape, dtype);
  Storage* storage = Storage::make();
  storage->arena = &arena;
  storage->device = arena.device();
  storage->block = arena.allocate(bytes);
  return Tensor(storage, storage->block.data, shape, dtype);
}

Tensor Tensor::borrow(void* data, Shape shape, DType dtype) { return Tensor(Storage::make(), data, shape, dtype); }

Device Tensor::device() const { return storage_ ? storage_->device : Device::kCpu; }

bool Tensor::is_unique() const { return storage_ != nullptr && storage_->count == 1; }

Tensor Tensor::reshape(Shape shape) const {
  require(shape.elements() == elements(), "[tensor] reshape of ", shape_, " to ", shape);
  Tensor view = *this;
  view.shape_ = shape;
  return view;
}

Tensor Tensor::rows(int64_t begin, int64_t end) const {
  require(rank() >= 1 && begin >= 0 && begin <= end && end <= dim(0), "[tensor] rows ", begin, " to ", end, " of ", shape_);
  Tensor view = *this;
  Shape shape{end - begin};
  for (int i = 1; i < rank(); ++i) shape.append(shape_[i]);
  view.shape_ = shape;
  const int64_t row_bytes = dim(0) > 0 ? bytes() / dim(0) : 0;
  if (data_) view.data_ = static_cast<std::byte*>(data_) + begin * row_bytes;
  return view;
}

void Tensor::fill_zero() const {
  if (data_) std::memset(data_, 0, static_cast<size_t>(bytes()));
}

void Tensor::copy_from(const Tensor& other) const {
  require(shape_ == other.shape_ && dtype_ == other.dtype_, "[tensor] copy of ", other.shape_, " ", dtype_name(other.dtype_),
          " into ", shape_, " ", dtype_name(dtype_));
  if (data_ && other.data_) std::memcpy(data_, other.data_, static_cast<size_t>(bytes()));
}

Tensor Tensor::clone() const {
  Tensor copy = empty(shape_, dtype_, device());
  copy.copy_from(*this);
  return copy;
}

namespace {
template <class From, class To>
void convert(const From* from, To* to, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    if constexpr (std::is_same_v<To, double> || std::is_same_v<From, double>)
      to[i] = static_cast<To>(from[i]);
    else
      to[i] = static_cast<To>(static_cast<float>(from[i]));
  }
}
}  // namespace

Tensor Tensor::to(DType dtype) const {
  if (dtype == dtype_) return clone();
  Tensor out = empty(shape_, dtype, device());
  if (!data_) return out;
  const int64_t n = elements();
  if (dtype_ == DType::kFloat32 && dtype == DType::kBFloat16) convert(data<float>(), out.data<bf16>(), n);
  else if (dtype_ == DType::kBFloat16 && dtype == DType::kFloat32) convert(data<bf16>(), out.data<float>(), n);
  else if (dtype_ == DType::kFloat32 && dtype == DType::kFloat64) convert(data<float>(), out.data<double>(), n);
  else if (dtype_ == DType::kFloat64 && dtype == DType::kFloat32) convert(data<double>(), out.data<float>(), n);
  else if (dtype_ == DType::kFloat16 && dtype == DType::kFloat32) {
    const auto* from = static_cast<const uint16_t*>(raw());
    for (int64_t i = 0; i < n; ++i) out.data<float>()[i] = half_to_float(from[i]);
  } else if (dtype_ == DType::kFloat32 && dtype == DType::kFloat16) {
    auto* to = static_cast<uint16_t*>(out.raw());
    for (int64_t i = 0; i < n; ++i) to[i] = float_to_half(data<float>()[i]);
  } else require(false, "[tensor] no conversion from ", dtype_name(dtype_), " to ", dtype_name(dtype));
  return out;
}

}  // namespace lathe
