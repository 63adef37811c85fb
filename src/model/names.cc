#include "model/names.h"

#include "core/text.h"

namespace lathe::model {
namespace {

const char* ending(Kind kind) { return kind == Kind::kWeight ? ".weight" : ".bias"; }

const char* chat_part(Part part) {
  switch (part) {
    case Part::kQuery: return "attn.c_q";
    case Part::kKey: return "attn.c_k";
    case Part::kValue: return "attn.c_v";
    case Part::kAttentionOut: return "attn.c_proj";
    case Part::kValueGate: return "attn.ve_gate";
    case Part::kFc: return "mlp.c_fc";
    case Part::kUp: return "mlp.c_up";
    case Part::kMlpOut: return "mlp.c_proj";
    case Part::kNorm1: return "ln_1";
    case Part::kNorm2: return "ln_2";
    case Part::kPostNorm1: return "post_ln_1";
    case Part::kPostNorm2: return "post_ln_2";
    case Part::kQueryNorm: return "attn.q_norm";
    case Part::kKeyNorm: return "attn.k_norm";
  }
  return "?";
}

const char* llama_part(Part part, bool post_norms) {
  switch (part) {
    case Part::kQuery: return "self_attn.q_proj";
    case Part::kKey: return "self_attn.k_proj";
    case Part::kValue: return "self_attn.v_proj";
    case Part::kAttentionOut: return "self_attn.o_proj";
    case Part::kValueGate: return "self_attn.ve_gate";
    case Part::kFc: return "mlp.gate_proj";
    case Part::kUp: return "mlp.up_proj";
    case Part::kMlpOut: return "mlp.down_proj";
    case Part::kNorm1: return "input_layernorm";
    case Part::kNorm2: return post_norms ? "pre_feedforward_layernorm" : "post_attention_layernorm";
    case Part::kPostNorm1: return "post_attention_layernorm";
    case Part::kPostNorm2: return "post_feedforward_layernorm";
    case Part::kQueryNorm: return "self_attn.q_norm";
    case Part::kKeyNorm: return "self_attn.k_norm";
  }
  return "?";
}

}  // namespace

std::string Names::embedding() const { return family_ == Family::kLlama ? "model.embed_tokens.weight" : "transformer.wte.weight"; }
std::string Names::positions() const { return family_ == Family::kLlama ? "model.embed_positions.weight" : "transformer.wpe.weight"; }
std::string Names::head() const { return "lm_head.weight"; }
std::string Names::final_norm(Kind kind) const {
  return (family_ == Family::kLlama ? "model.norm" : "transformer.ln_f") + std::string(ending(kind));
}
std::string Names::value_embed(int64_t layer) const { return join_text("value_embeds.", layer, ".weight"); }
std::string Names::layer(int64_t layer, Part part, Kind kind) const {
  if (family_ == Family::kLlama) return join_text("model.layers.", layer, ".", llama_part(part, post_norms_), ending(kind));
  return join_text("transformer.h.", layer, ".", chat_part(part), ending(kind));
}

}  // namespace lathe::model
