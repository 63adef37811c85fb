// Log-probabilities of tokens by the model itself: temperature 1, its whole vocabulary. They are the bits of the negative losses that
// Transformer::loss gives for the same text (decision 17, row L-10.8).
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "ops/context.h"
#include "tensor/tensor.h"

namespace lathe::infer {

// Of one row of logits: its largest, and log sum exp(z - largest).
struct LogSoftmax {
  float largest = 0, log_total = 0;
  float of(float logit) const { return -(log_total - (logit - largest)); }
};

// logits (1, V) float32; false when one is NaN or +infinity, or none is finite.
bool log_softmax(ops::Context& ctx, const Tensor& logits, LogSoftmax& out);
// The `count` most likely tokens, the lower id first among equals.
std::vector<std::pair<int32_t, float>> most_likely(std::span<const float> logits, const LogSoftmax& softmax, int64_t count);

}  // namespace lathe::infer
