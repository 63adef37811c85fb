// The fixed models of `lathe bench train` and their steps, so that figures stay comparable over time (docs/cli.md).
#pragma once

#include <string>
#include <vector>

#include "core/result.h"
#include "model/config.h"

namespace lathe::bench {

struct TrainPreset {
  std::string name;
  model::ModelConfig config;
  int64_t batch = 1, sequence_len = 1;
  bool muon = false;
};

std::vector<std::string> preset_names();
Result<TrainPreset> find_preset(const std::string& name);

}  // namespace lathe::bench
