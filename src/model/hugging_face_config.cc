// config.json to ModelConfig. Every key is either read, known to change no number, or an error; sizes are bounded before anything
// is built from them. Both spellings are read: rope_parameters (transformers 5) and rope_theta with rope_scaling at top level.
#include <algorithm>
#include <cmath>
#include <set>

#include "core/json.h"
#include "core/log.h"
#include "model/hugging_face.h"

namespace lathe::model {
namespace {

constexpr int64_t kMostUnits = 1 << 24, kMostHeads = 1 << 14, kMostLayers = 512;  // far above any published model
constexpr int64_t kMostPositions = 1 << 17;  // of the rotary tables

// What training, generation defaults and bookkeeping leave in a config; none of it changes what the model computes.
constexpr std::string_view kSilent[] = {
    "architectures", "model_type", "torch_dtype", "dtype", "transformers_version", "use_cache", "bos_token_id", "eos_token_id",
    "pad_token_id", "unk_token_id", "sep_token_id", "cls_token_id", "mask_token_id", "decoder_start_token_id", "initializer_range", "attention_dropout", "attn_pdrop",
    "embd_pdrop", "resid_pdrop", "task_specific_params", "id2label", "label2id", "_name_or_path", "tokenizer_class", "pretraining_tp",
    "is_llama_config", "transformers.js_config", "keys_to_ignore_at_inference", "cache_implementation", "reorder_and_upcast_attn",
    "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj", "return_dict",
    "problem_type", "finetuning_task", "chunk_size_feed_forward", "n_ctx", "_attn_implementation", "_attn_implementation_autoset",
    "unsloth_fixed", "unsloth_version", "use_mems", "torchscript", "output_attentions", "output_hidden_states"};

// Typed look-ups that remember what was asked for; every error names the key.
class Keys {
 public:
  Keys(const Json& json, const std::string& path, std::string prefix = "") : json_(json), path_(path), prefix_(std::move(prefix)) {}

  template <class... Parts>
  Error bad(std::string_view key, const Parts&... parts) const {
    return error_at(path_, -1, "key \"", prefix_, key, "\" ", parts...);
  }
  // Null counts as absent.
  const Json* find(const char* key) {
    asked_.insert(key);
    const Json* value = json_.find(key);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  bool is_null(const char* key) const {
    const Json* value = json_.find(key);
    return value != nullptr && value->is_null();
  }
  Result<int64_t> size(const char* key, int64_t fallback, int64_t most = kMostUnits) {
    const Json* value = find(key);
    if (value == nullptr && fallback >= 0) return fallback;
    if (value == nullptr) return bad(key, "is missing");
    if (!value->is_int() || value->as_int() < 1 || value->as_int() > most)
      return bad(key, "must be a whole number from 1 to ", most, ", is ", value->dump());
    return value->as_int();
  }
  Result<double> number(const char* key, double fallback) {
    const Json* value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_number() || !std::isfinite(value->as_double()) || value->as_double() <= 0)
      return bad(key, "must be a number above 0, is ", value->dump());
    return value->as_double();
  }
  Result<bool> flag(const char* key, bool fallback) {
    const Json* value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_bool()) return bad(key, "must be true or false, is ", value->dump());
    return value->as_bool();
  }
  Result<std::string> text(const char* key, const char* fallback) {
    const Json* value = find(key);
    if (value == nullptr) return std::string(fallback);
    if (!value->is_string()) return bad(key, "must be a text, is ", value->dump());
    return value->as_string();
  }
  // Something this program cannot compute another way.
  Status must_be(const char* key, bool wanted) {
    LATHE_TRY(const bool value, flag(key, wanted));
    if (value != wanted) return bad(key, "must be ", wanted ? "true" : "false");
    return {};
  }
  // What nobody asked for may only be something that is off.
  Status nothing_else() const {
    for (const auto& [key, value] : json_.as_object()) {
      const bool silent = std::find(std::begin(kSilent), std::end(kSilent), key) != std::end(kSilent);
      const bool off = value.is_null() || (value.is_bool() && !value.as_bool()) ||
                       ((value.is_array() || value.is_object()) && value.size() == 0);
      if (!asked_.contains(key) && !silent && !off) return bad(key, "is not known to this program; what it asks for may be missing");
    }
    return {};
  }

 private:
  const Json& json_;
  const std::string& path_;
  std::string prefix_;
  std::set<std::string, std::less<>> asked_;
};

struct Rope {
  double base;
  RopeScaling scaling;
};

// One set of rope keys; the base may stand elsewhere.
Result<Rope> read_rope(const Json& json, const std::string& path, const std::string& prefix, double base) {
  Keys keys(json, path, prefix);
  Rope rope{base, {}};
  LATHE_TRY(rope.base, keys.number("rope_theta", base));
  LATHE_TRY(const std::string old_type, keys.text("type", "default"));
  LATHE_TRY(const std::string type, keys.text("rope_type", old_type.c_str()));
  LATHE_TRY(const double part, keys.number("partial_rotary_factor", 1));
  if (part != 1) return keys.bad("partial_rotary_factor", "must be 1");
  LATHE_TRY(const double factor, keys.number("factor", type == "llama3" ? 8 : 1));
  LATHE_TRY(rope.scaling.low_freq_factor, keys.number("low_freq_factor", 1));
  LATHE_TRY(rope.scaling.high_freq_factor, keys.number("high_freq_factor", 4));
  LATHE_TRY(rope.scaling.original_length, keys.size("original_max_position_embeddings", 8192, int64_t{1} << 30));
  if (type == "default") {
    rope.scaling = {};
  } else if (type == "llama3" || type == "linear") {
    rope.scaling.factor = factor;
    if (type == "linear") rope.scaling = {RopeStretch::kLinear, factor, 1, 4, 8192};
  } else {
    return keys.bad("rope_type", "\"", type, "\" is not known; default, linear and llama3 are");
  }
  LATHE_TRY_STATUS(keys.nothing_else());
  return rope;
}

// local: of a family whose windowed layers have a base of their own, null in others.
Status read_ropes(Keys& keys, const std::string& path, ModelConfig& c, double* local) {
  LATHE_TRY(c.rope_base, keys.number("rope_theta", c.rope_base));
  if (local != nullptr) {
    LATHE_TRY(*local, keys.number("rope_local_base_freq", *local));
  }
  LATHE_TRY(const double part, keys.number("partial_rotary_factor", 1));
  if (part != 1) return keys.bad("partial_rotary_factor", "must be 1");
  for (const char* name : {"rope_scaling", "rope_parameters"}) {
    const Json* rope = keys.find(name);
    if (rope == nullptr) continue;
    if (!rope->is_object()) return keys.bad(name, "must be an object");
    const Json* global = rope->find("full_attention");
    const Json* sliding = rope->find("sliding_attention");
    if (global != nullptr || sliding != nullptr) {
      if (local == nullptr || global == nullptr || sliding == nullptr || !global->is_object() || !sliding->is_object())
        return keys.bad(name, "must hold full_attention and sliding_attention, in a family that has both");
      LATHE_TRY(const Rope windowed, read_rope(*sliding, path, std::string(name) + ".sliding_attention.", *local));
      if (windowed.scaling.factor > 0) return keys.bad(name, "scales the windowed layers, which is not known");
      *local = windowed.base;
    }
    LATHE_TRY(const Rope whole, read_rope(global != nullptr ? *global : *rope, path, std::string(name) + (global ? ".full_attention." : "."), c.rope_base));
    c.rope_base = whole.base;
    c.rope_scaling = whole.scaling;
  }
  return {};
}

// layer_types as letters; `usual` where the file has none.
Result<std::string> read_layer_kinds(Keys& keys, const ModelConfig& c, std::string usual) {
  const Json* types = keys.find("layer_types");
  if (types == nullptr) return usual;
  if (!types->is_array() || static_cast<int64_t>(types->size()) != c.n_layer)
    return keys.bad("layer_types", "must name the kind of each of the ", c.n_layer, " layers");
  std::string kinds;
  for (const Json& type : types->as_array()) {
    const std::string name = type.is_string() ? type.as_string() : type.dump();
    if (name != "sliding_attention" && name != "full_attention")
      return keys.bad("layer_types", "holds ", name, "; sliding_attention and full_attention are known");
    kinds += name == "full_attention" ? 'G' : 'S';
  }
  return kinds;
}

// The shortest form: a pattern that repeats, nothing where all layers are alike.
Status set_layer_kinds(Keys& keys, ModelConfig& c, const std::string& kinds) {
  std::string all;
  for (int64_t i = 0; i < c.n_layer; ++i) all += kinds[static_cast<size_t>(i) % kinds.size()];
  size_t period = 1;
  while (!std::equal(all.begin() + static_cast<std::ptrdiff_t>(period), all.end(), all.begin())) ++period;
  all.resize(period);
  if (all.find('S') != std::string::npos && c.sliding_window == 0) return keys.bad("sliding_window", "is missing, and layers have one");
  if (all.find('S') == std::string::npos) c.sliding_window = 0, c.rope_local_base = 0;
  c.layer_kinds = all == "S" || all == "G" ? "" : all;
  return {};
}

// The keys that LLaMA and its kin share.
Status read_common(Keys& keys, const std::string& path, ModelConfig& c, double* local_base) {
  LATHE_TRY(c.vocab_size, keys.size("vocab_size", -1));
  LATHE_TRY(c.n_layer, keys.size("num_hidden_layers", -1, kMostLayers));
  LATHE_TRY(c.n_head, keys.size("num_attention_heads", -1, kMostHeads));
  LATHE_TRY(c.n_kv_head, keys.size("num_key_value_heads", c.n_head, kMostHeads));
  LATHE_TRY(c.n_embd, keys.size("hidden_size", -1));
  LATHE_TRY(c.mlp_hidden, keys.size("intermediate_size", -1));
  LATHE_TRY(c.sequence_len, keys.size("max_position_embeddings", 2048, int64_t{1} << 30));
  if (c.sequence_len > kMostPositions) {
    log_info("model", path, ": max_position_embeddings is ", c.sequence_len, "; at most ", kMostPositions, " positions are used");
    c.sequence_len = kMostPositions;
  }
  LATHE_TRY(c.head_dim, keys.size("head_dim", c.n_embd / c.n_head, 256));
  c.rope_length = c.sequence_len;
  LATHE_TRY(c.norm_eps, keys.number("rms_norm_eps", 1e-6));
  LATHE_TRY(c.tied_embeddings, keys.flag("tie_word_embeddings", c.tied_embeddings));
  return read_ropes(keys, path, c, local_base);
}

Status must_be_silu(Keys& keys) {
  LATHE_TRY(const std::string act, keys.text("hidden_act", "silu"));
  if (act != "silu") return keys.bad("hidden_act", "\"", act, "\" is not silu");
  return {};
}

Status read_llama(Keys& keys, const std::string& path, ModelConfig& c) {
  LATHE_TRY_STATUS(read_common(keys, path, c, nullptr));
  LATHE_TRY(c.attention_bias, keys.flag("attention_bias", false));
  LATHE_TRY(c.mlp_bias, keys.flag("mlp_bias", false));
  return must_be_silu(keys);
}

Status read_smollm3(Keys& keys, const std::string& path, ModelConfig& c) {
  c.tied_embeddings = true;
  c.rope_base = 2000000;
  LATHE_TRY_STATUS(read_llama(keys, path, c));
  LATHE_TRY_STATUS(keys.must_be("use_sliding_window", false));
  (void)keys.find("sliding_window");
  (void)keys.find("max_window_layers");
  LATHE_TRY(const std::string types, read_layer_kinds(keys, c, "G"));
  if (types.find('S') != std::string::npos) return keys.bad("layer_types", "has windowed layers, which this model_type does not use");
  LATHE_TRY(const int64_t interval, keys.size("no_rope_layer_interval", 4, kMostLayers));
  std::string kinds(static_cast<size_t>(c.n_layer), 'G');
  const Json* list = keys.find("no_rope_layers");
  if (list != nullptr && (!list->is_array() || static_cast<int64_t>(list->size()) != c.n_layer))
    return keys.bad("no_rope_layers", "must be ", c.n_layer, " numbers, 1 where a layer has positions");
  for (int64_t i = 0; i < c.n_layer; ++i) {
    const auto at = static_cast<size_t>(i);
    if (list != nullptr && !list->at(at).is_int()) return keys.bad("no_rope_layers", "must be numbers");
    if (list != nullptr ? list->at(at).as_int() == 0 : (i + 1) % interval == 0) kinds[at] = 'N';
  }
  return set_layer_kinds(keys, c, kinds);
}

Status read_mistral(Keys& keys, const std::string& path, ModelConfig& c) {
  LATHE_TRY_STATUS(read_common(keys, path, c, nullptr));
  LATHE_TRY(c.sliding_window, keys.size("sliding_window", 0, int64_t{1} << 30));
  LATHE_TRY_STATUS(must_be_silu(keys));
  LATHE_TRY(const std::string kinds, read_layer_kinds(keys, c, c.sliding_window > 0 ? "S" : "G"));
  return set_layer_kinds(keys, c, kinds);
}

Status read_qwen(Keys& keys, const std::string& path, ModelConfig& c, bool third) {
  LATHE_TRY_STATUS(read_common(keys, path, c, nullptr));
  if (third) {
    LATHE_TRY(c.attention_bias, keys.flag("attention_bias", false));
  }
  if (third) {
    LATHE_TRY(c.head_dim, keys.size("head_dim", 128, 256));
  }
  c.qk_norm = third;
  c.qkv_bias = !third;
  LATHE_TRY_STATUS(must_be_silu(keys));
  LATHE_TRY(const bool windowed, keys.flag("use_sliding_window", false));
  LATHE_TRY(const int64_t window, keys.size("sliding_window", 0, int64_t{1} << 30));
  const Json* whole = keys.find("max_window_layers");
  if (whole != nullptr && (!whole->is_int() || whole->as_int() < 0)) return keys.bad("max_window_layers", "must be a whole number");
  c.sliding_window = windowed ? window : 0;
  std::string usual = "G";
  if (c.sliding_window > 0) {  // the layers from max_window_layers on
    const int64_t first = std::min(whole != nullptr ? whole->as_int() : 28, c.n_layer);
    usual = std::string(static_cast<size_t>(first), 'G') + std::string(static_cast<size_t>(c.n_layer - first), 'S');
  }
  LATHE_TRY(const std::string kinds, read_layer_kinds(keys, c, usual));
  return set_layer_kinds(keys, c, kinds);
}

Status read_gemma(Keys& keys, const std::string& path, ModelConfig& c, bool third) {
  c.tied_embeddings = true;
  if (third) c.rope_base = 1000000;
  c.rope_local_base = third ? 10000 : 0;
  LATHE_TRY_STATUS(read_common(keys, path, c, third ? &c.rope_local_base : nullptr));
  LATHE_TRY(c.head_dim, keys.size("head_dim", 256, 256));
  LATHE_TRY(c.attention_bias, keys.flag("attention_bias", false));
  c.mlp = Mlp::kGeglu;
  c.norm_plus_one = c.post_norms = c.scaled_embedding = true;
  c.qk_norm = third;
  LATHE_TRY(const std::string other_act, keys.text("hidden_act", "gelu_pytorch_tanh"));
  LATHE_TRY(const std::string act, keys.text("hidden_activation", other_act.c_str()));
  if (act != "gelu_pytorch_tanh") return keys.bad("hidden_activation", "\"", act, "\" is not gelu_pytorch_tanh");
  LATHE_TRY_STATUS(keys.must_be("use_bidirectional_attention", false));
  LATHE_TRY(c.query_scalar, keys.number("query_pre_attn_scalar", 256));
  LATHE_TRY(c.attention_softcap, keys.number("attn_logit_softcapping", third || keys.is_null("attn_logit_softcapping") ? 0 : 50));
  LATHE_TRY(c.softcap, keys.number("final_logit_softcapping", third || keys.is_null("final_logit_softcapping") ? 0 : 30));
  LATHE_TRY(c.sliding_window, keys.size("sliding_window", keys.is_null("sliding_window") ? 0 : 4096, int64_t{1} << 30));
  int64_t pattern = 2;
  if (third) {
    LATHE_TRY(pattern, keys.size("_sliding_window_pattern", 6, kMostLayers));
    LATHE_TRY(pattern, keys.size("sliding_window_pattern", pattern, kMostLayers));
  }
  LATHE_TRY(const std::string kinds, read_layer_kinds(keys, c, std::string(static_cast<size_t>(pattern - 1), 'S') + 'G'));
  return set_layer_kinds(keys, c, kinds);
}

Status read_gpt2(Keys& keys, ModelConfig& c) {
  LATHE_TRY(c.vocab_size, keys.size("vocab_size", -1));
  LATHE_TRY(c.n_layer, keys.size("n_layer", -1, kMostLayers));
  LATHE_TRY(c.n_head, keys.size("n_head", -1, kMostHeads));
  c.n_kv_head = c.n_head;
  LATHE_TRY(c.n_embd, keys.size("n_embd", -1));
  LATHE_TRY(c.mlp_hidden, keys.size("n_inner", 4 * c.n_embd));
  LATHE_TRY(const int64_t context, keys.size("n_ctx", 1024));
  LATHE_TRY(c.sequence_len, keys.size("n_positions", context));
  LATHE_TRY(c.norm_eps, keys.number("layer_norm_epsilon", 1e-5));
  LATHE_TRY(c.tied_embeddings, keys.flag("tie_word_embeddings", true));
  LATHE_TRY_STATUS(keys.must_be("scale_attn_weights", true));
  LATHE_TRY_STATUS(keys.must_be("scale_attn_by_inverse_layer_idx", false));
  LATHE_TRY_STATUS(keys.must_be("add_cross_attention", false));
  LATHE_TRY(const std::string act, keys.text("activation_function", "gelu_new"));
  if (act == "gelu") c.mlp = Mlp::kGelu;
  else if (act != "gelu_new" && act != "gelu_pytorch_tanh")
    return keys.bad("activation_function", "\"", act, "\" is not known; gelu_new, gelu_pytorch_tanh and gelu are");
  return {};
}

Status read_family(Keys& keys, const std::string& path, ModelConfig& c) {
  LATHE_TRY(const std::string type, keys.text("model_type", ""));
  if (type == "gpt2") {
    c = gpt2_config({});
    return read_gpt2(keys, c);
  }
  c = llama_config({});
  if (type == "llama") return read_llama(keys, path, c);
  if (type == "smollm3") return read_smollm3(keys, path, c);
  if (type == "mistral") return read_mistral(keys, path, c);
  if (type == "qwen2" || type == "qwen3") return read_qwen(keys, path, c, type == "qwen3");
  if (type == "gemma2" || type == "gemma3_text") return read_gemma(keys, path, c, type == "gemma3_text");
  return keys.bad("model_type", "\"", type, "\" is not known; ", hugging_face_types(), " are");
}

}  // namespace

const char* hugging_face_types() { return "gpt2, llama, mistral, qwen2, qwen3, gemma2, gemma3_text and smollm3"; }

Result<ModelConfig> read_hugging_face_config(const fs::path& folder) {
  const fs::path file = folder / "config.json";
  const std::string path = file.string();
  LATHE_TRY(const Json json, read_json(file));
  if (!json.is_object()) return error_at(path, -1, "must hold an object");
  Keys keys(json, path);
  ModelConfig config;
  LATHE_TRY_STATUS(read_family(keys, path, config));
  LATHE_TRY_STATUS(keys.nothing_else());
  if (const Status status = config.validate(); !status.ok()) return error_at(path, -1, status.error().to_string());
  return config;
}

}  // namespace lathe::model
