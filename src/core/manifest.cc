#include "core/manifest.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/environment.h"
#include "core/parallel.h"
#include "core/sha256.h"

namespace lathe {
namespace {

constexpr int64_t kSchema = 1;

Json sorted(const Json& value) {
  if (value.is_array()) {
    Json out = Json::array();
    for (const Json& item : value.as_array()) out.push_back(sorted(item));
    return out;
  }
  if (!value.is_object()) return value;
  Json::Object out;
  for (const auto& [key, item] : value.as_object()) out.emplace_back(key, sorted(item));
  std::stable_sort(out.begin(), out.end(), [](const Json::Member& a, const Json::Member& b) { return a.first < b.first; });
  return Json(std::move(out));
}

Json records_to_json(const std::vector<FileRecord>& records) {
  Json out = Json::array();
  for (const FileRecord& record : records)
    out.push_back(Json(Json::Object{{"path", record.path}, {"bytes", record.bytes}, {"sha256", record.sha256}}));
  return out;
}

bool is_sha256(const std::string& text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Result<std::vector<FileRecord>> records_from_json(const Json& manifest, const char* key, const std::string& path) {
  std::vector<FileRecord> records;
  const Json* list = manifest.find(key);
  if (list == nullptr) return records;
  if (!list->is_array()) return error_at(path, -1, "key \"", key, "\" must be a list");
  for (const Json& item : list->as_array()) {
    const Json* bytes = item.find("bytes");
    FileRecord record{item.get_string("path", ""), bytes != nullptr && bytes->is_int() ? bytes->as_int() : -1, item.get_string("sha256", "")};
    if (record.path.empty() || record.bytes < 0 || !is_sha256(record.sha256))
      return error_at(path, -1, "an entry of \"", key, "\" lacks a path, its bytes or a SHA-256");
    records.push_back(std::move(record));
  }
  return records;
}

// Keys that to_json writes itself; all others are the stage's details.
constexpr std::array kOwnKeys = {"schema",  "kind",   "tool",   "tool_version", "config_sha256", "tokenizer_sha256", "settings",
                                 "seed",    "inputs", "outputs", "counts",       "started",       "ended",            "seconds"};

// Outputs stand below the manifest's folder, whatever the file claims.
bool is_inside(const fs::path& relative) {
  const fs::path normal = relative.lexically_normal();
  return !normal.empty() && normal.is_relative() && *normal.begin() != "..";
}

}  // namespace

Result<FileRecord> record_file(const fs::path& path, std::string name) {
  std::error_code code;
  const auto bytes = fs::file_size(path, code);
  if (code) return error_at(path.string(), -1, "cannot ask for the size: ", code.message());
  LATHE_TRY(std::string hash, sha256_file(path));
  return FileRecord{name.empty() ? path.string() : std::move(name), static_cast<int64_t>(bytes), std::move(hash)};
}

Json Manifest::to_json() const {
  Json out = Json::object();
  out["schema"] = kSchema;
  out["kind"] = kind;
  out["tool"] = "lathe";
  out["tool_version"] = tool_version();
  out["config_sha256"] = config_sha256;
  if (!tokenizer_sha256.empty()) out["tokenizer_sha256"] = tokenizer_sha256;
  for (const auto& [key, value] : details.as_object()) out[key] = value;
  out["settings"] = settings;
  out["seed"] = seed;
  out["inputs"] = records_to_json(inputs);
  out["outputs"] = records_to_json(outputs);
  out["counts"] = counts;
  out["started"] = started;
  out["ended"] = ended;
  out["seconds"] = seconds;
  return out;
}

std::string config_hash(const Json& settings) { return sha256_hex(sorted(settings).dump()); }

Status write_manifest(const fs::path& folder, const Manifest& manifest) { return write_json_atomic(folder / kManifestFile, manifest.to_json()); }

Result<Manifest> read_manifest(const fs::path& file_or_folder, const std::string& kind, const std::string& remedy) {
  std::error_code code;
  const fs::path path = fs::is_directory(file_or_folder, code) ? file_or_folder / kManifestFile : file_or_folder;
  if (!fs::exists(path, code)) return error_at(path.string(), -1, "no such manifest; ", remedy);
  LATHE_TRY(const Json json, read_json(path));
  Manifest out;
  out.kind = json.get_string("kind", "");
  const Json* schema = json.find("schema");
  if (!json.is_object() || out.kind.empty() || schema == nullptr || !schema->is_int())
    return error_at(path.string(), -1, "is not a manifest of lathe (it has no \"schema\" or no \"kind\"); ", remedy);
  if (schema->as_int() > kSchema)
    return error_at(path.string(), -1, "has schema ", schema->as_int(), ", this program knows up to ", kSchema, "; use a newer lathe");
  if (!kind.empty() && out.kind != kind) return error_at(path.string(), -1, "is a manifest of kind \"", out.kind, "\", one of kind \"", kind, "\" is needed; ", remedy);
  for (const char* key : {"config_sha256", "tokenizer_sha256", "started", "ended"})
    if (const Json* value = json.find(key); value != nullptr && !value->is_string()) return error_at(path.string(), -1, "key \"", key, "\" must be a string");
  for (const char* key : {"seed", "seconds"})
    if (const Json* value = json.find(key); value != nullptr && !value->is_number()) return error_at(path.string(), -1, "key \"", key, "\" must be a number");
  for (const char* key : {"settings", "counts"})
    if (const Json* value = json.find(key); value != nullptr && !value->is_object()) return error_at(path.string(), -1, "key \"", key, "\" must be an object");
  out.config_sha256 = json.get_string("config_sha256", "");
  out.tokenizer_sha256 = json.get_string("tokenizer_sha256", "");
  out.started = json.get_string("started", "");
  out.ended = json.get_string("ended", "");
  out.seed = static_cast<int64_t>(json.get_double("seed", 0));
  out.seconds = json.get_double("seconds", 0);
  if (const Json* settings = json.find("settings")) out.settings = *settings;
  if (const Json* counts = json.find("counts")) out.counts = *counts;
  LATHE_TRY(out.inputs, records_from_json(json, "inputs", path.string()));
  LATHE_TRY(out.outputs, records_from_json(json, "outputs", path.string()));
  for (const FileRecord& record : out.outputs)
    if (!is_inside(record.path)) return error_at(path.string(), -1, "names an output outside of its folder: ", record.path);
  for (const auto& [key, value] : json.as_object())
    if (std::find(kOwnKeys.begin(), kOwnKeys.end(), key) == kOwnKeys.end()) out.details[key] = value;
  return out;
}

Status verify_outputs(const fs::path& folder, const Manifest& manifest, const std::string& remedy) {
  std::vector<std::optional<Error>> errors(manifest.outputs.size());
  parallel_for(static_cast<int64_t>(manifest.outputs.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const FileRecord& wanted = manifest.outputs[static_cast<size_t>(i)];
      const std::string path = (folder / wanted.path).string();
      const auto fail = [&](const auto&... parts) { errors[static_cast<size_t>(i)] = error_at(path, -1, parts..., "; ", remedy); };
      std::error_code code;
      const auto bytes = fs::file_size(path, code);
      if (code) {
        fail("is absent, its manifest lists it");
      } else if (static_cast<int64_t>(bytes) != wanted.bytes) {
        fail("has ", bytes, " bytes, its manifest says ", wanted.bytes);
      } else if (const Result<std::string> hash = sha256_file(path); !hash.ok()) {
        errors[static_cast<size_t>(i)] = hash.error();
      } else if (hash.value() != wanted.sha256) {
        fail("was changed: SHA-256 ", hash.value(), ", its manifest says ", wanted.sha256);
      }
    }
  });
  for (const std::optional<Error>& error : errors)
    if (error.has_value()) return *error;
  return {};
}

Status verify_recorded(const fs::path& folder, const std::string& remedy) {
  std::error_code code;
  if (!fs::exists(folder / kManifestFile, code)) return {};
  LATHE_TRY(const Manifest manifest, read_manifest(folder, "", remedy));
  return verify_outputs(folder, manifest, remedy);
}

}  // namespace lathe
