#include <cmath>
#include <map>

#include "model/hugging_face.h"
#include "model/hugging_face_layout.h"

namespace lathe::model {
namespace {

const char* torch_name(DType dtype) {
  return dtype == DType::kFloat32 ? "float32" : dtype == DType::kBFloat16 ? "bfloat16" : "float16";
}

Error no_form(const char* setting) {
  return error_at(setting, -1, "this model has no form in Hugging Face's library with it; it stays with lathe (or goes to a GGUF file)");
}

Json of_ids(int32_t id) { return id < 0 ? Json() : Json(int64_t{id}); }

// The settings that tell the published families apart, with the words of their configs.
Result<std::string> llama_type(const ModelConfig& c) {
  const bool gemma = c.norm_plus_one || c.post_norms || c.scaled_embedding || c.mlp == Mlp::kGeglu;
  if (c.positions != Positions::kRope) return no_form("positions");
  if (c.norm != Norm::kRms || !c.norm_weight || c.norm_bias) return no_form("norm");
  if (c.rope_direction != -1 || c.rope_bf16_tables) return no_form("rope_direction");
  if (c.qk_norm && c.qk_norm_eps > 0 && c.qk_norm_eps != c.norm_eps) return no_form("qk_norm_eps");
  if (gemma) {
    if (!(c.norm_plus_one && c.post_norms && c.scaled_embedding && c.mlp == Mlp::kGeglu) || c.mlp_bias || c.qkv_bias) return no_form("norm_plus_one");
    if (c.layer_kinds.find('N') != std::string::npos) return no_form("layer_kinds");
    if (!c.qk_norm && c.rope_local_base > 0) return no_form("rope_local_base");
    return std::string(c.qk_norm ? "gemma3_text" : "gemma2");
  }
  if (c.mlp != Mlp::kSwiglu) return no_form("mlp");
  if (c.attention_softcap > 0) return no_form("attention_softcap");
  if (c.softcap > 0) return no_form("softcap");
  if (c.rope_local_base > 0) return no_form("rope_local_base");
  if (c.query_scalar > 0 && c.query_scalar != static_cast<double>(c.head_width())) return no_form("query_scalar");
  const bool windowed = c.sliding_window > 0;
  if (c.layer_kinds.find('N') != std::string::npos) {
    if (windowed || c.qk_norm || c.qkv_bias) return no_form("layer_kinds");
    return std::string("smollm3");
  }
  if (c.qk_norm) {
    if (c.qkv_bias || c.mlp_bias) return no_form("qkv_bias");
    return std::string("qwen3");
  }
  if (c.qkv_bias) {
    if (c.attention_bias || c.mlp_bias || (c.head_dim > 0 && c.head_dim * c.n_head != c.n_embd)) return no_form("qkv_bias");
    return std::string("qwen2");
  }
  if (windowed) {
    if (c.attention_bias || c.mlp_bias || !c.layer_kinds.empty()) return no_form("sliding_window");
    return std::string("mistral");
  }
  return std::string("llama");
}

const char* class_of(const std::string& type) {
  static const std::map<std::string, const char*> names = {
      {"llama", "LlamaForCausalLM"}, {"mistral", "MistralForCausalLM"}, {"qwen2", "Qwen2ForCausalLM"}, {"qwen3", "Qwen3ForCausalLM"},
      {"gemma2", "Gemma2ForCausalLM"}, {"gemma3_text", "Gemma3ForCausalLM"}, {"smollm3", "SmolLM3ForCausalLM"}, {"gpt2", "GPT2LMHeadModel"}};
  return names.at(type);
}

Json head_of(const std::string& type, DType dtype, int32_t bos, int32_t eos) {
  Json out(Json::Object{{"architectures", Json(Json::Array{class_of(type)})}, {"model_type", type}});
  out["bos_token_id"] = of_ids(bos);
  out["eos_token_id"] = of_ids(eos);
  out["pad_token_id"] = nullptr;  // some families have a default beyond a small vocabulary
  out["torch_dtype"] = torch_name(dtype);
  out["dtype"] = torch_name(dtype);
  out["use_cache"] = true;
  return out;
}

Json rope_json(const RopeScaling& s) {
  Json out = Json::object();
  out["rope_type"] = s.factor <= 0 ? "default" : s.stretch == RopeStretch::kLinear ? "linear" : "llama3";
  if (s.factor <= 0) return out;
  out["factor"] = s.factor;
  if (s.stretch == RopeStretch::kLinear) return out;
  out["low_freq_factor"] = s.low_freq_factor;
  out["high_freq_factor"] = s.high_freq_factor;
  out["original_max_position_embeddings"] = s.original_length;
  return out;
}

void add_rope(const ModelConfig& c, Json& out) {
  Json global = rope_json(c.rope_scaling);
  out["rope_theta"] = c.rope_base;
  out["rope_scaling"] = c.rope_scaling.factor > 0 ? global : Json();
  global["rope_theta"] = c.rope_base;
  if (c.rope_local_base > 0) {
    out["rope_local_base_freq"] = c.rope_local_base;
    const Json local(Json::Object{{"rope_type", "default"}, {"rope_theta", c.rope_local_base}});
    out["rope_parameters"] = Json(Json::Object{{"full_attention", global}, {"sliding_attention", local}});
  } else {
    out["rope_parameters"] = global;
  }
}

void add_layer_kinds(const ModelConfig& c, const std::string& type, Json& out) {
  if (type == "llama") return;
  Json types = Json::array(), rope_layers = Json::array();
  for (int64_t i = 0; i < c.n_layer; ++i) {
    types.push_back(c.sliding_window > 0 && c.layer_kind(i) == 'S' ? "sliding_attention" : "full_attention");
    rope_layers.push_back(int64_t{c.layer_kind(i) != 'N'});
  }
  out["sliding_window"] = c.sliding_window > 0 ? Json(c.sliding_window) : Json();
  if (type == "mistral") return;
  out["layer_types"] = types;
  if (type == "smollm3") out["no_rope_layers"] = rope_layers;
  if (type == "qwen2" || type == "qwen3") {
    out["use_sliding_window"] = c.sliding_window > 0;
    int64_t whole = 0;  // what older readers go by: the layers before the first windowed one
    while (whole < c.n_layer && (c.sliding_window == 0 || c.layer_kind(whole) != 'S')) ++whole;
    out["max_window_layers"] = whole;
  }
}

Json gpt2_json(const ModelConfig& c, DType dtype, int32_t bos, int32_t eos) {
  Json out = head_of("gpt2", dtype, bos, eos);
  out["activation_function"] = c.mlp == Mlp::kGelu ? "gelu" : "gelu_new";
  out["vocab_size"] = c.padded_vocab();
  out["n_positions"] = c.sequence_len;
  out["n_embd"] = c.n_embd;
  out["n_layer"] = c.n_layer;
  out["n_head"] = c.n_head;
  out["n_inner"] = c.hidden();
  out["layer_norm_epsilon"] = c.norm_eps;
  out["tie_word_embeddings"] = c.tied_embeddings;
  for (const char* rate : {"attn_pdrop", "embd_pdrop", "resid_pdrop"}) out[rate] = 0.0;
  return out;
}

Status check_gpt2(const ModelConfig& c) {
  if (c.positions != Positions::kLearned) return no_form("positions");
  if (c.norm != Norm::kLayer || !c.norm_weight || !c.norm_bias) return no_form("norm");
  if (!c.attention_bias || !c.mlp_bias) return no_form("mlp_bias");
  if (c.mlp != Mlp::kGeluTanh && c.mlp != Mlp::kGelu) return no_form("mlp");
  if (c.n_kv_head != c.n_head) return no_form("n_kv_head");
  if (c.head_width() * c.n_head != c.n_embd) return no_form("head_dim");
  if (c.qk_norm) return no_form("qk_norm");
  if (c.sliding_window > 0) return no_form("sliding_window");
  if (c.softcap > 0 || c.attention_softcap > 0) return no_form("softcap");
  if (c.query_scalar > 0 || c.scaled_embedding || c.post_norms || c.norm_plus_one) return no_form("post_norms");
  return {};
}

}  // namespace

Result<Json> hugging_face_config(const ModelConfig& c, DType dtype, int32_t bos, int32_t eos) {
  if (c.family == Family::kChat)
    return error("the chat family has no model in Hugging Face's library: its weights stay in lathe's own form");
  if (c.family == Family::kGpt2) {
    LATHE_TRY_STATUS(check_gpt2(c));
    return gpt2_json(c, dtype, bos, eos);
  }
  LATHE_TRY(const std::string type, llama_type(c));
  Json out = head_of(type, dtype, bos, eos);
  const bool gemma = type == "gemma2" || type == "gemma3_text";
  out[gemma ? "hidden_activation" : "hidden_act"] = gemma ? "gelu_pytorch_tanh" : "silu";
  out["vocab_size"] = c.padded_vocab();
  out["hidden_size"] = c.n_embd;
  out["intermediate_size"] = c.hidden();
  out["num_hidden_layers"] = c.n_layer;
  out["num_attention_heads"] = c.n_head;
  out["num_key_value_heads"] = c.n_kv_head;
  out["head_dim"] = c.head_width();
  out["max_position_embeddings"] = c.sequence_len;
  out["rms_norm_eps"] = c.norm_eps;
  out["tie_word_embeddings"] = c.tied_embeddings;
  out["attention_dropout"] = 0.0;
  if (type != "qwen2" && type != "mistral") out["attention_bias"] = c.attention_bias;
  if (type == "llama" || type == "smollm3") out["mlp_bias"] = c.mlp_bias;
  if (gemma) {
    const double scalar = c.query_scalar > 0 ? c.query_scalar : static_cast<double>(c.head_width());
    out["query_pre_attn_scalar"] = scalar == std::floor(scalar) ? Json(static_cast<int64_t>(scalar)) : Json(scalar);
    out["attn_logit_softcapping"] = c.attention_softcap > 0 ? Json(c.attention_softcap) : Json();
    out["final_logit_softcapping"] = c.softcap > 0 ? Json(c.softcap) : Json();
  }
  add_rope(c, out);
  add_layer_kinds(c, type, out);
  return out;
}

std::vector<std::pair<std::string, Tensor>> hugging_face_tensors(const Transformer& model, DType dtype) {
  std::vector<std::pair<std::string, Tensor>> out;
  std::map<std::string, size_t> places;
  for (const autograd::Parameter* p : model.parameters()) {
    require(static_cast<bool>(p->value), "[hugging face] ", p->name, " has no float32 master");
    const StoredForm form = stored_form(model.config(), p->name, p->value.shape());
    const auto [place, fresh] = places.emplace(form.name, out.size());
    if (fresh) out.emplace_back(form.name, Tensor::zeros(form.shape, DType::kFloat32));
    copy_to_stored(form, p->value, out[place->second].second);
  }
  if (dtype != DType::kFloat32)
    for (auto& [name, tensor] : out) tensor = tensor.to(dtype);
  return out;
}

}  // namespace lathe::model
