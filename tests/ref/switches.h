// The small trainer's architecture switches in twelve combinations in which every pair of switches has every pair of values
// (the design of Plackett & Burman 1946, Biometrika 33: cyclic shifts of one row, and one row of zeros).
#pragma once

#include <array>
#include <string>
#include <vector>

#include "tests/ref/small_models.h"

namespace lathe::testing {

inline constexpr std::array<const char*, 9> kSwitches = {"rms",  "swiglu",    "rope",       "window", "qknorm",
                                                         "tied", "layerdrop", "checkpoint", "bias"};
struct SwitchedModel : SmallModel {
  std::array<bool, 9> on{};
  model::Recompute recompute = model::Recompute::kNone;
};

inline std::vector<SwitchedModel> switched_models(int64_t sequence_len, int64_t window = 4) {
  static constexpr int kRow[11] = {1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0};
  std::vector<SwitchedModel> out;
  for (size_t row = 0; row < 12; ++row) {
    SwitchedModel m;
    m.name = "all_off";
    for (size_t i = 0; i < kSwitches.size(); ++i) {
      m.on[i] = row < 11 && kRow[(row + i) % 11] == 1;
      if (m.on[i]) m.name = (m.name == "all_off" ? "" : m.name + "_") + kSwitches[i];
    }
    model::PlainSize size = small_plain(sequence_len, m.on[5]);
    size.n_layer = 3;
    size.n_kv_head = size.n_head;
    m.config = m.on[1] ? model::llama_config(size) : model::gpt2_config(size);
    m.config.norm = m.on[0] ? model::Norm::kRms : model::Norm::kLayer;
    m.config.mlp = m.on[1] ? model::Mlp::kSwiglu : model::Mlp::kGelu;
    m.config.positions = m.on[2] ? model::Positions::kRope : model::Positions::kLearned;
    m.config.sliding_window = m.on[3] ? window : 0;
    m.config.qk_norm = m.on[4];
    m.config.qk_norm_eps = m.on[4] ? 1e-3 : 0;
    m.config.layerdrop = m.on[6] ? 0.5 : 0;
    m.recompute = m.on[7] ? model::Recompute::kBlock : model::Recompute::kNone;
    m.config.attention_bias = m.config.mlp_bias = m.on[8];
    m.config.norm_bias = m.on[8] && !m.on[0];
    out.push_back(m);
  }
  return out;
}

}  // namespace lathe::testing
