#include "train/lab_architecture.h"

#include <cmath>

#include "core/settings.h"
#include "core/text.h"
#include "model/transformer.h"

namespace lathe::train {
namespace {

constexpr double kEstimateMargin = 0.05;  // row L-5.5

void describe(SettingsTable& t, LabArchitecture& a) {
  t.add("model_name", &a.model_name, "");
  t.add("description", &a.description, "");
  t.add("n_layer", &a.n_layer, "");
  t.add("d_model", &a.d_model, "");
  t.add("n_head", &a.n_head, "");
  t.add("num_key_value_heads", &a.num_key_value_heads, "");
  t.add("head_dim", &a.head_dim, "");
  t.add("d_ff", &a.d_ff, "");
  t.add("ffn_ratio", &a.ffn_ratio, "");
  t.add("vocab_size", &a.vocab_size, "");
  t.add("sequence_length", &a.sequence_length, "");
  t.add("dropout", &a.dropout, "");
  t.add("layer_norm_epsilon", &a.layer_norm_epsilon, "");
  t.add("rope_theta", &a.rope_theta, "");
  t.add("tie_word_embeddings", &a.tie_word_embeddings, "");
  t.add("estimated_parameters", &a.estimated_parameters, "");
}

bool is_folder_name(const std::string& name) {
  return !name.empty() && name.front() != '.' && name.find_first_of("/\\") == std::string::npos;
}

}  // namespace

Result<LabArchitecture> LabArchitecture::from_json(const Json& json, const std::string& path) {
  LabArchitecture a;
  SettingsTable table;
  describe(table, a);
  LATHE_TRY_STATUS(table.read_object(json, path));
  if (!is_folder_name(a.model_name))
    return error_at(path, -1, "model_name must name the folder of the checkpoints, is \"", a.model_name, "\"");
  for (const auto& [key, value] : {std::pair{"n_layer", a.n_layer}, {"d_model", a.d_model}, {"n_head", a.n_head}, {"vocab_size", a.vocab_size},
                                   {"sequence_length", a.sequence_length}})
    if (value < 1 || value > (int64_t{1} << 31)) return error_at(path, -1, key, " must be at least 1 and below 2^31, is ", value);
  if (a.d_model % a.n_head != 0) return error_at(path, -1, "d_model ", a.d_model, " is not a multiple of n_head ", a.n_head);
  if (table.given("head_dim") && a.head_dim != a.d_model / a.n_head)
    return error_at(path, -1, "head_dim ", a.head_dim, " does not fit d_model / n_head = ", a.d_model, " / ", a.n_head, " = ", a.d_model / a.n_head);
  a.head_dim = a.d_model / a.n_head;
  if (!(a.ffn_ratio > 0) || !std::isfinite(a.ffn_ratio)) return error_at(path, -1, "ffn_ratio must be above 0, is ", a.ffn_ratio);
  const double hidden = a.ffn_ratio * static_cast<double>(a.d_model);
  if (table.given("d_ff")) {
    if (table.given("ffn_ratio") && hidden != static_cast<double>(a.d_ff))
      return error_at(path, -1, "d_ff ", a.d_ff, " does not fit ffn_ratio * d_model = ", a.ffn_ratio, " * ", a.d_model, " = ", hidden);
    if (a.d_ff < 1) return error_at(path, -1, "d_ff must be at least 1, is ", a.d_ff);
    a.ffn_ratio = static_cast<double>(a.d_ff) / static_cast<double>(a.d_model);
  } else {
    if (hidden != std::floor(hidden) || hidden > 1e9)
      return error_at(path, -1, "ffn_ratio * d_model = ", a.ffn_ratio, " * ", a.d_model, " is no width");
    a.d_ff = static_cast<int64_t>(hidden);
  }
  if (a.num_key_value_heads == 0) a.num_key_value_heads = a.n_head;
  if (a.num_key_value_heads < 1 || a.n_head % a.num_key_value_heads != 0)
    return error_at(path, -1, "n_head ", a.n_head, " is not a multiple of num_key_value_heads ", a.num_key_value_heads);
  if (!(a.dropout >= 0 && a.dropout < 1)) return error_at(path, -1, "dropout must be at least 0 and below 1, is ", a.dropout);
  for (const auto& [key, value] : {std::pair{"layer_norm_epsilon", a.layer_norm_epsilon}, {"rope_theta", a.rope_theta}})
    if (!(value > 0) || !std::isfinite(value)) return error_at(path, -1, key, " must be above 0, is ", value);
  if (const Result<model::ModelConfig> config = a.model_config(); !config.ok()) return error_at(path, -1, config.error().message);
  return a;
}

Json LabArchitecture::to_json() const {
  LabArchitecture copy = *this;
  SettingsTable table;
  describe(table, copy);
  Json out = table.to_json();
  return out;
}

Result<model::ModelConfig> LabArchitecture::model_config() const {
  model::PlainSize size;
  size.n_layer = n_layer;
  size.n_head = n_head;
  size.n_kv_head = num_key_value_heads > 0 ? num_key_value_heads : n_head;
  size.n_embd = d_model;
  size.mlp_hidden = d_ff > 0 ? d_ff : static_cast<int64_t>(ffn_ratio * static_cast<double>(d_model));
  size.sequence_len = sequence_length;
  size.vocab_size = vocab_size;
  size.tied = tie_word_embeddings;
  model::ModelConfig config = model::llama_config(size);
  config.norm_eps = layer_norm_epsilon;
  config.rope_base = rope_theta;
  config.dropout = dropout;
  LATHE_TRY_STATUS(config.validate());
  return config;
}

int64_t parameter_count(const LabArchitecture& architecture) {
  return model::Transformer(architecture.model_config().value(), DType::kFloat32, Device::kMeta).counts().total;
}

ParameterLines parameter_lines(const LabArchitecture& a) {
  const int64_t count = parameter_count(a);
  ParameterLines lines;
  lines.count = join_text("Model ", a.model_name, ": ", a.n_layer, " layers, width ", a.d_model, ", ", a.n_head, " heads of ", a.d_model / a.n_head,
                          ", hidden ", a.d_ff, ", ", a.tie_word_embeddings ? "tied" : "untied", " embeddings: ", with_thousands(count), " parameters");
  const auto exact = static_cast<double>(count), said = static_cast<double>(a.estimated_parameters);
  if (a.estimated_parameters != 0 && std::fabs(exact - said) > kEstimateMargin * said)
    lines.warning = join_text("estimated_parameters of ", a.model_name, " says ", with_thousands(a.estimated_parameters), ", its shape has ",
                              with_thousands(count), format_text(" (%+.1f %%)", 100 * (exact - said) / said));
  return lines;
}

}  // namespace lathe::train
