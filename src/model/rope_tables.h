// The rotary tables, in the reference's order of float32 operations (row C-3.13): inv_freq = 1 / base^(2j/D),
// angle = t * inv_freq, cos and sin; rounded to bfloat16 where the family says so; LLaMA 3's scaling, or all
// frequencies divided by one factor.
#pragma once

#include "model/config.h"
#include "tensor/tensor.h"

namespace lathe::model {

// scaling: rope_scaling, {} for layers with a base of their own.
std::vector<float> rope_inverse_frequencies(const ModelConfig& config, double base, const RopeScaling& scaling);
// Both (table_length, D/2) float32.
struct RopeTables {
  Tensor cosine, sine;
};
RopeTables make_rope_tables(const ModelConfig& config, double base, const RopeScaling& scaling);

}  // namespace lathe::model
