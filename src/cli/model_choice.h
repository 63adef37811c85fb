// The flags of every verb that uses a trained model, and its loading.
#pragma once

#include "cli/verb.h"
#include "infer/sampler.h"
#include "train/load_model.h"

namespace lathe::cli {

struct ModelChoice {
  std::string source = "sft";
  int64_t step = -1;
  std::string weights = "full";  // full, int8, int4: as the products of inference read them
  infer::SamplingOptions sampling;
  int64_t max_tokens = 256;

  void describe(SettingsTable& table);
  // Takes the seed of the common flags, checks the sampling options, loads the model.
  Result<train::LoadedModel> load(const Context& context);
};

}  // namespace lathe::cli
