#include "model/hugging_face.h"

#include <set>

#include "core/json.h"
#include "tensor/safetensors.h"

namespace lathe::model {
namespace {

// A number of the config, looked up under the first name that exists.
Result<int64_t> size_of(const Json& json, const std::string& path, std::initializer_list<const char*> names, int64_t fallback = -1) {
  for (const char* name : names)
    if (const Json* value = json.find(name); value != nullptr && !value->is_null()) {
      if (!value->is_int() || value->as_int() < 1) return error_at(path, -1, "key \"", name, "\" must be a whole number above 0");
      return value->as_int();
    }
  if (fallback < 0) return error_at(path, -1, "key \"", *names.begin(), "\" is missing");
  return fallback;
}

Result<RopeScaling> read_rope_scaling(const Json& rope, const std::string& path) {
  RopeScaling scaling;
  const std::string type = rope.get_string("rope_type", rope.get_string("type", "default"));
  if (type == "default") return scaling;
  if (type != "llama3") return error_at(path, -1, "rope scaling \"", type, "\" is not known; llama3 is");
  scaling.factor = rope.get_double("factor", 8);
  scaling.low_freq_factor = rope.get_double("low_freq_factor", 1);
  scaling.high_freq_factor = rope.get_double("high_freq_factor", 4);
  scaling.original_length = rope.get_int("original_max_position_embeddings", 8192);
  return scaling;
}

Result<ModelConfig> read_llama(const Json& json, const std::string& path) {
  ModelConfig c = llama_config({});
  LATHE_TRY(c.vocab_size, size_of(json, path, {"vocab_size"}));
  LATHE_TRY(c.n_layer, size_of(json, path, {"num_hidden_layers"}));
  LATHE_TRY(c.n_head, size_of(json, path, {"num_attention_heads"}));
  LATHE_TRY(c.n_kv_head, size_of(json, path, {"num_key_value_heads"}, c.n_head));
  LATHE_TRY(c.n_embd, size_of(json, path, {"hidden_size"}));
  LATHE_TRY(c.mlp_hidden, size_of(json, path, {"intermediate_size"}));
  LATHE_TRY(c.sequence_len, size_of(json, path, {"max_position_embeddings"}, 2048));
  LATHE_TRY(c.head_dim, size_of(json, path, {"head_dim"}, c.n_embd / c.n_head));
  c.rope_length = c.sequence_len;
  c.norm_eps = json.get_double("rms_norm_eps", 1e-6);
  c.tied_embeddings = json.get_bool("tie_word_embeddings", false);
  c.attention_bias = json.get_bool("attention_bias", false);
  c.mlp_bias = json.get_bool("mlp_bias", false);
  c.rope_base = json.get_double("rope_theta", 10000);
  if (const std::string act = json.get_string("hidden_act", "silu"); act != "silu")
    return error_at(path, -1, "activation \"", act, "\" is not LLaMA's silu");
  // Newer files keep both under rope_parameters, older ones at the top level.
  for (const char* name : {"rope_scaling", "rope_parameters"}) {
    const Json* rope = json.find(name);
    if (rope == nullptr || !rope->is_object()) continue;
    c.rope_base = rope->get_double("rope_theta", c.rope_base);
    LATHE_TRY(c.rope_scaling, read_rope_scaling(*rope, path));
  }
  return c;
}

Result<ModelConfig> read_gpt2(const Json& json, const std::string& path) {
  ModelConfig c = gpt2_config({});
  LATHE_TRY(c.vocab_size, size_of(json, path, {"vocab_size"}));
  LATHE_TRY(c.n_layer, size_of(json, path, {"n_layer"}));
  LATHE_TRY(c.n_head, size_of(json, path, {"n_head"}));
  c.n_kv_head = c.n_head;
  LATHE_TRY(c.n_embd, size_of(json, path, {"n_embd"}));
  LATHE_TRY(c.mlp_hidden, size_of(json, path, {"n_inner"}, 4 * c.n_embd));
  LATHE_TRY(c.sequence_len, size_of(json, path, {"n_positions", "n_ctx"}));
  c.norm_eps = json.get_double("layer_norm_epsilon", 1e-5);
  c.tied_embeddings = json.get_bool("tie_word_embeddings", true);
  const std::string act = json.get_string("activation_function", "gelu_new");
  if (act == "gelu") c.mlp = Mlp::kGelu;
  else if (act != "gelu_new" && act != "gelu_pytorch_tanh") return error_at(path, -1, "activation \"", act, "\" is not known");
  return c;
}

// Finds tensors by name and copies them; remembers which were used, so that extra ones are reported.
class Weights {
 public:
  Weights(const SafetensorsFile& file, std::string path) : file_(file), path_(std::move(path)) {}

  Result<Tensor> take(const std::string& name, const Shape& shape) {
    const Tensor* found = file_.find(name);
    if (found == nullptr) return error_at(path_, -1, "tensor \"", name, "\" is missing");
    used_.insert(name);
    if (found->shape() != shape) return error_at(path_, -1, "tensor \"", name, "\" has shape ", join_text(found->shape()), ", expected ", join_text(shape));
    if (found->dtype() != DType::kFloat32 && found->dtype() != DType::kBFloat16)
      return error_at(path_, -1, "tensor \"", name, "\" is ", dtype_name(found->dtype()), ", fp32 or bf16 is needed");
    return found->to(DType::kFloat32);
  }
  bool has(const std::string& name) const { return file_.find(name) != nullptr; }
  void ignore(const std::string& name) { used_.insert(name); }
  Status all_used() const {
    for (const auto& [name, tensor] : file_.tensors)
      if (!used_.contains(name)) return error_at(path_, -1, "tensor \"", name, "\" is not known to this model");
    return {};
  }

 private:
  const SafetensorsFile& file_;
  std::string path_;
  std::set<std::string> used_;
};

// out (rows, cols) = columns [begin, begin + rows) of in (cols, all), transposed: GPT-2 stores (in, out).
void copy_transposed(const Tensor& in, int64_t begin, const Tensor& out) {
  const int64_t rows = out.dim(0), cols = out.rank() == 2 ? out.dim(1) : 1, all = in.dim(in.rank() - 1);
  const float* from = in.data<float>();
  float* to = out.data<float>();
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) to[r * cols + c] = from[c * all + begin + r];
}

Status load_llama(Weights& weights, Transformer& model) {
  for (autograd::Parameter* p : model.parameters()) {
    LATHE_TRY(const Tensor tensor, weights.take(p->name, p->value.shape()));
    p->value.copy_from(tensor);
  }
  if (model.config().tied_embeddings) weights.ignore("lm_head.weight");
  return {};
}

Status load_gpt2(Weights& weights, Transformer& model) {
  const int64_t width = model.config().n_embd;
  // Published files come with and without the prefix.
  const std::string prefix = weights.has("transformer.wte.weight") ? "" : "transformer.";
  for (autograd::Parameter* p : model.parameters()) {
    const std::string name = p->name.substr(p->name.starts_with(prefix) ? prefix.size() : 0);
    const size_t fused = name.find(".attn.c_");
    const char which = fused != std::string::npos ? name[fused + 8] : 0;
    const bool in_block = name.find("h.") == 0 || name.find(".h.") != std::string::npos;
    if (which == 'q' || which == 'k' || which == 'v') {
      const std::string end = name.substr(name.rfind('.'));
      const std::string source = name.substr(0, fused) + ".attn.c_attn" + end;
      const Shape shape = p->value.rank() == 2 ? Shape{width, 3 * width} : Shape{3 * width};
      LATHE_TRY(const Tensor tensor, weights.take(source, shape));
      copy_transposed(tensor, (which == 'q' ? 0 : which == 'k' ? 1 : 2) * width, p->value);
    } else if (in_block && p->value.rank() == 2) {
      LATHE_TRY(const Tensor tensor, weights.take(name, {p->value.dim(1), p->value.dim(0)}));
      copy_transposed(tensor, 0, p->value);
    } else {
      LATHE_TRY(const Tensor tensor, weights.take(name, p->value.shape()));
      p->value.copy_from(tensor);
    }
  }
  if (model.config().tied_embeddings) weights.ignore("lm_head.weight");
  // The causal mask that old files carry is not a weight.
  for (int64_t i = 0; i < model.config().n_layer; ++i)
    for (const char* end : {".attn.bias", ".attn.masked_bias"}) weights.ignore(join_text(prefix.empty() ? "transformer." : "", "h.", i, end));
  return {};
}

}  // namespace

Result<ModelConfig> read_hugging_face_config(const fs::path& folder) {
  const fs::path path = folder / "config.json";
  LATHE_TRY(const Json json, read_json(path));
  const std::string type = json.get_string("model_type", "");
  ModelConfig config;
  if (type == "llama") {
    LATHE_TRY(config, read_llama(json, path.string()));
  } else if (type == "gpt2") {
    LATHE_TRY(config, read_gpt2(json, path.string()));
  } else {
    return error_at(path.string(), -1, "model_type \"", type, "\" is not known; llama and gpt2 are");
  }
  if (const Status status = config.validate(); !status.ok()) return error_at(path.string(), -1, status.error().to_string());
  return config;
}

Result<std::unique_ptr<Transformer>> load_hugging_face(const fs::path& folder, DType dtype, bool with_gradients) {
  LATHE_TRY(const ModelConfig config, read_hugging_face_config(folder));
  const fs::path path = folder / "model.safetensors";
  LATHE_TRY(const SafetensorsFile file, read_safetensors(path));
  auto model = std::make_unique<Transformer>(config, dtype, Device::kCpu, with_gradients);
  Weights weights(file, path.string());
  LATHE_TRY_STATUS(config.family == Family::kGpt2 ? load_gpt2(weights, *model) : load_llama(weights, *model));
  LATHE_TRY_STATUS(weights.all_used());
  model->refresh_compute();
  return model;
}

}  // namespace lathe::model
