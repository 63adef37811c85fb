// The whole transformer in float64, slowly, from a config and named weights: the truth for losses and, through finite
// differences, for the gradients of every parameter. Tensor names and windows are spelled out here a second time.
#pragma once

#include <map>
#include <set>
#include <string>

#include "model/config.h"
#include "tests/ref/ops_ref.h"

namespace lathe::ref {

using Weights = std::map<std::string, Values>;

// ids: batch rows of equal length. Hidden states after the last norm, (N, C).
Values transformer(const model::ModelConfig& config, const Weights& weights, const Indices& ids, int64_t batch);
// (N, vocab_size), softcapped.
Values transformer_logits(const model::ModelConfig& config, const Weights& weights, const Indices& ids, int64_t batch);
// Mean over the targets that are not negative. skipped: blocks that are passed by.
double transformer_loss(const model::ModelConfig& config, const Weights& weights, const Indices& ids,
                        const Indices& targets, int64_t batch, const std::set<int64_t>& skipped = {});

}  // namespace lathe::ref
