// Norms of the gradients, layer by layer: which part of a model learns, stands still or bursts.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "optim/clip.h"

namespace lathe::train {

// The part of the model that a parameter belongs to: "layer_03" for block 3, else the name of its table or head ("wte", "lm_head").
std::string layer_of(std::string_view parameter);

// The norm of each part's gradients, parts in the order of `parameters`; those without a gradient are left out. Reads every gradient
// once: as dear as optim::gradient_norm, whose square is the sum of the squares of these.
std::vector<std::pair<std::string, double>> gradient_norms(ops::Context& ctx, std::span<autograd::Parameter* const> parameters);

}  // namespace lathe::train
