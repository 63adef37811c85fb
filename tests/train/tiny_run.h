// A base folder with a tiny trained-model checkpoint in it, for tests of whatever loads one.
#pragma once

#include <string>
#include <vector>

#include "tests/ref/testing.h"
#include "train/checkpoint.h"
#include "train/load_model.h"

namespace lathe::testing {

// All bytes, the extra tokens, and the chat markers.
inline tokenizer::Tokenizer tiny_tokenizer(const std::vector<std::string>& extra = {}) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  tokens.insert(tokens.end(), extra.begin(), extra.end());
  return take(tokenizer::Tokenizer::from_tokens(tokens));
}

inline model::ModelConfig tiny_config(int64_t vocab_size, int64_t sequence_len = 64) {
  model::ModelConfig config;
  config.sequence_len = sequence_len;
  config.vocab_size = vocab_size;
  config.n_layer = 2;
  config.n_head = config.n_kv_head = 2;
  config.n_embd = 32;
  return config;
}

// Saves a model whose weights are drawn from `seed`; returns the run folder.
inline std::filesystem::path save_tiny(const std::filesystem::path& base, const std::string& source, const std::string& tag,
                                       int64_t step, const tokenizer::Tokenizer& tokenizer, uint64_t seed = 1) {
  const model::ModelConfig config = tiny_config(tokenizer.vocab_size());
  model::Transformer model(config, DType::kFloat32);
  model.initialise(seed);
  train::CheckpointMeta meta;
  meta.step = step;
  meta.stage = source;
  meta.tokenizer_hash = tokenizer.hash();
  meta.model_config = config.to_json();
  meta.user_config = Json::object();
  meta.val_bpb = 1.5;
  const std::filesystem::path run = take(train::checkpoint_root(base, source)) / tag;
  check(train::save_checkpoint(run, meta, train::ModelWeights(model), nullptr));
  return run;
}

}  // namespace lathe::testing
