// Decoding and reading prompts, beside the limits of the machine: over pages of keys and values, as the server does, and over a
// contiguous cache in lockstep, as evaluation does, in turn.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "model/transformer.h"
#include "ops/profiler.h"

namespace lathe::bench {

struct InferBenchOptions {
  std::string weights = "bf16";       // fp32, bf16, int8, int4
  std::vector<int64_t> streams = {1}; // sequences decoded together, for each row of the table
  int64_t prompt = 128;               // tokens of each stream
  int64_t new_tokens = 64;            // of each stream
  std::string kv = "full";            // full, int8: of the pages
};

// A model with random weights.
Result<model::ModelConfig> find_infer_preset(const std::string& name);

// Names and meaning of the figures: docs/cli.md. `model` must have its weights ready; it is quantized here when asked for.
// limits: of this machine and of the model's dtype, measured in the same process.
Result<Json> bench_infer(model::Transformer& model, const InferBenchOptions& options, const ops::Limits& limits);
// The figures as a card of the model and the machine and a table with a line for each number of streams.
std::string infer_card(const Json& figures);
std::string infer_table(const Json& figures);

}  // namespace lathe::bench
