// Element types. fp16 occurs in files alone (tensor/half.h). bf16 is storage only: kernels load it to float, sum in float or wider, and round once on store.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#include "core/result.h"

namespace lathe {

enum class DType { kFloat32, kBFloat16, kInt32, kUInt8, kFloat64, kInt64, kFloat16 };

int64_t dtype_size(DType dtype);               // bytes
const char* dtype_name(DType dtype);           // "fp32", "bf16", "int32", "uint8", "fp64", "int64", "fp16"
Result<DType> parse_dtype(std::string_view name);  // those, and float32, bfloat16, F32, BF16, ...

// The upper half of a float32.
struct bf16 {
  uint16_t bits = 0;
  bf16() = default;
  // Round to nearest, ties to even; NaN stays NaN.
  explicit bf16(float value) {
    const uint32_t u = std::bit_cast<uint32_t>(value);
    if ((u & 0x7FFFFFFFu) > 0x7F800000u)
      bits = static_cast<uint16_t>((u >> 16) | 0x40);
    else
      bits = static_cast<uint16_t>((u + 0x7FFFu + ((u >> 16) & 1)) >> 16);
  }
  explicit operator float() const { return std::bit_cast<float>(uint32_t{bits} << 16); }
};

inline float round_to_bf16(float value) { return static_cast<float>(bf16(value)); }

template <class T> struct DTypeOf;
template <> struct DTypeOf<float> { static constexpr DType value = DType::kFloat32; };
template <> struct DTypeOf<bf16> { static constexpr DType value = DType::kBFloat16; };
template <> struct DTypeOf<int32_t> { static constexpr DType value = DType::kInt32; };
template <> struct DTypeOf<uint8_t> { static constexpr DType value = DType::kUInt8; };
template <> struct DTypeOf<double> { static constexpr DType value = DType::kFloat64; };
template <> struct DTypeOf<int64_t> { static constexpr DType value = DType::kInt64; };

}  // namespace lathe
