#include "cli/trained_text.h"

#include <algorithm>
#include <set>

#include "core/json.h"
#include "core/manifest.h"
#include "core/text.h"
#include "data/document_file.h"
#include "data/record_set.h"
#include "eval/provenance_records.h"

namespace lathe::cli {
namespace {

bool is_text(const fs::path& file) {
  const std::string name = file.filename().string();
  if (name == kManifestFile || name.starts_with("tokenizer")) return false;
  const auto ends = [&](const std::string& ending) { return name.ends_with(ending); };
  return std::any_of(data::document_endings().begin(), data::document_endings().end(), ends) ||
         std::any_of(data::RecordSet::endings().begin(), data::RecordSet::endings().end(), ends);
}

bool holds_text(const fs::path& folder) {
  std::error_code code;
  for (fs::directory_iterator it(folder, code), end; it != end && !code; it.increment(code))
    if (it->is_regular_file(code) && it->path().extension() != ".json" && is_text(it->path())) return true;
  return false;
}

class Walk {
 public:
  explicit Walk(const fs::path& base) : base_(base) {}

  void checkpoint(const fs::path& folder) {
    if (!known_.insert(folder).second) return;
    TrainedStage stage;
    stage.checkpoint = folder;
    const Result<Json> meta = read_json(folder / "meta.json"), manifest = read_json(folder / kManifestFile);
    const Json none = Json::object();
    const Json* settings = meta.ok() ? meta.value().find("user_config") : nullptr;
    if (settings == nullptr || !settings->is_object()) settings = &none;
    stage.stage = meta.ok() ? meta.value().get_string("stage", "base") : folder.filename().string();
    stage.conversations = stage.stage != "base" && stage.stage != "pretrain" && stage.stage != "train";
    const Json* sources = manifest.ok() ? manifest.value().find("sources") : nullptr;
    if (const std::string from = settings->get_string("merged_from", ""); !from.empty()) {  // the same training in another form
      if (const fs::path found = eval::find_recorded(from, folder); !found.empty()) return checkpoint(found);
    }
    if (!meta.ok()) {
      stage.unknown = "what this model was trained on is not recorded";
    } else if (sources != nullptr && sources->is_array()) {
      for (const Json& source : sources->as_array())
        if (source.is_string()) follow(source.as_string(), folder, stage);
      if (stage.texts.empty() && stage.unknown.empty()) stage.unknown = "its training data was made, not read from a file";
    } else if (stage.stage == "base" && !settings->contains("imported_from")) {
      const std::string data = settings->get_string("data", "");
      follow(data.empty() ? (base_ / "base_data").string() : data, folder, stage);
    } else {
      stage.unknown = "what this checkpoint was trained on is not recorded";
    }
    stages_.push_back(std::move(stage));
  }

  std::vector<TrainedStage> stages() && { return std::move(stages_); }

 private:
  void follow(const std::string& name, const fs::path& folder, TrainedStage& stage) {
    const fs::path path = eval::find_recorded(name, folder);
    if (path.extension() == ".safetensors") return checkpoint(path.parent_path());
    if (path.empty()) {
      stage.unknown = "its training data is not on this machine: " + name;
      if (fs::path(name).extension() == ".safetensors") stages_.push_back({fs::path(name).parent_path().string(), {}, false, {}, "the model that was trained further is gone"});
      return;
    }
    text(path, stage);
  }

  // Of packed tokens: the text that they were made from.
  void text(const fs::path& path, TrainedStage& stage) {
    std::error_code code;
    const bool is_manifest = path.filename() == kManifestFile;
    const fs::path folder = is_manifest ? path.parent_path() : path;
    if (!fs::is_directory(folder, code) || holds_text(folder)) {
      if (fs::is_directory(folder, code) || is_text(folder)) add(folder, stage);
      return;
    }
    const Result<Manifest> manifest = read_manifest(folder, "", "");
    if (!manifest.ok()) {
      stage.unknown = folder.string() + " holds no text";
      return;
    }
    if (!known_.insert(folder).second || manifest.value().kind == "tokenizer" || manifest.value().kind == "spm") return;
    for (const FileRecord& input : manifest.value().inputs) {
      const fs::path found = eval::find_recorded(input.path, folder);
      if (found.empty()) {
        stage.unknown = "its training data is not on this machine: " + input.path;
      } else {
        text(found, stage);
      }
    }
  }

  static void add(const fs::path& path, TrainedStage& stage) {
    if (std::find(stage.texts.begin(), stage.texts.end(), path) == stage.texts.end()) stage.texts.push_back(path);
  }

  const fs::path& base_;
  std::set<fs::path> known_;
  std::vector<TrainedStage> stages_;
};

}  // namespace

std::vector<TrainedStage> trained_stages(const fs::path& base, const fs::path& checkpoint) {
  Walk walk(base);
  walk.checkpoint(checkpoint);
  return std::move(walk).stages();
}

}  // namespace lathe::cli
