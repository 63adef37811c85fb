#include "ops/context.h"

namespace lathe::ops {

void require_activation(const char* op, const Tensor& x) {
  require(static_cast<bool>(x), op, " an operand is empty");
  require(x.dtype() == DType::kFloat32 || x.dtype() == DType::kBFloat16, op, " needs fp32 or bf16, got ", dtype_name(x.dtype()));
}

void require_tensor(const char* op, const char* name, const Tensor& x, const Shape& shape, DType dtype) {
  require(static_cast<bool>(x), op, " ", name, " is empty");
  require(x.shape() == shape && x.dtype() == dtype, op, " ", name, " must be ", shape, " ", dtype_name(dtype), ", got ", x.shape(), " ",
          dtype_name(x.dtype()));
}

void require_indices(const char* op, const char* name, const Tensor& x, const Shape& shape, int64_t limit) {
  require_tensor(op, name, x, shape, DType::kInt32);
  if (x.device() != Device::kCpu) return;
  const auto values = x.span<int32_t>();
  for (size_t i = 0; i < values.size(); ++i)
    require(values[i] >= 0 && values[i] < limit, op, " ", name, "[", i, "] is ", values[i], ", outside 0 .. ", limit - 1);
}

}  // namespace lathe::ops
