#include "cli/contamination.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "core/log.h"
#include "corpus/decontaminate.h"
#include "corpus/evaluation_sets.h"
#include "corpus/words.h"
#include "data/corpus.h"
#include "data/line_reader.h"
#include "data/record_set.h"

namespace lathe::cli {
namespace {

Json unknown(const std::string& why) { return Json(Json::Object{{"checked", "unknown: " + why}}); }

std::vector<std::string> texts_of(const Json& value) {
  if (value.is_string()) return {value.as_string()};
  std::vector<std::string> texts;
  const auto add = [&](const Json& part) {
    for (std::string& text : texts_of(part)) texts.push_back(std::move(text));
  };
  if (value.is_array())
    for (const Json& part : value.as_array()) add(part);
  if (value.is_object())
    for (const auto& member : value.as_object()) add(member.second);
  return texts;
}

std::string stem_of(const std::string& path) { return path.substr(0, path.find('.', path.find_last_of('/') + 1)).substr(path.find_last_of('/') + 1); }

// The entry of a preparation's record for one file: the same n-grams under the name that it had there.
Result<const Json*> entry_of(const Json& known, const fs::path& file, int64_t ngram) {
  for (const Json& entry : known.as_array()) {
    const std::string name = entry.is_object() ? entry.get_string("name", "") : "";
    if (name.empty() || stem_of(name) != stem_of(file.filename().string())) continue;
    LATHE_TRY(const corpus::NgramSet set, corpus::read_evaluation_file({file, name}, ngram));
    if (set.sha256() == entry.get_string("sha256", "")) return &entry;
  }
  return static_cast<const Json*>(nullptr);
}

// What the preparation removed, where its record has all of the files; else nothing.
Result<std::optional<Json>> by_preparation(const fs::path& corpus, const std::vector<fs::path>& files) {
  const std::optional<Json> nothing;
  const Result<Json> manifest = read_json(corpus / "manifest.json");
  const Json* record = manifest.ok() ? manifest.value().find("decontamination") : nullptr;
  const Json* known = record == nullptr ? nullptr : record->find("sets");
  if (known == nullptr || !known->is_array() || record->get_string("action", "") != "remove") return nothing;
  const int64_t ngram = record->get_int("ngram", 0);
  if (ngram < 1 || ngram > corpus::kMaxNgram) return nothing;
  Json figures = Json::object();
  for (const fs::path& file : files) {
    LATHE_TRY(const Json* entry, entry_of(*known, file, ngram));
    if (entry == nullptr) return nothing;
    figures[file.filename().string()] = Json(Json::Object{{"documents", entry->get_int("documents", 0)}});
  }
  return std::optional<Json>(Json(Json::Object{{"checked", "removed at preparation"}, {"ngram", ngram}, {"sets", figures}}));
}

struct Scanned {
  int64_t bytes = 0;
  bool whole = true;
  std::vector<int64_t> documents;                // that share an n-gram, per set
  std::optional<corpus::NgramSet> contaminated;  // all n-grams of those documents
};

class Scan {
 public:
  Scan(const corpus::Decontaminator& sets, int64_t most_bytes) : sets_(sets), most_bytes_(most_bytes), hits_("training", sets.ngram()) {
    scanned_.documents.resize(sets.sets().size());
  }

  Status documents(const fs::path& path) {
    LATHE_TRY(const auto text, data::Corpus::open(path, data::SplitRule::kTrainOnly));
    data::GroupReader reader(text, data::Split::kTrain);
    std::vector<std::string> group;
    while (true) {
      LATHE_TRY(const bool more, reader.next_group(group));
      if (!more || is_full()) return {};
      for (const std::string& document : group) add({document});
    }
  }

  Status conversations(const fs::path& path) {
    std::error_code code;
    std::vector<fs::path> files = {path};
    if (fs::is_directory(path, code)) {
      LATHE_TRY(files, list_files(path, data::RecordSet::endings(), true));
      files.erase(std::remove_if(files.begin(), files.end(), [](const fs::path& file) { return file.extension() == ".json"; }), files.end());
    }
    LATHE_TRY(const auto records, data::RecordSet::open(files, true));
    for (int64_t i = 0; i < records->size(); ++i) {
      if (is_full()) return {};
      LATHE_TRY(const Json record, records->record(i));
      add(texts_of(record));
    }
    return {};
  }

  Scanned finish() && {
    scanned_.contaminated = std::move(hits_).finish();
    return std::move(scanned_);
  }

 private:
  bool is_full() {
    if (scanned_.bytes < most_bytes_) return false;
    scanned_.whole = false;
    return true;
  }

  // A document, or what is said in one conversation.
  void add(const std::vector<std::string>& texts) {
    std::vector<bool> shared(scanned_.documents.size());
    for (const std::string& text : texts) {
      scanned_.bytes += static_cast<int64_t>(text.size());
      const std::vector<corpus::Contamination> found = sets_.find(text);
      for (const corpus::Contamination& one : found) shared[static_cast<size_t>(one.set)] = true;
      if (!found.empty()) hits_.add(text);
    }
    for (size_t i = 0; i < shared.size(); ++i) scanned_.documents[i] += shared[i] ? 1 : 0;
  }

  const corpus::Decontaminator& sets_;
  int64_t most_bytes_;
  corpus::NgramSet::Builder hits_;
  Scanned scanned_;
};

// A text of lines is documents whatever it is there for.
bool is_conversations(const fs::path& path, bool wanted) {
  const auto& endings = data::RecordSet::endings();
  std::error_code code;
  return wanted && (fs::is_directory(path, code) ||
                    std::any_of(endings.begin(), endings.end(), [&](const std::string& ending) { return path.string().ends_with(ending); }));
}

bool is_parquet(const fs::path& file) { return file.extension() == ".parquet"; }

Result<corpus::NgramSet> set_of(const fs::path& file) {
  const std::string name = file.filename().string();
  if (!is_parquet(file)) return corpus::read_evaluation_file({file, name}, corpus::kDefaultNgram);
  LATHE_TRY(const auto records, data::RecordSet::open({file}, true));
  corpus::NgramSet::Builder builder(name);
  for (int64_t i = 0; i < records->size(); ++i) {
    LATHE_TRY(const Json record, records->record(i));
    for (const std::string& text : texts_of(record)) builder.add(text);
  }
  return std::move(builder).finish();
}

// Calls it with the texts of every item: a line of the file, a row of a table.
Status each_item(const fs::path& file, const std::function<void(const std::vector<std::string>&)>& call) {
  if (is_parquet(file)) {
    LATHE_TRY(const auto records, data::RecordSet::open({file}, true));
    for (int64_t i = 0; i < records->size(); ++i) {
      LATHE_TRY(const Json record, records->record(i));
      call(texts_of(record));
    }
    return {};
  }
  LATHE_TRY(auto lines, data::LineReader::open(file));
  const bool json = file.filename().string().find(".jsonl") != std::string::npos;
  std::string_view line;
  while (true) {
    LATHE_TRY(const bool more, lines->next(line));
    if (!more) return {};
    if (trim_text(line).empty()) continue;
    std::vector<std::string> texts = {std::string(line)};
    if (json) {
      LATHE_TRY(const Json value, parse_json(line, file.string()));
      texts = texts_of(value);
    }
    call(texts);
  }
}

// {"items", "contaminated_items", "share"}
Result<Json> items_of(const fs::path& file, const corpus::Decontaminator& training) {
  int64_t items = 0, contaminated = 0;
  LATHE_TRY_STATUS(each_item(file, [&](const std::vector<std::string>& texts) {
    ++items;
    contaminated += std::any_of(texts.begin(), texts.end(), [&](const std::string& text) { return !training.find(text).empty(); }) ? 1 : 0;
  }));
  const double share = items == 0 ? 0 : static_cast<double>(contaminated) / static_cast<double>(items);
  return Json(Json::Object{{"items", items}, {"contaminated_items", contaminated}, {"share", share}});
}

Result<Json> by_scan(const std::vector<fs::path>& texts, bool conversations, const std::vector<fs::path>& files, int64_t most_bytes) {
  std::vector<corpus::NgramSet> sets;
  for (const fs::path& file : files) {
    LATHE_TRY(corpus::NgramSet set, set_of(file));
    sets.push_back(std::move(set));
  }
  const corpus::Decontaminator wanted(sets);
  Scan scan(wanted, most_bytes);
  std::string names;
  for (const fs::path& text : texts) {
    names += (names.empty() ? "" : ", ") + text.string();
    LATHE_TRY_STATUS(is_conversations(text, conversations) ? scan.conversations(text) : scan.documents(text));
  }
  const Scanned scanned = std::move(scan).finish();
  const corpus::Decontaminator training({*scanned.contaminated});
  Json figures = Json::object();
  int64_t items = 0, contaminated = 0;
  for (size_t i = 0; i < files.size(); ++i) {
    LATHE_TRY(Json of_file, items_of(files[i], training));
    of_file["documents"] = scanned.documents[i];
    items += of_file.at("items").as_int();
    contaminated += of_file.at("contaminated_items").as_int();
    figures[sets[i].name()] = of_file;
  }
  Json out(Json::Object{{"checked", "n-gram scan"}, {"ngram", corpus::kDefaultNgram}, {"corpus", names}, {"scanned_bytes", scanned.bytes},
                        {"scanned_whole", scanned.whole}, {"sets", figures}});
  if (contaminated > 0)
    out["warning"] = join_text(contaminated, " of ", items, " items share ", corpus::kDefaultNgram, " words in a row with the training text",
                               scanned.whole ? "" : join_text(" (its first ", scanned.bytes >> 20, " MB)"), ": a right answer to them may be memory");
  return out;
}

Json check(const std::vector<fs::path>& texts, bool conversations, const std::vector<fs::path>& sets, int64_t most_bytes) {
  if (sets.empty()) return unknown("no evaluation set to look for");
  for (const fs::path& set : sets) {
    const std::string name = set.filename().string();
    if (name.find(".jsonl") == std::string::npos && name.find(".txt") == std::string::npos && !is_parquet(set))
      return unknown(name + " is neither .jsonl, .txt nor .parquet");
  }
  // Tasks of different shots share a file.
  std::vector<fs::path> files = sets;
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  if (texts.size() == 1 && std::none_of(files.begin(), files.end(), is_parquet)) {
    const Result<std::optional<Json>> prepared = by_preparation(texts[0], files);
    if (!prepared.ok()) return unknown(prepared.error().to_string());
    if (prepared.value()) return *prepared.value();
  }
  const Result<Json> scanned = by_scan(texts, conversations, files, most_bytes);
  return scanned.ok() ? scanned.value() : unknown(scanned.error().to_string());
}

}  // namespace

Json contamination_of_text(const fs::path& corpus, const std::vector<fs::path>& sets, int64_t most_bytes) {
  return check({corpus}, false, sets, most_bytes);
}

Json contamination_of_stages(const std::vector<TrainedStage>& stages, const std::vector<fs::path>& sets, int64_t most_bytes) {
  Json all = Json::object();
  std::string warning;
  bool any = false;
  for (const TrainedStage& stage : stages) {
    Json found = stage.texts.empty() ? unknown(stage.unknown) : check(stage.texts, stage.conversations, sets, most_bytes);
    if (!stage.texts.empty() && !stage.unknown.empty()) found["not_looked_at"] = stage.unknown;
    if (const Json* of_stage = found.find("warning")) warning += join_text(warning.empty() ? "" : "; ", stage.stage, ": ", of_stage->as_string());
    any = any || !found.at("checked").as_string().starts_with("unknown");
    std::string name = stage.stage;
    for (int again = 2; all.contains(name); ++again) name = join_text(stage.stage, " ", again);
    all[name] = std::move(found);
  }
  if (all.size() == 1) return all.as_object().begin()->second;
  Json out = any ? Json(Json::Object{{"checked", "by stage"}}) : unknown("of no stage, see each");
  out["stages"] = std::move(all);
  if (!warning.empty()) out["warning"] = warning;
  return out;
}

Json contamination_of(const Context& context, bool foreign, const train::LoadedModel& loaded, const std::vector<fs::path>& sets) {
  const Result<fs::path> base = context.base_folder();
  if (foreign || !base.ok()) return unknown("what this model was trained on is not recorded");
  const Json out = contamination_of_stages(trained_stages(base.value(), train::checkpoint_folder(loaded.run, loaded.meta.step)), sets);
  if (const Json* warning = out.find("warning")) log_warning("contamination", warning->as_string());
  return out;
}

}  // namespace lathe::cli
