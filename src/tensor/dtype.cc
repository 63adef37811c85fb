#include "tensor/dtype.h"

#include "core/check.h"

namespace lathe {

int64_t dtype_size(DType dtype) {
  switch (dtype) {
    case DType::kFloat32: return 4;
    case DType::kBFloat16: return 2;
    case DType::kInt32: return 4;
    case DType::kUInt8: return 1;
    case DType::kFloat64: return 8;
    case DType::kInt64: return 8;
    case DType::kFloat16: return 2;
  }
  LATHE_CHECK(false, "dtype ", static_cast<int>(dtype));
  return 0;
}

const char* dtype_name(DType dtype) {
  switch (dtype) {
    case DType::kFloat32: return "fp32";
    case DType::kBFloat16: return "bf16";
    case DType::kInt32: return "int32";
    case DType::kUInt8: return "uint8";
    case DType::kFloat64: return "fp64";
    case DType::kInt64: return "int64";
    case DType::kFloat16: return "fp16";
  }
  return "?";
}

Result<DType> parse_dtype(std::string_view name) {
  if (name == "fp32" || name == "float32" || name == "F32") return DType::kFloat32;
  if (name == "bf16" || name == "bfloat16" || name == "BF16") return DType::kBFloat16;
  if (name == "fp16" || name == "float16" || name == "F16") return DType::kFloat16;
  if (name == "int32" || name == "I32") return DType::kInt32;
  if (name == "uint8" || name == "U8") return DType::kUInt8;
  if (name == "fp64" || name == "float64" || name == "F64") return DType::kFloat64;
  if (name == "int64" || name == "I64") return DType::kInt64;
  return error("unknown dtype \"", name, "\"; use fp32 or bf16");
}

}  // namespace lathe
