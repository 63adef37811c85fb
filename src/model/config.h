// The shape of a transformer, as values: the chat family (seed state, newest state, older state), LLaMA and its kin (Mistral,
// Qwen, Gemma, SmolLM) and GPT-2 are settings of one model, not classes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace lathe::model {

enum class Family { kChat, kLlama, kGpt2 };            // which tensor names and which initialisation
enum class Norm { kRms, kLayer };
enum class Positions { kRope, kLearned };
enum class Mlp { kReluSquared, kGelu, kGeluTanh, kSwiglu, kGeglu };  // the last two are gated: silu, tanh GELU
enum class ShortWindow { kHalf, kQuarter };             // row C-3.17, row C-3.44
enum class ChatState { kSeed, kNewest, kOld };          // rows C-3.1, C-3.38, C-3.35

enum class RopeStretch { kLlama3, kLinear };            // by wavelength, or all frequencies alike

struct RopeScaling {                                    // factor 0 = none
  RopeStretch stretch = RopeStretch::kLlama3;
  double factor = 0, low_freq_factor = 1, high_freq_factor = 4;
  int64_t original_length = 8192;
};

struct ModelConfig {
  Family family = Family::kChat;
  ChatState chat_state = ChatState::kSeed;

  int64_t sequence_len = 2048;
  int64_t vocab_size = 32768;     // not padded (row C-3.4)
  int64_t n_layer = 12;
  int64_t n_head = 6;             // H
  int64_t n_kv_head = 6;          // G
  int64_t n_embd = 768;           // C
  int64_t head_dim = 0;           // D; 0 = C / H
  int64_t mlp_hidden = 0;         // 0 = 4 C
  std::string window_pattern = "SSSL";
  ShortWindow short_window = ShortWindow::kHalf;
  int64_t vocab_multiple = 64;    // table rows are padded to a multiple of this

  Norm norm = Norm::kRms;
  bool norm_weight = false;       // learned scale
  bool norm_bias = false;         // LayerNorm only
  double norm_eps = 1.1920928955078125e-07;
  Mlp mlp = Mlp::kReluSquared;
  Positions positions = Positions::kRope;
  double rope_base = 10000;
  bool rope_bf16_tables = true;   // cos and sin rounded to bfloat16 (row C-3.13)
  int rope_direction = 1;         // +1 chat family, -1 LLaMA (row C-3.12)
  int64_t rope_length = 0;        // positions in the tables; 0 = 10 * sequence_len
  RopeScaling rope_scaling;
  bool attention_bias = false, mlp_bias = false;
  bool qkv_bias = false;          // biases of queries, keys and values alone (Qwen 2)
  bool tied_embeddings = false;
  double dropout = 0;             // embedding, attention weights (not in the chat family), residual branches
  double layerdrop = 0;           // chance that training skips a block (Fan et al. 2019, arXiv:1909.11556; row L-11.86)
  int64_t sliding_window = 0;     // every layer sees at most this many positions, its own included; 0 = no such limit
  bool scaled_init = true;        // not the chat family: row L-11.94
  double softcap = 15;            // of the logits, 0 = none

  // Not the chat family (arXiv:2408.00118, arXiv:2503.19786). layer_kinds: a letter for each layer, repeated: S has the
  // sliding window and, where it is set, its own rope base (unscaled); G sees all; N sees all without positions. Empty: every
  // layer has the window, if there is one.
  std::string layer_kinds;
  double rope_local_base = 0;     // of layers S; 0 = rope_base
  double attention_softcap = 0;   // of the scaled scores, 0 = none
  double query_scalar = 0;        // scores are divided by its root; 0 = head width
  bool norm_plus_one = false;     // norms multiply by 1 + weight
  bool post_norms = false;        // each half's output is normed before it is added
  bool scaled_embedding = false;  // embeddings times the root of the width, rounded to the activation dtype

  // RMSNorm of queries and keys per head. Chat family: after rope, without a weight (row C-3.11). Others: before rope, with a
  // weight per channel of a head (row L-11.92).
  bool qk_norm = true;
  double qk_norm_eps = 0;         // 0 = norm_eps

  // Chat family only.
  bool embedding_norm = true;     // x = norm(wte[ids]) (row C-3.6)
  double qk_scale = 1;            // 1.2 in the newest state (row C-3.42)
  bool lambdas = true;            // residual and x0 lambdas (row C-3.7)
  bool value_embeds = true;       // rows C-3.15, C-3.16
  int64_t gate_channels = 32;     // 12 in the newest state
  double gate_scale = 2;          // 3 in the newest state
  bool smear = false;             // row C-3.39
  bool backout = false;           // row C-3.41

  int64_t head_width() const { return head_dim > 0 ? head_dim : n_embd / n_head; }
  int64_t hidden() const { return mlp_hidden > 0 ? mlp_hidden : 4 * n_embd; }
  int64_t padded_vocab() const { return (vocab_size + vocab_multiple - 1) / vocab_multiple * vocab_multiple; }
  int64_t table_length() const { return rope_length > 0 ? rope_length : 10 * sequence_len; }
  bool gated_mlp() const { return mlp == Mlp::kSwiglu || mlp == Mlp::kGeglu; }
  // 'S', 'G' or 'N'; without layer_kinds 'S'.
  char layer_kind(int64_t layer) const;
  // The vocabulary becomes `tokens`, at most what it is; the rows of the tables stay as they are, without a logit (row C-3.4).
  void pad_vocabulary(int64_t tokens);
  bool has_value_embed(int64_t layer) const { return value_embeds && layer % 2 == (n_layer - 1) % 2; }

  // All constraints (rows C-3.3, C-3.16, C-3.17, ...); call before building a model from outside data.
  Status validate() const;
  double qk_eps() const { return qk_norm_eps > 0 ? qk_norm_eps : norm_eps; }
  // Window of a layer in earlier positions; -1 = all (rows C-3.17, C-3.18, L-11.90).
  int64_t window(int64_t layer) const;

  Json to_json() const;
  // Unknown keys are errors. Keys missing in an older chat checkpoint get that state's values (row C-6.10), each with a
  // log line.
  static Result<ModelConfig> from_json(const Json& json, const std::string& path);
};

// The chat family by the size rule of row C-3.30: C = depth * aspect_ratio rounded up to a multiple of head_dim.
struct ChatSize {
  int64_t depth = 20, aspect_ratio = 64, head_dim = 128, sequence_len = 2048, vocab_size = 32768;
  std::string window_pattern = "SSSL";
  ChatState state = ChatState::kSeed;
};
ModelConfig chat_config(const ChatSize& size);
void apply_chat_state(ModelConfig& config, ChatState state);

struct PlainSize {
  int64_t n_layer = 12, n_head = 12, n_kv_head = 12, n_embd = 768, mlp_hidden = 0, sequence_len = 1024, vocab_size = 50257;
  bool tied = false;
};
ModelConfig llama_config(const PlainSize& size);  // RMSNorm, rope, SwiGLU, no biases; Mistral, Qwen and Gemma are settings of it
ModelConfig gpt2_config(const PlainSize& size);   // LayerNorm, learned positions, tanh GELU, biases

}  // namespace lathe::model
