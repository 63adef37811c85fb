// Small models of every family with random weights, none of them zero, for tests of the model as a whole.
#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "core/rng.h"
#include "model/transformer.h"
#include "tests/ref/testing.h"

namespace lathe::testing {

struct SmallModel {
  std::string name;
  model::ModelConfig config;
};

inline model::ModelConfig small_chat(model::ChatState state, int64_t sequence_len) {
  model::ModelConfig c;
  model::apply_chat_state(c, state);
  c.sequence_len = sequence_len;
  c.vocab_size = 27;
  c.n_layer = 3;
  c.n_head = 4;
  c.n_kv_head = 2;
  c.n_embd = 32;
  if (state != model::ChatState::kOld) c.window_pattern = "SL";
  return c;
}

inline model::PlainSize small_plain(int64_t sequence_len, bool tied) {
  model::PlainSize size;
  size.n_layer = 2;
  size.n_head = 4;
  size.n_kv_head = 2;
  size.n_embd = 24;
  size.mlp_hidden = 40;
  size.sequence_len = sequence_len;
  size.vocab_size = 27;
  size.tied = tied;
  return size;
}

// Qwen 2 with Mistral's window; Qwen 3; Gemma 2; Gemma 3; SmolLM 3 with its layers without positions.
inline std::vector<SmallModel> small_kin(int64_t sequence_len) {
  const auto llama = [&](bool tied, int64_t layers) {
    model::PlainSize size = small_plain(sequence_len, tied);
    size.n_layer = layers;
    return model::llama_config(size);
  };
  model::ModelConfig qwen2 = llama(false, 2), qwen3 = llama(true, 2), gemma2 = llama(true, 2), gemma3 = llama(true, 3),
                     smollm3 = llama(true, 3);
  qwen2.qkv_bias = true;
  qwen2.sliding_window = 5;
  qwen3.head_dim = 10;
  qwen3.qk_norm = true;
  gemma2.head_dim = gemma3.head_dim = 10;
  for (model::ModelConfig* gemma : {&gemma2, &gemma3}) {
    gemma->mlp = model::Mlp::kGeglu;
    gemma->norm_plus_one = gemma->post_norms = gemma->scaled_embedding = true;
    gemma->query_scalar = 7;
    gemma->sliding_window = 4;
  }
  gemma2.layer_kinds = "SG";
  gemma2.attention_softcap = 2;
  gemma2.softcap = 3;
  gemma3.layer_kinds = "SSG";
  gemma3.qk_norm = true;
  gemma3.rope_base = 100000;
  gemma3.rope_local_base = 1000;
  gemma3.rope_scaling.stretch = model::RopeStretch::kLinear;
  gemma3.rope_scaling.factor = 4;
  smollm3.layer_kinds = "GNG";
  return {{"qwen2", qwen2}, {"qwen3", qwen3}, {"gemma2", gemma2}, {"gemma3", gemma3}, {"smollm3", smollm3}};
}

// Chat: seed, newest, old state; LLaMA with grouped heads, untied and tied; GPT-2; LLaMA's kin. Windows of the chat models are
// sequence_len and half of it (newest: 128 per 512).
inline std::vector<SmallModel> small_models(int64_t sequence_len) {
  using model::ChatState;
  model::PlainSize gpt2 = small_plain(sequence_len, true);
  gpt2.n_kv_head = gpt2.n_head;
  std::vector<SmallModel> out = {{"seed", small_chat(ChatState::kSeed, sequence_len)},
                                 {"newest", small_chat(ChatState::kNewest, sequence_len)},
                                 {"old", small_chat(ChatState::kOld, sequence_len)},
                                 {"llama", model::llama_config(small_plain(sequence_len, false))},
                                 {"llama_tied", model::llama_config(small_plain(sequence_len, true))},
                                 {"gpt2", model::gpt2_config(gpt2)}};
  for (SmallModel& kin : small_kin(sequence_len)) out.push_back(std::move(kin));
  return out;
}

// Initial weights plus noise on every tensor, so that none is zero and every gradient is alive.
inline std::unique_ptr<model::Transformer> random_model(const model::ModelConfig& config, DType dtype,
                                                        bool with_gradients = false) {
  auto model = std::make_unique<model::Transformer>(config, dtype, Device::kCpu, with_gradients);
  model->initialise(7);
  for (autograd::Parameter* p : model->parameters()) {
    Rng rng(11, p->name);
    const double deviation = p->value.rank() == 2 ? 0.6 / std::sqrt(static_cast<double>(p->value.dim(1))) : 0.25;
    for (float& x : p->value.span<float>()) x += static_cast<float>(deviation * rng.normal());
  }
  model->refresh_compute();
  return model;
}

inline Tensor random_ids(int64_t n, int64_t vocab_size, uint64_t seed) {
  Rng rng(seed, "ids");
  Tensor ids = Tensor::empty({n}, DType::kInt32);
  for (int32_t& id : ids.span<int32_t>()) id = static_cast<int32_t>(rng.below(static_cast<uint64_t>(vocab_size)));
  return ids;
}

}  // namespace lathe::testing
