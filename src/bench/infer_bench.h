// Decoding and reading prompts, beside the limits of the machine.
#pragma once

#include <string>

#include "core/json.h"
#include "core/result.h"
#include "model/transformer.h"
#include "ops/profiler.h"

namespace lathe::bench {

struct InferBenchOptions {
  std::string weights = "bf16";  // fp32, bf16, int8, int4
  int64_t streams = 1;           // sequences decoded together
  int64_t prompt = 128;          // tokens, read once and copied to every stream
  int64_t new_tokens = 64;       // of each stream
};

std::vector<std::string> infer_preset_names();
// A model with random weights.
Result<model::ModelConfig> find_infer_preset(const std::string& name);

// Names and meaning of the figures: docs/cli.md. `model` must have its weights ready; it is quantized here when asked for.
// limits: of this machine and of the model's dtype, measured in the same process.
Result<Json> bench_infer(model::Transformer& model, const InferBenchOptions& options, const ops::Limits& limits);

}  // namespace lathe::bench
