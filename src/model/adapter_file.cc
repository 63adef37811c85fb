#include "model/adapter_file.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/text.h"

namespace lathe::model {

using autograd::Parameter;

namespace {

constexpr std::string_view kPrefix = "base_model.model.";
constexpr std::string_view kDown = ".lora_A.weight";
constexpr int64_t kRecordSchema = 1;
constexpr int64_t kHeaderBytes = 1 << 16;

std::string last_part(const std::string& layer) { return layer.substr(layer.rfind('.') + 1); }

// The names of PEFT's target_modules: last parts where they say the same, else whole names.
Json target_list(const Adapter& adapter) {
  std::set<std::string> layers, parts;
  for (const Parameter* p : adapter.parameters())
    if (p->name.ends_with(kDown)) layers.insert(p->name.substr(0, p->name.size() - kDown.size()));
  for (const std::string& layer : layers) parts.insert(last_part(layer));
  bool same = true;
  for (const Parameter* p : adapter.transformer().parameters()) {
    if (!p->name.ends_with(".weight")) continue;
    const std::string layer = p->name.substr(0, p->name.size() - std::string_view(".weight").size());
    same = same && parts.contains(last_part(layer)) == layers.contains(layer);
  }
  Json out = Json::array();
  for (const std::string& name : same ? parts : layers) out.push_back(name);
  return out;
}

Json peft_config(const Adapter& adapter, const AdapterRecord& record) {
  const AdapterConfig& c = adapter.config();
  Json modules;
  if (!c.modules_to_save.empty()) {
    modules = Json::array();
    for (const std::string& name : c.modules_to_save) modules.push_back(name);
  }
  Json out = Json::object();
  out["peft_type"] = "LORA";
  out["task_type"] = "CAUSAL_LM";
  out["base_model_name_or_path"] = fs::path(record.base.path).parent_path().string();
  out["inference_mode"] = true;
  out["r"] = c.r;
  const bool whole = c.alpha == std::floor(c.alpha) && c.alpha < 1e15;
  out["lora_alpha"] = whole ? Json(static_cast<int64_t>(c.alpha)) : Json(c.alpha);
  out["lora_dropout"] = c.dropout;
  out["target_modules"] = target_list(adapter);
  out["bias"] = "none";
  out["fan_in_fan_out"] = false;
  out["init_lora_weights"] = true;
  out["modules_to_save"] = modules;
  out["use_rslora"] = c.rslora;
  out["use_dora"] = c.dora;
  return out;
}

// Keys that say nothing about what the tensors mean.
bool is_note(std::string_view key) {
  static constexpr std::string_view kNotes[] = {"base_model_name_or_path", "task_type", "inference_mode", "init_lora_weights", "revision",
                                                "peft_version", "auto_mapping", "megatron_core", "qalora_group_size", "runtime_config"};
  return std::find(std::begin(kNotes), std::end(kNotes), key) != std::end(kNotes);
}

bool is_neutral(const Json& value) {
  return value.is_null() || (value.is_bool() && !value.as_bool()) || (value.is_array() && value.as_array().empty()) ||
         (value.is_object() && value.as_object().empty());
}

Result<std::vector<std::string>> read_names(const Json& value, const std::string& path, const std::string& key) {
  std::vector<std::string> out;
  if (value.is_null()) return out;
  if (!value.is_array()) return error_at(path, -1, "key \"", key, "\" must be a list of names");
  for (const Json& name : value.as_array()) {
    if (!name.is_string() || name.as_string().empty()) return error_at(path, -1, "key \"", key, "\" must be a list of names");
    out.push_back(name.as_string());
  }
  return out;
}

// A pattern or a choice of layers is resolved by what the file holds.
std::vector<std::string> layers_of(const SafetensorsFile& tensors) {
  std::vector<std::string> out;
  for (const auto& [name, tensor] : tensors.tensors)
    if (name.starts_with(kPrefix) && name.ends_with(kDown)) out.push_back(name.substr(kPrefix.size(), name.size() - kPrefix.size() - kDown.size()));
  return out;
}

Result<double> read_number(const Json& json, const std::string& path, const char* key, double fallback) {
  const Json* value = json.find(key);
  if (value == nullptr || value->is_null()) return fallback;
  if (!value->is_number() || !std::isfinite(value->as_double())) return error_at(path, -1, "key \"", key, "\" must be a number");
  return value->as_double();
}

Result<bool> read_switch(const Json& json, const std::string& path, const char* key) {
  const Json* value = json.find(key);
  if (value == nullptr || value->is_null()) return false;
  if (!value->is_bool()) return error_at(path, -1, "key \"", key, "\" must be true or false");
  return value->as_bool();
}

bool is_finite(const Tensor& tensor) {
  const Tensor numbers = tensor.to(DType::kFloat32);
  const auto values = numbers.span<float>();
  return std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
}

Result<AdapterConfig> read_peft_config(const Json& json, const std::string& path, const SafetensorsFile& tensors) {
  if (!json.is_object()) return error_at(path, -1, "the configuration is not an object");
  if (const std::string type = json.get_string("peft_type", ""); type != "LORA")
    return error_at(path, -1, "key \"peft_type\" is \"", type, "\"; LORA is known");
  AdapterConfig c;
  const Json* r = json.find("r");
  if (r == nullptr || !r->is_int() || r->as_int() < 1) return error_at(path, -1, "key \"r\" must be a whole number above 0");
  c.r = r->as_int();
  LATHE_TRY(c.alpha, read_number(json, path, "lora_alpha", 8));
  LATHE_TRY(c.dropout, read_number(json, path, "lora_dropout", 0));
  const Json* layers = json.find("layers_to_transform");
  const Json* targets = json.find("target_modules");
  if (targets == nullptr || targets->is_null()) return error_at(path, -1, "key \"target_modules\" is missing");
  if (targets->is_string() || (layers != nullptr && !is_neutral(*layers))) {
    c.targets = layers_of(tensors);
  } else {
    LATHE_TRY(c.targets, read_names(*targets, path, "target_modules"));
  }
  if (c.targets.empty()) return error_at(path, -1, "the adapter has no layers");
  if (const Json* modules = json.find("modules_to_save")) {
    LATHE_TRY(c.modules_to_save, read_names(*modules, path, "modules_to_save"));
  }
  static constexpr std::string_view kRead[] = {"peft_type", "r", "lora_alpha", "lora_dropout", "target_modules", "modules_to_save",
                                               "layers_to_transform", "layers_pattern", "use_rslora", "use_dora"};
  for (const auto& [key, value] : json.as_object()) {
    if (std::find(std::begin(kRead), std::end(kRead), key) != std::end(kRead) || is_note(key) || is_neutral(value)) continue;
    if (key == "bias" && value.is_string() && value.as_string() == "none") continue;
    return error_at(path, -1, "key \"", key, "\" has the value ", value.dump(), ", which is not known here");
  }
  LATHE_TRY(c.rslora, read_switch(json, path, "use_rslora"));
  LATHE_TRY(c.dora, read_switch(json, path, "use_dora"));
  return c;
}

Result<AdapterGround> read_ground(const Json* json, const std::string& path) {
  if (json == nullptr || !json->is_object()) return error_at(path, -1, "what the adapter rests on is not said");
  AdapterGround ground{json->get_string("path", ""), json->get_string("sha256", "")};
  if (ground.path.empty() || ground.sha256.size() != 64) return error_at(path, -1, "what the adapter rests on has no path or no SHA-256");
  return ground;
}

Json ground_json(const AdapterGround& ground) {
  Json out = Json::object();
  out["path"] = ground.path;
  out["sha256"] = ground.sha256;
  return out;
}

// `parameters` from `tensors` under `prefix`; with `copy` the values are taken, else they are looked at only.
Status take(const SafetensorsFile& tensors, const std::string& path, std::string_view prefix, const std::vector<Parameter*>& parameters,
            size_t others, bool copy) {
  for (const Parameter* p : parameters) {
    const std::string name = std::string(prefix) + p->name;
    const Tensor* found = tensors.find(name);
    if (found == nullptr) return error_at(path, -1, "tensor \"", name, "\" is missing");
    if (found->shape() != p->value.shape())
      return error_at(path, -1, "tensor \"", name, "\" has shape ", join_text(found->shape()), ", the adapter's is ", join_text(p->value.shape()));
    if (found->dtype() != DType::kFloat32 && found->dtype() != DType::kBFloat16)
      return error_at(path, -1, "tensor \"", name, "\" is ", dtype_name(found->dtype()), ", fp32 or bf16 is needed");
    if (!copy && !is_finite(*found)) return error_at(path, -1, "tensor \"", name, "\" holds a value that is not finite: the file is damaged");
    if (copy) p->value.copy_from(found->to(DType::kFloat32));
  }
  if (tensors.tensors.size() == parameters.size() + others) return {};
  for (const auto& [name, tensor] : tensors.tensors) {
    const auto same = [&, &full = name](const Parameter* p) { return full == std::string(prefix) + p->name; };
    if (std::none_of(parameters.begin(), parameters.end(), same) && !(others > 0 && name == "ids"))
      return error_at(path, -1, "tensor \"", name, "\" does not belong to this adapter");
  }
  return error_at(path, -1, "holds a tensor twice");
}

// Of PEFT's file, and of the file of rows.
std::pair<std::vector<Parameter*>, std::vector<Parameter*>> parts_of(const Adapter& adapter) {
  const auto& all = adapter.parameters();
  const auto rows = all.begin() + adapter.low_rank_count(), modules = rows + adapter.row_count();
  std::vector<Parameter*> common(all.begin(), rows);
  common.insert(common.end(), modules, all.end());
  return {common, {rows, modules}};
}

}  // namespace

Json AdapterRecord::to_json() const {
  Json out = Json::object();
  out["schema"] = kRecordSchema;
  out["base"] = ground_json(base);
  out["below"] = Json::array();
  for (const AdapterGround& ground : below) out["below"].push_back(ground_json(ground));
  out["weight_bits"] = weight_bits;
  out["tokenizer_hash"] = tokenizer_hash;
  out["chat_template"] = chat_template;
  return out;
}

Result<AdapterRecord> AdapterRecord::from_json(const Json& json, const std::string& path) {
  if (const int64_t schema = json.get_int("schema", 0); schema != kRecordSchema)
    return error_at(path, -1, "adapter record schema ", schema, " is not known (", kRecordSchema, " is)");
  AdapterRecord record;
  LATHE_TRY(record.base, read_ground(json.find("base"), path));
  const Json* below = json.find("below");
  if (below != nullptr && !below->is_array()) return error_at(path, -1, "key \"below\" must be a list");
  if (below != nullptr)
    for (const Json& entry : below->as_array()) {
      LATHE_TRY(AdapterGround ground, read_ground(&entry, path));
      record.below.push_back(std::move(ground));
    }
  const int64_t bits = json.get_int("weight_bits", 16);
  if (bits != 16 && bits != 8 && bits != 4) return error_at(path, -1, "weights of ", bits, " bits are not known; 16, 8 and 4 are");
  record.weight_bits = static_cast<int>(bits);
  record.tokenizer_hash = json.get_string("tokenizer_hash", "");
  record.chat_template = json.get_string("chat_template", "");
  return record;
}

Status write_adapter_folder(const fs::path& folder, const Adapter& adapter, const AdapterRecord& record) {
  const auto [common, rows] = parts_of(adapter);
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const Parameter* p : common) tensors.emplace_back(std::string(kPrefix) + p->name, p->value);
  LATHE_TRY_STATUS(write_safetensors(folder / kAdapterTensorsName, tensors, {{"format", "pt"}}));
  Json ours = record.to_json();
  if (!rows.empty()) {
    tensors.clear();
    const auto& ids = adapter.config().token_rows;
    tensors.emplace_back("ids", Tensor::of<int32_t>(ids, {static_cast<int64_t>(ids.size())}));
    for (const Parameter* p : rows) tensors.emplace_back(p->name, p->value);
    LATHE_TRY_STATUS(write_safetensors(folder / kAdapterRowsName, tensors));
    ours["note"] = "the trained rows of token_rows.safetensors are not part of PEFT's form; programs that read only that form ignore them";
  }
  LATHE_TRY_STATUS(write_json_atomic(folder / kAdapterRecordName, ours));
  return write_json_atomic(folder / kAdapterConfigName, peft_config(adapter, record));
}

int64_t adapter_folder_bytes(const Adapter& adapter) { return adapter.count() * int64_t{sizeof(float)} + 4 * kHeaderBytes; }

Result<AdapterFolder> read_adapter_folder(const fs::path& folder) {
  AdapterFolder out;
  out.path = folder;
  const fs::path config = folder / kAdapterConfigName, record = folder / kAdapterRecordName, rows = folder / kAdapterRowsName;
  LATHE_TRY(const Json json, read_json(config));
  LATHE_TRY(out.tensors, read_safetensors(folder / kAdapterTensorsName));
  LATHE_TRY(out.config, read_peft_config(json, config.string(), out.tensors));
  for (const auto& [name, tensor] : out.tensors.tensors)
    if (name.ends_with(kDown) && (tensor.rank() != 2 || tensor.dim(0) != out.config.r))
      return error_at((folder / kAdapterTensorsName).string(), -1, "tensor \"", name, "\" has shape ", join_text(tensor.shape()),
                      ", the rank in the configuration is ", out.config.r);
  std::error_code code;
  if (fs::exists(record, code)) {
    LATHE_TRY(const Json ours, read_json(record));
    LATHE_TRY(out.record, AdapterRecord::from_json(ours, record.string()));
    out.has_record = true;
  }
  if (fs::exists(rows, code)) {
    LATHE_TRY(out.rows, read_safetensors(rows));
    const Tensor* ids = out.rows.find("ids");
    if (ids == nullptr || ids->dtype() != DType::kInt32 || ids->rank() != 1)
      return error_at(rows.string(), -1, "tensor \"ids\" is missing or no list of int32");
    const auto values = ids->span<int32_t>();
    out.config.token_rows.assign(values.begin(), values.end());
    if (!std::is_sorted(values.begin(), values.end(), std::less_equal<>()))
      return error_at(rows.string(), -1, "the ids are not ascending");
  }
  return out;
}

Status fill_adapter(const AdapterFolder& folder, Adapter& adapter) {
  const auto [common, rows] = parts_of(adapter);
  const std::string path = (folder.path / kAdapterTensorsName).string(), rows_path = (folder.path / kAdapterRowsName).string();
  if (folder.config.token_rows != adapter.config().token_rows)
    return error_at(rows_path, -1, "rows of other tokens are trained than in this adapter");
  const AdapterConfig &theirs = folder.config, &ours = adapter.config();
  if (theirs.scale() != ours.scale() || theirs.dora != ours.dora)
    return error_at((folder.path / kAdapterConfigName).string(), -1, "has another scale or form than this adapter (r ", theirs.r, ", alpha ",
                    theirs.alpha, "; here ", ours.r, ", ", ours.alpha, ")");
  for (const bool copy : {false, true}) {
    LATHE_TRY_STATUS(take(folder.tensors, path, kPrefix, common, 0, copy));
    if (!rows.empty()) LATHE_TRY_STATUS(take(folder.rows, rows_path, "", rows, 1, copy));
  }
  adapter.refresh();
  return {};
}

Result<std::unique_ptr<Adapter>> load_adapter(Transformer& model, const fs::path& path, bool trainable) {
  LATHE_TRY(const AdapterFolder folder, read_adapter_folder(path));
  LATHE_TRY(std::unique_ptr<Adapter> adapter, Adapter::create(model, folder.config, 0, trainable));
  LATHE_TRY_STATUS(fill_adapter(folder, *adapter));
  return adapter;
}

}  // namespace lathe::model
