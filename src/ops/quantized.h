// Linear layers with 8-bit or 4-bit weights, for inference: y = x W^T with W in groups of 32 along K that share a scale.
// Weights keep their codes in memory and become numbers in registers: a product of few rows reads 17/16 or 9/16 bytes a
// weight instead of 2. Activations stay bf16. The result of a row does not depend on the other rows (decision 17):
// every output is sum over groups, in order, of scale * (sum over the group of x * code), in float32.
// Codes as in GGUF's Q8_0 and Q4_0: 8 bits: scale = max |w| / 127; 4 bits: scale = (the w of largest magnitude) / -8, code - 8.
#pragma once

#include "ops/context.h"

namespace lathe::ops {

enum class WeightBits { kFour = 4, kEight = 8 };

inline constexpr int64_t kQuantizedGroup = 32;    // weights that share a scale
inline constexpr int64_t kQuantizedOutputs = 16;  // outputs of a panel

struct QuantizedMatrix {
  WeightBits bits = WeightBits::kEight;
  int64_t outputs = 0, inputs = 0;  // N, K; K a multiple of 32
  // (panels of 16 outputs, groups of 32 inputs, record) uint8. A record holds the codes of 16 pairs of inputs, each pair
  // as 16 outputs x 2 inputs, then 16 scales (half precision, one an output). Pairs p, p + 1 (p even) stand together. 8 bits:
  // a byte a code (-127 .. 127), eight codes of p and eight of p + 1 in turn. 4 bits: byte j holds code j of pair p in its low
  // half and that of p + 1 in its high half.
  Tensor records;
};

// Where a record holds the code of one output (of its 16) and input (of its 32): the byte, and how far it is shifted.
struct CodePlace {
  int64_t byte;
  int shift;
};
inline CodePlace code_place(WeightBits bits, int64_t output, int64_t input) {
  const int64_t pair = input / 2, word = output * 2 + input % 2;
  if (bits == WeightBits::kEight) return {pair / 2 * 64 + word / 8 * 16 + pair % 2 * 8 + word % 8, 0};
  return {pair / 2 * 32 + word, pair % 2 == 0 ? 0 : 4};
}

int64_t quantized_record_bytes(WeightBits bits);
bool can_be_quantized(const Shape& shape);  // two dimensions, K a multiple of 32

// w (N, K) bf16 or float32.
QuantizedMatrix quantize(const Tensor& w, WeightBits bits);
// The numbers that the codes stand for, (N, K) float32.
Tensor dequantize(const QuantizedMatrix& w);

// x (M, K) bf16. y (M, N) bf16 or float32.
void quantized_product(Context& ctx, const Tensor& x, const QuantizedMatrix& w, const Tensor& y);
// With bias (N) bf16 or empty; y (M, N) bf16.
Tensor linear(Context& ctx, const Tensor& x, const QuantizedMatrix& w, const Tensor& bias);

}  // namespace lathe::ops
