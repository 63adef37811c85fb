#include "train/layer_norms.h"

#include <algorithm>
#include <cmath>

#include "core/text.h"
#include "ops/update.h"

namespace lathe::train {

std::string layer_of(std::string_view parameter) {
  const std::vector<std::string> words = split_text(parameter, '.');
  const auto is_number = [](const std::string& word) {
    return !word.empty() && word.size() < 10 && std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  for (size_t i = 1; i < words.size(); ++i)
    if (is_number(words[i]) && (words[i - 1] == "h" || words[i - 1] == "layers")) return format_text("layer_%02d", std::stoi(words[i]));
  for (auto word = words.rbegin(); word != words.rend(); ++word)
    if (*word != "weight" && *word != "bias" && !is_number(*word)) return *word;
  return std::string(parameter);
}

GradientNorms gradient_norms(ops::Context& ctx, std::span<autograd::Parameter* const> parameters) {
  GradientNorms norms;
  for (const autograd::Parameter* parameter : parameters) {
    if (!parameter->has_grad) continue;
    const double squares = ops::sum_of_squares(ctx, parameter->grad);
    norms.all += squares;
    const std::string layer = layer_of(parameter->name);
    auto found = std::find_if(norms.layers.begin(), norms.layers.end(), [&](const auto& norm) { return norm.first == layer; });
    if (found == norms.layers.end()) found = norms.layers.insert(norms.layers.end(), {layer, 0.0});
    found->second += squares;
  }
  norms.all = std::sqrt(norms.all);
  for (auto& norm : norms.layers) norm.second = std::sqrt(norm.second);
  return norms;
}

}  // namespace lathe::train
