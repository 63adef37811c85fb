#include "model/gguf_layout.h"

#include <utility>

#include "core/text.h"

namespace lathe::model {
namespace {

using NamePair = std::pair<std::string_view, std::string_view>;  // ours, theirs

constexpr NamePair kWhole[] = {
    {"model.embed_tokens.weight", "token_embd.weight"}, {"model.norm.weight", "output_norm.weight"}, {"lm_head.weight", "output.weight"},
    {"transformer.wte.weight", "token_embd.weight"},    {"transformer.wpe.weight", "position_embd.weight"},
    {"transformer.ln_f.weight", "output_norm.weight"},  {"transformer.ln_f.bias", "output_norm.bias"},
};
constexpr NamePair kLlamaParts[] = {
    {"self_attn.q_proj", "attn_q"},        {"self_attn.k_proj", "attn_k"},      {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"},   {"self_attn.q_norm", "attn_q_norm"}, {"self_attn.k_norm", "attn_k_norm"},
    {"mlp.gate_proj", "ffn_gate"},         {"mlp.up_proj", "ffn_up"},           {"mlp.down_proj", "ffn_down"},
    {"input_layernorm", "attn_norm"},      {"post_attention_layernorm", "ffn_norm"},
};
// With a norm after each half the published name of the second norm moves.
constexpr NamePair kPostNormParts[] = {
    {"post_attention_layernorm", "post_attention_norm"}, {"pre_feedforward_layernorm", "ffn_norm"}, {"post_feedforward_layernorm", "post_ffw_norm"}};
constexpr NamePair kGpt2Parts[] = {
    {"attn.c_q", "attn_qkv"},       {"attn.c_k", "attn_qkv"}, {"attn.c_v", "attn_qkv"},  {"attn.c_proj", "attn_output"},
    {"mlp.c_fc", "ffn_up"},         {"mlp.c_proj", "ffn_down"}, {"ln_1", "attn_norm"}, {"ln_2", "ffn_norm"},
};

std::string_view other_name(std::span<const NamePair> pairs, std::string_view ours) {
  for (const auto& [from, to] : pairs)
    if (from == ours) return to;
  return {};
}

}  // namespace

std::optional<GgufPlace> gguf_place(const ModelConfig& config, bool interleaved, const std::string& name, const Shape& shape) {
  GgufPlace place;
  place.rows = shape[0];
  place.plus_one = config.norm_plus_one && name.ends_with("norm.weight");
  if (const std::string_view whole = other_name(kWhole, name); !whole.empty()) {
    place.name = whole;
    return place;
  }
  const bool gpt2 = config.family == Family::kGpt2;
  const std::string_view layers = gpt2 ? "transformer.h." : "model.layers.";
  if (!name.starts_with(layers)) return std::nullopt;
  const size_t number_end = name.find('.', layers.size()), kind = name.rfind('.');
  if (number_end == std::string::npos || kind <= number_end) return std::nullopt;
  const std::string_view part = std::string_view(name).substr(number_end + 1, kind - number_end - 1);
  std::string_view theirs = gpt2 ? other_name(kGpt2Parts, part) : other_name(kLlamaParts, part);
  if (const std::string_view moved = other_name(kPostNormParts, part); config.post_norms && !moved.empty()) theirs = moved;
  if (theirs.empty()) return std::nullopt;
  place.name = join_text("blk.", name.substr(layers.size(), number_end - layers.size()), ".", theirs, name.substr(kind));
  if (theirs == "attn_qkv") {
    place.first_row = static_cast<int64_t>(std::string_view("qkv").find(part.back())) * shape[0];
    place.rows = 3 * shape[0];
  }
  if (interleaved && theirs == "attn_q") place.heads = config.n_head;
  if (interleaved && theirs == "attn_k") place.heads = config.n_kv_head;
  return place;
}

int64_t parameter_row(const GgufPlace& place, int64_t parameter_rows, int64_t row) {
  if (place.heads == 0) return row;
  const int64_t width = parameter_rows / place.heads, in_head = row % width;
  return row - in_head + in_head % 2 * (width / 2) + in_head / 2;
}

}  // namespace lathe::model
