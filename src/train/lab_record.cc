#include "train/lab_record.h"

#include <algorithm>

#include "core/text.h"
#include "tensor/safetensors.h"

namespace lathe::train {
namespace {

Json counts_json(const std::map<std::string, int64_t>& counts) {
  Json out = Json::object();
  for (const auto& [id, tokens] : counts) out[id] = tokens;
  return out;
}

Result<LabPhase> phase_from(const Json& json, const std::string& path) {
  const Json* sources = json.find("sources");
  const Json* settings = json.find("settings");
  if (sources == nullptr || !sources->is_array() || settings == nullptr || !settings->is_object())
    return error_at(path, -1, "a phase of the run's record lacks its settings or sources");
  LabPhase phase;
  phase.from_step = json.get_int("from_step", 0);
  phase.from = json.get_string("from", "");
  phase.settings = *settings;
  for (const Json& s : sources->as_array()) {
    if (!s.is_object()) return error_at(path, -1, "a source of the run's record is not an object");
    phase.sources.push_back({s.get_string("path", ""), s.get_string("id", ""), s.get_double("share", 0), s.get_int("tokens", 0)});
  }
  if (const Json* before = json.find("before"); before != nullptr && before->is_object())
    for (const auto& [id, tokens] : before->as_object())
      if (tokens.is_int()) phase.before[id] = tokens.as_int();
  return phase;
}

}  // namespace

Json LabRecord::to_json() const {
  Json list = Json::array();
  for (const LabPhase& phase : phases) {
    Json sources = Json::array();
    for (const LabSource& s : phase.sources)
      sources.push_back(Json(Json::Object{{"path", s.path}, {"id", s.id}, {"share", s.share}, {"tokens", s.tokens}}));
    list.push_back(Json(Json::Object{{"from_step", phase.from_step},
                                     {"from", phase.from},
                                     {"settings", phase.settings},
                                     {"sources", std::move(sources)},
                                     {"before", counts_json(phase.before)}}));
  }
  return Json(Json::Object{{"fixed", fixed}, {"phases", std::move(list)}});
}

Result<LabRecord> LabRecord::from_json(const Json& json, const std::string& path) {
  const Json* phases = json.find("phases");
  const Json* fixed = json.find("fixed");
  if (phases == nullptr || !phases->is_array() || phases->size() == 0 || fixed == nullptr || !fixed->is_object())
    return error_at(path, -1, "has no record of phases: it is not a checkpoint of the lab's programs");
  LabRecord record;
  record.fixed = *fixed;
  for (const Json& phase : phases->as_array()) {
    LATHE_TRY(LabPhase read, phase_from(phase, path));
    record.phases.push_back(std::move(read));
  }
  return record;
}

std::map<std::string, int64_t> total_consumed(const LabPhase& phase, const std::vector<int64_t>& drawn) {
  std::map<std::string, int64_t> all = phase.before;
  for (size_t i = 0; i < phase.sources.size() && i < drawn.size(); ++i) all[phase.sources[i].id] += drawn[i];
  return all;
}

std::map<std::string, int64_t> LabCheckpoint::consumed() const {
  std::vector<int64_t> drawn;
  if (const Json* list = meta.loader_state.find(kConsumedKey); list != nullptr && list->is_array())
    for (const Json& tokens : list->as_array()) drawn.push_back(tokens.is_int() ? tokens.as_int() : 0);
  return total_consumed(record.phases.back(), drawn);
}

Result<LabCheckpoint> read_lab_checkpoint(const fs::path& folder) {
  const fs::path meta = folder / "meta.json";
  std::error_code code;
  if (!fs::exists(folder, code)) return error_at(folder.string(), -1, "no such checkpoint");
  if (!fs::exists(meta, code)) return error_at(folder.string(), -1, "is not a whole checkpoint: it has no meta.json");
  LATHE_TRY(const Json json, read_json(meta));
  LabCheckpoint out;
  out.folder = folder;
  LATHE_TRY(out.meta, CheckpointMeta::from_json(json, meta.string()));
  const Json* record = out.meta.user_config.find(kLabRecordKey);
  LATHE_TRY(out.record, LabRecord::from_json(record == nullptr ? Json::object() : *record, meta.string()));
  out.finished = json.get_bool(kFinishedKey, false);
  int64_t files = 0;
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    if (entry.path().extension() != ".safetensors") continue;
    if (const Result<SafetensorsFile> file = read_safetensors(entry.path()); !file.ok()) return file.error();
    files += entry.path().filename() != "optimizer.safetensors" ? 1 : 0;
  }
  if (files == 0) return error_at(folder.string(), -1, "is not a whole checkpoint: it has no weights");
  return out;
}

EquivalentEpochs equivalent_epochs(const LabRecord& record, const std::map<std::string, int64_t>& consumed) {
  std::map<std::string, int64_t> tokens;  // of every set that was ever used
  for (const LabPhase& phase : record.phases)
    for (const LabSource& s : phase.sources) tokens[s.id] = s.tokens;
  const auto drawn = [&](const std::string& id) {
    const auto found = consumed.find(id);
    return found == consumed.end() ? 0.0 : static_cast<double>(found->second);
  };
  double all = 0, of = 0;
  for (const auto& [id, count] : tokens) {
    all += drawn(id);
    of += static_cast<double>(count);
  }
  EquivalentEpochs out;
  out.total = of > 0 ? all / of : 0;
  for (const LabSource& s : record.phases.back().sources)
    out.sources.emplace_back(s.path, s.tokens > 0 ? drawn(s.id) / static_cast<double>(s.tokens) : 0);
  return out;
}

std::string EquivalentEpochs::line() const {
  std::string text = format_text("equivalent epochs: %.4f", total);
  for (const auto& [path, epochs] : sources) text += format_text(", %s %.4f", path.c_str(), epochs);
  return text;
}

std::string PerplexityWatch::add(double perplexity, double epochs) {
  rises_ = last_ >= 0 && perplexity > last_ ? rises_ + 1 : 0;
  last_ = perplexity;
  if (patience_ <= 0 || rises_ < patience_ || epochs <= 1) return "";
  return join_text("the validation perplexity rose in ", rises_, format_text(" evaluations in a row and the data have been seen %.2f times", epochs),
                   ": the model may be learning them by heart; think of stopping, or of more data");
}

}  // namespace lathe::train
