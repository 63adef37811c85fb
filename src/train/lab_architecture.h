// The lab's architecture files (configs/lab/architectures/*.json): a LLaMA-like decoder by name, shape and vocabulary. Rows L-5.1 to
// L-5.8, L-15.12, L-15.13; contradiction C1: what is printed is the count of the shape, whatever the name promises.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "model/config.h"

namespace lathe::train {

struct LabArchitecture {
  std::string model_name;             // of the checkpoints' folder (row L-15.12)
  std::string description;
  int64_t n_layer = 6, d_model = 256, n_head = 4;
  int64_t num_key_value_heads = 0;    // 0: n_head
  int64_t head_dim = 0;               // 0: d_model / n_head; another value is an error
  int64_t d_ff = 0;                   // hidden width of the gated layer; 0: ffn_ratio * d_model (row L-5.2: no 8/3 shrink)
  double ffn_ratio = 4;
  int64_t vocab_size = 32768, sequence_length = 1024;
  double dropout = 0.1, layer_norm_epsilon = 1e-5, rope_theta = 10000;
  bool tie_word_embeddings = false;
  int64_t estimated_parameters = 0;   // 0: not said

  // Keys that start with "_" are comments; an unknown key, or values that do not fit together, is an error that names them.
  static Result<LabArchitecture> from_json(const Json& json, const std::string& path);
  Json to_json() const;
  Result<model::ModelConfig> model_config() const;
};

// Trained numbers of the shape, before anything is allocated (row L-5.5).
int64_t parameter_count(const LabArchitecture& architecture);
// A line that says the count, and one more where estimated_parameters is more than 5 % off.
struct ParameterLines {
  std::string count, warning;
};
ParameterLines parameter_lines(const LabArchitecture& architecture);

}  // namespace lathe::train
