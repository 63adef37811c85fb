// Learning rates of the stages after pre-training: the base's rules without batch scaling (rows C-8.3, C-9.13).
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>

#include "core/result.h"
#include "train/base_settings.h"

namespace lathe::cli {

struct StageRates {
  double embedding = 0, unembedding = 0, matrix = 0;  // before init_lr_frac
  double weight_decay = 0;                            // Muon
  double init_lr_frac = 1;                            // scales all rates
  std::string muon_dtype;
};

// None may be negative: the run would climb its loss. The error names the flag.
Status check_rates(std::initializer_list<std::pair<const char*, double>> rates);
Status check(const StageRates& rates);

std::unique_ptr<optim::Optimizer> make_stage_optimizer(const StageRates& rates, const model::Transformer& model, dist::Communicator* ranks);

}  // namespace lathe::cli
