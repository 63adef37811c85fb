// Between the tensors of ops and the float64 vectors of the references.
#pragma once

#include <cmath>
#include <string>

#include "core/rng.h"
#include "tensor/tensor.h"
#include "tests/ref/ops_ref.h"

namespace lathe::ops::test {

using ref::Values;

// fp32, bf16 or int32.
inline Tensor make_tensor(const Values& values, Shape shape, DType dtype) {
  require(static_cast<int64_t>(values.size()) == shape.elements(), "[test] ", values.size(), " values for ", shape);
  Tensor x = Tensor::empty(shape, dtype);
  for (size_t i = 0; i < values.size(); ++i) {
    if (dtype == DType::kFloat32) x.data<float>()[i] = static_cast<float>(values[i]);
    if (dtype == DType::kBFloat16) x.data<bf16>()[i] = bf16(static_cast<float>(values[i]));
    if (dtype == DType::kInt32) x.data<int32_t>()[i] = static_cast<int32_t>(values[i]);
  }
  return x;
}

inline Tensor make_indices(const ref::Indices& values) {
  return Tensor::of<int32_t>(std::span<const int32_t>(values), {static_cast<int64_t>(values.size())});
}

inline Values read_values(const Tensor& x) {
  Values values(static_cast<size_t>(x.elements()));
  for (size_t i = 0; i < values.size(); ++i) {
    if (x.dtype() == DType::kFloat32) values[i] = x.data<float>()[i];
    if (x.dtype() == DType::kBFloat16) values[i] = static_cast<double>(static_cast<float>(x.data<bf16>()[i]));
    if (x.dtype() == DType::kInt32) values[i] = x.data<int32_t>()[i];
  }
  return values;
}

inline ref::Indices to_indices(const Values& values) { return ref::Indices(values.begin(), values.end()); }

// Normal values that `dtype` holds exactly, the same on every call.
inline Values random_values(int64_t n, uint64_t seed, DType dtype, double size = 1) {
  Rng rng(seed, "test");
  Values values(static_cast<size_t>(n));
  for (double& value : values) {
    const auto single = static_cast<float>(size * rng.normal());
    value = static_cast<double>(dtype == DType::kBFloat16 ? round_to_bf16(single) : single);
  }
  return values;
}

}  // namespace lathe::ops::test
