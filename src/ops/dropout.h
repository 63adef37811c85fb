// Inverted dropout with counter-based bits: element i of a call is dropped iff philox(i / 4, call) word i % 4 falls
// below rate * 2^32, so the mask depends on (key, call, i) only and the backward draws it again.
#pragma once

#include <array>

#include "ops/context.h"

namespace lathe::ops {

struct DropoutKey {
  std::array<uint32_t, 2> key{};  // rng_key(seed, "dropout")
  uint64_t call = 0;              // distinct for every use in a run: (step, micro step, rank, place)
};

// y = x * keep / (1 - rate). rate 0 returns x itself.
Tensor dropout(Context& ctx, const Tensor& x, float rate, DropoutKey key);
// dx may alias dy.
void dropout_backward(Context& ctx, const Tensor& dy, float rate, DropoutKey key, const Tensor& dx);

}  // namespace lathe::ops
