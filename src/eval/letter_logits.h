// Multiple choice by the logits of the letters alone: one forward pass, no sampling. Rows C-7.26, C-7.27, C-7.44.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "infer/engine.h"

namespace lathe::eval {

// The logits after each prompt of its letters, in their order. The origin fills prompts of a batch up to one length; here those of
// one length go together and none is filled up, so the bits depend on nothing but the prompt. Errors: an empty prompt or one longer
// than the model's positions, a letter that is not one token (row C-7.26), no letter, logits that are not finite.
Result<std::vector<std::vector<float>>> letter_logits(infer::Engine& engine, std::span<const std::vector<int32_t>> prompts,
                                                      std::span<const std::vector<std::string>> letters);

// The place of the largest, the first of equals.
size_t best_letter(std::span<const float> logits);

}  // namespace lathe::eval
