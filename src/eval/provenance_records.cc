#include "eval/provenance_records.h"

#include <algorithm>

#include "core/manifest.h"
#include "core/text.h"
#include "eval/results.h"
#include "eval/stage_folders.h"

namespace lathe::eval {
namespace {

constexpr const char *kAdapterRecord = "lathe_adapter.json", *kMetaFile = "meta.json";
constexpr int kFoldersAbove = 6;
bool is_there(const fs::path& path) {
  std::error_code code;
  return fs::exists(path, code);
}

ProvenanceLink link_to(const std::string& path, const std::string& sha256, const fs::path& folder, bool is_input) {
  ProvenanceLink link;
  link.is_input = is_input;
  link.path = path;
  link.recorded = sha256;
  link.file = is_input ? find_recorded(path, folder) : is_there(folder / path) ? folder / path : fs::path();
  return link;
}

void read_manifest_record(const fs::path& file, ProvenanceNode& node) {
  const Result<Manifest> read = read_manifest(file, "", "make it again");
  if (!read.ok()) {
    node.kind = "manifest";
    node.problem = read.error().to_string();
    return;
  }
  const Manifest& manifest = read.value();
  node.kind = manifest.kind;
  for (const FileRecord& output : manifest.outputs) node.links.push_back(link_to(output.path, output.sha256, node.folder, false));
  for (const FileRecord& input : manifest.inputs) node.links.push_back(link_to(input.path, input.sha256, node.folder, true));
  if (const Json* gaps = manifest.details.find("not_recorded"); gaps != nullptr && gaps->is_array())
    for (const Json& gap : gaps->as_array())
      if (gap.is_string()) node.links.push_back(link_to(gap.as_string(), "", node.folder, true));
}

void read_adapter_record(const Json& json, ProvenanceNode& node) {
  node.kind = "adapter";
  const auto add = [&](const Json& entry) {
    if (entry.is_object()) node.links.push_back(link_to(entry.get_string("path", "?"), entry.get_string("sha256", ""), node.folder, true));
  };
  if (const Json* base = json.find("base")) add(*base);
  if (const Json* below = json.find("below"); below != nullptr && below->is_array())
    for (const Json& entry : below->as_array()) add(entry);
}

// A data file of which the name alone is on record, below the base folder; what stages wrote is none. Empty: not found.
fs::path find_data(const fs::path& base, const std::string& name) {
  std::error_code code;
  if (is_there(base / "eval" / name)) return base / "eval" / name;
  for (fs::recursive_directory_iterator it(base, fs::directory_options::skip_permission_denied, code), end; it != end && !code; it.increment(code)) {
    const std::string entry = it->path().filename().string();
    if (it->is_directory(code) && (entry == "eval_results" || entry.ends_with("_checkpoints"))) it.disable_recursion_pending();
    if (entry == name && it->is_regular_file(code)) return it->path();
  }
  return {};
}

ProvenanceLink data_link(const std::string& path, const std::string& sha256, const fs::path& folder) {
  if (fs::path(path).has_parent_path()) return link_to(path, sha256, folder, true);
  ProvenanceLink link;
  link.is_input = true;
  link.path = path;
  link.file = find_data(folder.parent_path().parent_path().parent_path(), path);
  if (!link.file.empty()) link.recorded = sha256;  // else nothing says where it lay
  return link;
}

// A figure's own files: its answers, and the data it was measured on.
void add_figure(const std::string& name, const Json& figure, ProvenanceNode& node) {
  if (const std::string answers = figure.get_string("answers", ""); !answers.empty())
    node.links.push_back(link_to(answers, figure.get_string("answers_sha256", ""), node.folder, false));
  const Json* data = figure.find("data");
  if (data == nullptr) return;
  const auto add = [&](const Json& entry) {
    if (entry.is_object() && entry.contains("sha256"))
      node.links.push_back(data_link(entry.get_string("path", entry.get_string("file", name)), entry.get_string("sha256", ""), node.folder));
  };
  if (data->is_array())
    for (const Json& entry : data->as_array()) add(entry);
  add(*data);
  if (data->is_object() && !data->contains("sha256"))  // {file: hash, ...}
    for (const auto& [path, hash] : data->as_object())
      if (hash.is_string() && hash.as_string().size() == 64) node.links.push_back(data_link(path, hash.as_string(), node.folder));
}

void read_summary(const Json& json, ProvenanceNode& node) {
  node.kind = "evaluation";
  const Json none = Json::object();
  const Json* about = json.find("about");
  if (about == nullptr || !about->is_object()) about = &none;
  const fs::path base = node.folder.parent_path().parent_path().parent_path();
  const std::string source = about->get_string("source", ""), tag = about->get_string("tag", "");
  for (const StageFolder& stage : kStageFolders) {
    if (source != stage.stage) continue;
    const fs::path step = base / stage.folder / tag / join_text("step_", about->get_int("step", 0));
    const char* weights = is_there(step / "adapter_model.safetensors") ? "adapter_model.safetensors" : "model.safetensors";
    std::string recorded;
    if (const Json* hashes = about->find("weights_sha256"); hashes != nullptr && hashes->is_array() && hashes->size() > 0 && hashes->as_array().back().is_string())
      recorded = hashes->as_array().back().as_string();  // an adapter's own file comes after what it rests on
    node.links.push_back(link_to((step / weights).lexically_relative(base).generic_string(), recorded, node.folder, true));
    fs::path tokenizer = base / "tokenizer";
    if (const Result<Json> meta = read_json(step / kMetaFile); meta.ok())
      if (const Json* settings = meta.value().find("user_config"); settings != nullptr && settings->is_object())
        if (const fs::path own = find_recorded(settings->get_string("tokenizer", ""), base); !own.empty()) tokenizer = own;
    ProvenanceLink link = link_to(tokenizer.lexically_relative(base).generic_string(), about->get_string("tokenizer_sha256", ""), node.folder, true);
    link.file = is_there(tokenizer) ? tokenizer : fs::path();
    link.is_tokenizer = true;
    node.links.push_back(std::move(link));
  }
  for (const auto& [section, figures] : json.as_object()) {
    if (section == "about" || !figures.is_object()) continue;
    for (const auto& [name, figure] : figures.as_object())
      if (figure.is_object()) add_figure(name, figure, node);
  }
}

}  // namespace

bool is_record(const fs::path& file) {
  const std::string name = file.filename().string();
  return name == kManifestFile || name == kAdapterRecord || name == kSummaryFile || name == kMetaFile;
}

Result<std::vector<fs::path>> records_below(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code code;
  for (fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied, code), end; it != end && !code; it.increment(code)) {
    const std::string name = it->path().filename().string();
    if (it->is_directory(code) && (name.starts_with(".") || name.ends_with(".partial") || name.starts_with("aside_"))) it.disable_recursion_pending();
    if (!it->is_regular_file(code) || !is_record(it->path())) continue;
    if (name == kMetaFile && is_there(it->path().parent_path() / kManifestFile)) continue;
    if (name == kMetaFile && !it->path().parent_path().filename().string().starts_with("step_")) continue;
    if (name == kSummaryFile && it->path().parent_path().parent_path().parent_path().filename() != "eval_results") continue;
    out.push_back(it->path());
  }
  if (code) return error_at(folder.string(), -1, "cannot list the folder: ", code.message());
  std::sort(out.begin(), out.end());
  return out;
}

ProvenanceNode read_record(const fs::path& file) {
  ProvenanceNode node;
  node.folder = file.parent_path();
  const std::string name = file.filename().string();
  if (name == kManifestFile) {
    read_manifest_record(file, node);
    return node;
  }
  if (name == kMetaFile) {
    node.kind = "checkpoint";
    if (const Result<std::vector<fs::path>> files = list_files(node.folder, {".safetensors", ".json"}, false); files.ok())
      for (const fs::path& own : files.value()) node.links.push_back(link_to(own.filename().string(), "", node.folder, false));
    return node;
  }
  const Result<Json> json = read_json(file);
  if (!json.ok() || !json.value().is_object()) {
    node.kind = name == kSummaryFile ? "evaluation" : "adapter";
    node.problem = json.ok() ? file.string() + ": is not an object" : json.error().to_string();
    return node;
  }
  if (name == kSummaryFile) {
    read_summary(json.value(), node);
  } else {
    read_adapter_record(json.value(), node);
  }
  return node;
}

fs::path find_recorded(const std::string& path, const fs::path& folder) {
  if (path.empty()) return {};
  const fs::path given(path);
  const auto upwards = [&](const fs::path& relative, int most) -> fs::path {
    fs::path from = folder;
    for (int i = 0; i < most; ++i, from = from.parent_path()) {
      if (is_there(from / relative)) return (from / relative).lexically_normal();
      if (!from.has_relative_path()) break;
    }
    return {};
  };
  if (given.is_relative()) {
    if (const fs::path near = upwards(given, kFoldersAbove); !near.empty()) return near;
    std::error_code code;
    return is_there(given) ? fs::absolute(given, code).lexically_normal() : fs::path();
  }
  if (is_there(given)) return given;
  std::vector<fs::path> parts;
  for (const fs::path& part : given.relative_path()) parts.push_back(part);
  // No further up than the base folder and the one around it: another run's file of the same name is none of this one's.
  const int most = folder.string().find("eval_results") != std::string::npos ? 5 : 3;
  for (size_t begin = 1; begin + 1 < parts.size(); ++begin) {  // a name alone says too little
    fs::path tail;
    for (size_t i = begin; i < parts.size(); ++i) tail /= parts[i];
    if (const fs::path near = upwards(tail, most); !near.empty()) return near;
  }
  return {};
}

}  // namespace lathe::eval
