#include "eval/inspect.h"

#include <algorithm>
#include <cstdlib>

#include "core/manifest.h"
#include "core/sha256.h"
#include "core/text.h"
#include "data/packed_file.h"
#include "eval/results.h"
#include "tensor/gguf.h"
#include "tensor/safetensors.h"
#include "tokenizer/tokenizer.h"

namespace lathe::eval {
namespace {

constexpr size_t kShownTensors = 24, kShownItems = 12;
constexpr int kLongestValue = 160;

bool is_there(const fs::path& path) {
  std::error_code code;
  return fs::exists(path, code);
}

Json start(const char* kind, const fs::path& path) {
  Json out = Json::object();
  out["kind"] = kind;
  out["path"] = path.string();
  return out;
}

Status add_file(Json& out, const fs::path& file) {
  LATHE_TRY(const FileRecord record, record_file(file));
  out["bytes"] = record.bytes;
  out["sha256"] = record.sha256;
  return {};
}

// Tensors, their number and what they hold together.
Status add_tensors(Json& out, const fs::path& file) {
  LATHE_TRY(const SafetensorsFile read, read_safetensors(file));
  Json list = Json::array(), dtypes = Json::object();
  int64_t numbers = 0;
  for (const auto& [name, tensor] : read.tensors) {
    Json shape = Json::array();
    for (int i = 0; i < tensor.shape().rank(); ++i) shape.push_back(tensor.shape()[i]);
    const char* dtype = dtype_name(tensor.dtype());
    list.push_back(Json(Json::Object{{"name", name}, {"dtype", dtype}, {"shape", std::move(shape)}, {"bytes", tensor.bytes()}}));
    dtypes[dtype] = dtypes.get_int(dtype, 0) + 1;
    numbers += tensor.elements();
  }
  out["numbers"] = numbers;
  out["dtypes"] = std::move(dtypes);
  if (!read.metadata.empty()) {
    out["metadata"] = Json::object();
    for (const auto& [key, value] : read.metadata) out["metadata"][key] = value;
  }
  out["tensors"] = std::move(list);
  return {};
}

Json files_of(const std::vector<FileRecord>& records) {
  Json out = Json::array();
  for (const FileRecord& record : records)
    out.push_back(Json(Json::Object{{"path", record.path}, {"bytes", record.bytes}, {"sha256", record.sha256}}));
  return out;
}

Status add_manifest(Json& out, const fs::path& folder) {
  if (!is_there(folder / kManifestFile)) {
    out["manifest"] = "none: made before hashes were recorded, or by another program";
    return {};
  }
  LATHE_TRY(const Manifest manifest, read_manifest(folder, "", "make it again"));
  if (!manifest.tokenizer_sha256.empty()) out["tokenizer_sha256"] = manifest.tokenizer_sha256;
  if (!manifest.started.empty()) out["made"] = manifest.started + " to " + manifest.ended;
  if (manifest.counts.size() > 0) out["counts"] = manifest.counts;
  out["files"] = files_of(manifest.outputs);
  out["made_from"] = files_of(manifest.inputs);
  if (manifest.settings.size() > 0) out["settings"] = manifest.settings;
  return {};
}

Result<Json> inspect_checkpoint(const fs::path& folder) {
  Json out = start(is_there(folder / "adapter_model.safetensors") ? "checkpoint of an adapter" : "checkpoint", folder);
  LATHE_TRY(const Json meta, read_json(folder / "meta.json"));
  for (const char* key : {"stage", "step", "val_bpb", "tokenizer_hash", "model_config", "loop_state"})
    if (const Json* value = meta.find(key)) out[key] = *value;
  LATHE_TRY_STATUS(add_manifest(out, folder));
  if (const Json* settings = meta.find("user_config")) out["settings"] = *settings;
  for (const char* name : {"adapter_model.safetensors", "model.safetensors"})
    if (is_there(folder / name)) LATHE_TRY_STATUS(add_tensors(out, folder / name));
  return out;
}

Result<Json> inspect_run(const fs::path& folder, const std::vector<fs::path>& steps) {
  Json out = start("run", folder);
  out["checkpoints"] = Json::array();
  for (const fs::path& step : steps) {
    const Result<Json> meta = read_json(step / "meta.json");
    out["checkpoints"].push_back(join_text(step.filename().string(), meta.ok() ? "" : ", damaged: " + meta.error().to_string()));
    const Json* bpb = meta.ok() ? meta.value().find("val_bpb") : nullptr;
    if (bpb != nullptr && bpb->is_number())
      out["checkpoints"].as_array().back() = join_text(step.filename().string(), ", validation ", format_text("%.6f", bpb->as_double()));
  }
  if (is_there(folder / "metrics.jsonl")) LATHE_TRY_STATUS(add_file(out["metrics.jsonl"] = Json::object(), folder / "metrics.jsonl"));
  return out;
}

Result<Json> inspect_tokenizer(const fs::path& path) {
  LATHE_TRY(const tokenizer::Tokenizer read, tokenizer::Tokenizer::load(path));
  Json out = start("tokenizer", path);
  out["vocabulary"] = read.vocab_size();
  out["content_sha256"] = read.hash();
  const auto& specials = read.special_tokens();
  out["special_tokens"] = Json(Json::Array(specials.begin(), specials.end()));
  std::error_code code;
  if (fs::is_directory(path, code)) {
    LATHE_TRY_STATUS(add_manifest(out, path));
  } else {
    LATHE_TRY_STATUS(add_file(out, path));
  }
  return out;
}

Result<Json> inspect_hugging_face(const fs::path& folder) {
  Json out = start("model in Hugging Face's form", folder);
  LATHE_TRY(out["config.json"], read_json(folder / "config.json"));
  LATHE_TRY_STATUS(add_manifest(out, folder));
  LATHE_TRY_STATUS(add_tensors(out, folder / "model.safetensors"));
  return out;
}

// The folder of everything: what stages there are.
Result<Json> inspect_base(const fs::path& folder) {
  Json out = start("base folder", folder);
  for (const char* root : {"tokenizer", "base_data", "base_checkpoints", "mid_checkpoints", "chatsft_checkpoints", "chatdpo_checkpoints", "chatrl_checkpoints",
                           "eval_results", "report"}) {
    std::error_code code;
    if (!fs::is_directory(folder / root, code)) continue;
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder / root, code))
      if (!entry.path().filename().string().starts_with(".")) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    out[root] = Json(Json::Array(names.begin(), names.end()));
  }
  return out;
}

Result<Json> inspect_folder(const fs::path& folder) {
  if (is_there(folder / "meta.json") && (is_there(folder / "model.safetensors") || is_there(folder / "adapter_model.safetensors")))
    return inspect_checkpoint(folder);
  if (is_there(folder / "adapter_config.json")) {
    Json out = start("adapter", folder);
    for (const char* name : {"adapter_config.json", "lathe_adapter.json"}) {
      if (!is_there(folder / name)) continue;
      LATHE_TRY(out[name], read_json(folder / name));
    }
    LATHE_TRY_STATUS(add_manifest(out, folder));
    LATHE_TRY_STATUS(add_tensors(out, folder / "adapter_model.safetensors"));
    return out;
  }
  std::vector<fs::path> steps;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code))
    if (entry.path().filename().string().starts_with("step_") && is_there(entry.path() / "meta.json")) steps.push_back(entry.path());
  std::sort(steps.begin(), steps.end(), [](const fs::path& a, const fs::path& b) {
    const std::string x = a.filename().string(), y = b.filename().string();
    return std::pair(x.size(), x) < std::pair(y.size(), y);  // by number
  });
  if (!steps.empty()) return inspect_run(folder, steps);
  if (is_there(folder / "base_checkpoints") || is_there(folder / "eval_results")) return inspect_base(folder);
  if (is_there(folder / "config.json") && is_there(folder / "model.safetensors")) return inspect_hugging_face(folder);
  if (is_there(folder / "tokenizer.json") || is_there(folder / "tokenizer.pkl") || is_there(folder / "spm.model")) return inspect_tokenizer(folder);
  if (is_there(folder / kSummaryFile)) return inspect(folder / kSummaryFile);
  if (is_there(folder / "report.json")) return inspect(folder / "report.json");
  if (is_there(folder / kManifestFile)) {
    Json out = start("folder", folder);
    LATHE_TRY(const Manifest manifest, read_manifest(folder, "", "make it again"));
    out["kind"] = manifest.kind;
    LATHE_TRY_STATUS(add_manifest(out, folder));
    return out;
  }
  return error_at(folder.string(), -1, "is a folder without a manifest.json, a checkpoint, an adapter, a tokenizer or results; name one of its files");
}

Result<Json> inspect_packed(const fs::path& file) {
  LATHE_TRY(const data::PackedFile packed, data::PackedFile::open(file));
  Json out = start("packed shard", file);
  LATHE_TRY_STATUS(add_file(out, file));
  const data::PackedHeader& header = packed.header();
  out["tokens"] = header.tokens;
  out["bytes_per_token"] = header.token_bytes;
  out["sequence_length"] = header.sequence_length;
  out["sequences"] = header.sequences;
  out["documents"] = packed.documents();
  out["tokenizer_sha256"] = data::to_hex(header.tokenizer);
  return out;
}

Json value_of(const GgufValue& value) {
  if (const auto text = value.text()) return Json(std::string(*text));
  if (const auto flag = value.boolean()) return Json(*flag);
  if (const auto whole = value.integer()) return Json(*whole);
  if (const auto number = value.number()) return Json(*number);
  if (value.kind() != GgufKind::kArray) return Json(gguf_kind_name(value.kind()));
  return Json(join_text(value.size(), " of ", gguf_kind_name(value.element_kind())));
}

Result<Json> inspect_gguf(const fs::path& file) {
  LATHE_TRY(const GgufFile read, read_gguf(file));
  Json out = start("GGUF", file), metadata = Json::object(), list = Json::array(), types = Json::object();
  LATHE_TRY_STATUS(add_file(out, file));
  out["version"] = int64_t{read.version};
  for (const auto& [key, value] : read.metadata) metadata[key] = value_of(value);
  int64_t numbers = 0;
  for (const GgufTensor& tensor : read.tensors) {
    Json shape = Json::array();
    for (int i = 0; i < tensor.shape().rank(); ++i) shape.push_back(tensor.shape()[i]);
    const char* type = block_code(tensor.type).name;
    list.push_back(Json(Json::Object{{"name", tensor.name}, {"dtype", type}, {"shape", std::move(shape)}, {"bytes", tensor.bytes}}));
    types[type] = types.get_int(type, 0) + 1;
    numbers += tensor.elements();
  }
  out["numbers"] = numbers;
  out["dtypes"] = std::move(types);
  out["metadata"] = std::move(metadata);
  out["tensors"] = std::move(list);
  return out;
}

Result<Json> inspect_json(const fs::path& file) {
  LATHE_TRY(const Json read, read_json(file));
  const bool summary = file.filename() == kSummaryFile && read.contains("about");
  const bool report = read.contains("curves") && read.contains("summary");
  Json out = start(summary ? "results of an evaluation" : report ? "report" : "JSON", file);
  LATHE_TRY_STATUS(add_file(out, file));
  if (summary) {
    for (const auto& [key, value] : read.as_object()) out[key] = value;
  } else if (report) {
    for (const char* key : {"generated", "tag", "run_started", "wall_clock", "summary", "missing", "made_from"})
      if (const Json* value = read.find(key)) out[key] = *value;
  } else if (read.is_object()) {
    Json keys = Json::array();
    for (const auto& [key, value] : read.as_object()) keys.push_back(key + " (" + value.type_name() + ")");
    out["keys"] = std::move(keys);
  }
  return out;
}

Result<Json> inspect_lines(const fs::path& file) {
  Json out = start("JSON lines", file);
  LATHE_TRY_STATUS(add_file(out, file));
  LATHE_TRY(const MappedFile map, MappedFile::open(file));
  const std::string_view text = map.view();
  out["lines"] = static_cast<int64_t>(std::count(text.begin(), text.end(), '\n')) + (text.empty() || text.back() == '\n' ? 0 : 1);
  const Result<Json> first = parse_json(text.substr(0, text.find('\n')), file.string());
  if (!first.ok()) return first.error();
  out["first_line"] = first.value();
  return out;
}

std::string value_text(const Json& value) {
  std::string text = value.is_string() ? value.as_string() : value.is_int() && std::llabs(value.as_int()) >= 100'000 ? with_thousands(value.as_int()) : value.dump();
  if (text.size() > kLongestValue) text = repair_utf8(text.substr(0, kLongestValue)) + " ...";
  return text;
}

std::string record_text(const Json& record) {
  return join_text(record.get_string("path", ""), "  ", with_thousands(record.get_int("bytes", 0)), " bytes  ", record.get_string("sha256", ""));
}

std::string tensor_text(const Json& tensor) {
  std::string shape;
  for (const Json& size : tensor.at("shape").as_array()) shape += (shape.empty() ? "" : ", ") + std::to_string(size.as_int());
  return format_text("%-44s %-5s (%s)", tensor.get_string("name", "").c_str(), tensor.get_string("dtype", "").c_str(), shape.c_str());
}

}  // namespace

Result<Json> inspect(const fs::path& path) {
  std::error_code code;
  if (!fs::exists(path, code)) return error_at(path.string(), -1, "no such file or folder");
  if (fs::is_directory(path, code)) return inspect_folder(path);
  const std::string name = path.filename().string(), ending = path.extension().string();
  if (ending == ".safetensors") {
    Json out = start("safetensors", path);
    LATHE_TRY_STATUS(add_file(out, path));
    LATHE_TRY_STATUS(add_tensors(out, path));
    return out;
  }
  if (name == "tokenizer.json" || name == "tokenizer.pkl" || ending == ".tiktoken" || (ending == ".model" && name.find("spm") != std::string::npos))
    return inspect_tokenizer(path);
  if (ending == ".bin" && is_there(fs::path(path).replace_extension(".idx"))) return inspect_packed(path);
  if (ending == ".gguf") return inspect_gguf(path);
  if (ending == ".json") return inspect_json(path);
  if (ending == ".jsonl") return inspect_lines(path);
  Json out = start("file", path);
  LATHE_TRY_STATUS(add_file(out, path));
  return out;
}

std::string inspect_text(const Json& facts, bool all) {
  std::string out;
  for (const auto& [key, value] : facts.as_object()) {
    const bool listed = value.is_array() && value.size() > 0 && (value.at(size_t{0}).is_object() || value.size() > kShownItems || key == "checkpoints");
    if (!listed && !(value.is_object() && value.size() > 0)) {
      out += join_text(key, ": ", value_text(value), "\n");
      continue;
    }
    out += join_text(key, value.is_array() ? join_text(" (", value.size(), ")") : "", ":\n");
    if (value.is_object()) {
      for (const auto& [name, item] : value.as_object()) out += join_text("  ", name, ": ", value_text(item), "\n");
      continue;
    }
    size_t shown = 0;
    for (const Json& item : value.as_array()) {
      if (!all && shown++ == kShownTensors) {
        out += join_text("  ... ", value.size() - kShownTensors, " more, with --all\n");
        break;
      }
      out += "  " + (item.contains("shape") ? tensor_text(item) : item.contains("sha256") ? record_text(item) : value_text(item)) + "\n";
    }
  }
  return out;
}

}  // namespace lathe::eval
