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

struct GradientNorms {
  double all = 0;  // the bits of optim::gradient_norm
  std::vector<std::pair<std::string, double>> layers;  // parts in the order of the parameters; those without a gradient are left out
};
// Reads every gradient once: as dear as optim::gradient_norm.
GradientNorms gradient_norms(ops::Context& ctx, std::span<autograd::Parameter* const> parameters);

}  // namespace lathe::train
