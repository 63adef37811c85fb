#include "ops/quantized.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "ops/kernels.h"
#include "ops/linear.h"
#include "ops/profiler.h"
#include "tensor/half.h"

namespace lathe::ops {
namespace {

float at(const Tensor& w, int64_t index) {
  return w.dtype() == DType::kBFloat16 ? static_cast<float>(w.data<bf16>()[index]) : w.data<float>()[index];
}

// The scale of one group (rounded to what the record holds) as the file formats choose it.
uint16_t scale_of(const float* group, WeightBits bits) {
  float largest = 0;
  for (int64_t i = 0; i < kQuantizedGroup; ++i)
    if (std::abs(group[i]) > std::abs(largest)) largest = group[i];
  constexpr float kLargestHalf = 65504;
  const float scale = bits == WeightBits::kEight ? std::abs(largest) / 127.0f : largest / -8.0f;
  return float_to_half(std::clamp(scale, -kLargestHalf, kLargestHalf));
}

uint8_t code_of(float value, float scale, WeightBits bits) {
  const float steps = scale == 0 ? 0.0f : value / scale;
  if (bits == WeightBits::kEight) return static_cast<uint8_t>(static_cast<int8_t>(std::clamp(std::nearbyint(steps), -127.0f, 127.0f)));
  return static_cast<uint8_t>(std::clamp(std::nearbyint(steps), -8.0f, 7.0f) + 8.0f);
}

}  // namespace

int64_t quantized_record_bytes(WeightBits bits) {
  return kQuantizedOutputs * (kQuantizedGroup * static_cast<int64_t>(bits) / 8 + 2);
}

bool can_be_quantized(const Shape& shape) { return shape.rank() == 2 && shape[1] > 0 && shape[1] % kQuantizedGroup == 0; }

QuantizedMatrix quantize(const Tensor& w, WeightBits bits) {
  require_activation("[quantize]", w);
  require(can_be_quantized(w.shape()), "[quantize] w ", w.shape(), " must be (N, K) with K a multiple of ", kQuantizedGroup);
  QuantizedMatrix out;
  out.bits = bits;
  out.outputs = w.dim(0), out.inputs = w.dim(1);
  const int64_t panels = (out.outputs + kQuantizedOutputs - 1) / kQuantizedOutputs, groups = out.inputs / kQuantizedGroup;
  const int64_t record_bytes = quantized_record_bytes(bits);
  out.records = Tensor::zeros({panels, groups, record_bytes}, DType::kUInt8);
  parallel_for(panels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) {
      for (int64_t g = 0; g < groups; ++g) {
        uint8_t* record = out.records.data<uint8_t>() + (panel * groups + g) * record_bytes;
        for (int64_t lane = 0; lane < kQuantizedOutputs; ++lane) {
          const int64_t n = panel * kQuantizedOutputs + lane;
          float group[kQuantizedGroup] = {};
          for (int64_t i = 0; n < out.outputs && i < kQuantizedGroup; ++i) group[i] = at(w, n * out.inputs + g * kQuantizedGroup + i);
          const uint16_t half = scale_of(group, bits);
          const float scale = half_to_float(half);
          for (int64_t i = 0; i < kQuantizedGroup; ++i) {
            const CodePlace place = code_place(bits, lane, i);
            record[place.byte] = static_cast<uint8_t>(record[place.byte] | code_of(group[i], scale, bits) << place.shift);
          }
          uint8_t* scales = record + record_bytes - 2 * kQuantizedOutputs + 2 * lane;
          scales[0] = static_cast<uint8_t>(half & 0xFF), scales[1] = static_cast<uint8_t>(half >> 8);
        }
      }
    }
  });
  return out;
}

Tensor dequantize(const QuantizedMatrix& w) {
  Tensor out = Tensor::empty({w.outputs, w.inputs}, DType::kFloat32);
  const int64_t groups = w.inputs / kQuantizedGroup, record_bytes = quantized_record_bytes(w.bits);
  for (int64_t n = 0; n < w.outputs; ++n) {
    for (int64_t k = 0; k < w.inputs; ++k) {
      const int64_t lane = n % kQuantizedOutputs;
      const uint8_t* record = w.records.data<uint8_t>() + (n / kQuantizedOutputs * groups + k / kQuantizedGroup) * record_bytes;
      const CodePlace place = code_place(w.bits, lane, k % kQuantizedGroup);
      const uint8_t* scales = record + record_bytes - 2 * kQuantizedOutputs + 2 * lane;
      const float scale = half_to_float(static_cast<uint16_t>(scales[0] | scales[1] << 8));
      const int code = w.bits == WeightBits::kEight ? static_cast<int8_t>(record[place.byte]) : (record[place.byte] >> place.shift & 15) - 8;
      out.data<float>()[n * w.inputs + k] = scale * static_cast<float>(code);
    }
  }
  return out;
}

void quantized_product(Context& ctx, const Tensor& x, const QuantizedMatrix& w, const Tensor& y) {
  require(x.rank() == 2 && x.dtype() == DType::kBFloat16 && x.dim(1) == w.inputs, "[quantized_product] x ", x.shape(), " ",
          dtype_name(x.dtype()), " must be (M, ", w.inputs, ") bf16");
  require(y.rank() == 2 && y.dim(0) == x.dim(0) && y.dim(1) == w.outputs && (y.dtype() == DType::kBFloat16 || y.dtype() == DType::kFloat32),
          "[quantized_product] y ", y.shape(), " must be (", x.dim(0), ", ", w.outputs, ")");
  const Timed timed(ctx, w.bits == WeightBits::kEight ? "product_int8" : "product_int4",
                    2 * static_cast<double>(x.dim(0)) * static_cast<double>(w.outputs) * static_cast<double>(w.inputs), bytes_of(x, w.records, y));
  if (!ctx.meta() && x.dim(0) > 0) kernels_of(ctx.device()).quantized_product(x, w, y);
}

Tensor linear(Context& ctx, const Tensor& x, const QuantizedMatrix& w, const Tensor& bias) {
  Tensor y = ctx.empty({x.dim(0), w.outputs}, x.dtype());
  quantized_product(ctx, x, w, y);
  if (bias) add_bias(ctx, y, bias);
  return y;
}

}  // namespace lathe::ops
