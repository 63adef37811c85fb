// Tensor names of the families: the chat family's are the origin's (row C-3.27), LLaMA's are those of published
// checkpoints, and GPT-2 uses LLaMA-like separate projections (its fused c_attn is split on import).
#pragma once

#include <string>

#include "model/config.h"

namespace lathe::model {

enum class Part { kQuery, kKey, kValue, kAttentionOut, kValueGate, kFc, kUp, kMlpOut, kNorm1, kNorm2, kPostNorm1, kPostNorm2, kQueryNorm, kKeyNorm };
enum class Kind { kWeight, kBias };

class Names {
 public:
  explicit Names(const ModelConfig& config) : family_(config.family), post_norms_(config.post_norms) {}
  std::string embedding() const;
  std::string positions() const;
  std::string head() const;
  std::string final_norm(Kind kind) const;
  std::string value_embed(int64_t layer) const;
  std::string layer(int64_t layer, Part part, Kind kind) const;

 private:
  Family family_;
  bool post_norms_;  // the published name of the second norm changes its place with them
};

}  // namespace lathe::model
