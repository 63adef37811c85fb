#include "cli/contamination.h"

#include <algorithm>
#include <optional>

#include "cli/training.h"
#include "core/log.h"
#include "corpus/decontaminate.h"
#include "corpus/evaluation_sets.h"
#include "corpus/words.h"
#include "data/corpus.h"
#include "data/line_reader.h"

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

Result<Scanned> scan(const fs::path& path, const corpus::Decontaminator& sets, int64_t most_bytes) {
  LATHE_TRY(const auto text, data::Corpus::open(path, data::SplitRule::kTrainOnly));
  data::GroupReader reader(text, data::Split::kTrain);
  Scanned scanned;
  scanned.documents.resize(sets.sets().size());
  corpus::NgramSet::Builder hits("training", sets.ngram());
  std::vector<std::string> group;
  while (true) {
    LATHE_TRY(const bool more, reader.next_group(group));
    if (!more) break;
    if (scanned.bytes >= most_bytes) {
      scanned.whole = false;
      break;
    }
    for (const std::string& document : group) {
      scanned.bytes += static_cast<int64_t>(document.size());
      const std::vector<corpus::Contamination> found = sets.find(document);
      for (const corpus::Contamination& one : found) ++scanned.documents[static_cast<size_t>(one.set)];
      if (!found.empty()) hits.add(document);
    }
  }
  scanned.contaminated = std::move(hits).finish();
  return scanned;
}

// {"items", "contaminated_items", "share"}: an item is a line of the file.
Result<Json> items_of(const fs::path& file, const corpus::Decontaminator& training) {
  LATHE_TRY(auto lines, data::LineReader::open(file));
  const bool json = file.filename().string().find(".jsonl") != std::string::npos;
  int64_t items = 0, contaminated = 0;
  std::string_view line;
  while (true) {
    LATHE_TRY(const bool more, lines->next(line));
    if (!more) break;
    if (trim_text(line).empty()) continue;
    ++items;
    std::vector<std::string> texts = {std::string(line)};
    if (json) {
      LATHE_TRY(const Json value, parse_json(line, file.string()));
      texts = texts_of(value);
    }
    for (const std::string& text : texts)
      if (!training.find(text).empty()) {
        ++contaminated;
        break;
      }
  }
  const double share = items == 0 ? 0 : static_cast<double>(contaminated) / static_cast<double>(items);
  return Json(Json::Object{{"items", items}, {"contaminated_items", contaminated}, {"share", share}});
}

Result<Json> by_scan(const fs::path& path, const std::vector<fs::path>& files, const std::vector<corpus::NgramSet>& sets, int64_t most_bytes) {
  LATHE_TRY(const Scanned scanned, scan(path, corpus::Decontaminator(sets), most_bytes));
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
  Json out(Json::Object{{"checked", "n-gram scan"}, {"ngram", corpus::kDefaultNgram}, {"corpus", path.string()}, {"scanned_bytes", scanned.bytes},
                        {"scanned_whole", scanned.whole}, {"sets", figures}});
  if (contaminated > 0)
    out["warning"] = join_text(contaminated, " of ", items, " items share ", corpus::kDefaultNgram, " words in a row with the training text",
                               scanned.whole ? "" : join_text(" (its first ", scanned.bytes >> 20, " MB)"), ": a right answer to them may be memory");
  return out;
}

Result<Json> check(const fs::path& path, const std::vector<fs::path>& files, int64_t most_bytes) {
  LATHE_TRY(const std::optional<Json> prepared, by_preparation(path, files));
  if (prepared) return *prepared;
  std::vector<corpus::EvaluationFile> named;
  for (const fs::path& file : files) named.push_back({file, file.filename().string()});
  LATHE_TRY(const std::vector<corpus::NgramSet> sets, corpus::read_evaluation_files(named, corpus::kDefaultNgram));
  return by_scan(path, files, sets, most_bytes);
}

}  // namespace

Json contamination_of_text(const fs::path& corpus, const std::vector<fs::path>& sets, int64_t most_bytes) {
  if (sets.empty()) return unknown("no evaluation set to look for");
  for (const fs::path& set : sets) {
    const std::string name = set.filename().string();
    if (name.find(".jsonl") == std::string::npos && name.find(".txt") == std::string::npos) return unknown(name + " is neither .jsonl nor .txt");
  }
  // Tasks of different shots share a file.
  std::vector<fs::path> files = sets;
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  const Result<Json> checked = check(corpus, files, most_bytes);
  return checked.ok() ? checked.value() : unknown(checked.error().to_string());
}

Json contamination_of(const Context& context, bool foreign, const train::LoadedModel& loaded, const std::vector<fs::path>& sets) {
  const Json& trained_with = loaded.meta.user_config;
  if (foreign || !trained_with.is_object()) return unknown("what this model was trained on is not recorded");
  if (loaded.meta.stage != "base") return unknown(join_text("a checkpoint of ", loaded.meta.stage, " records its conversations only; check the base model"));
  const Result<fs::path> path = given_or_base(context, trained_with.get_string("data", ""), "base_data");
  std::error_code code;
  if (!path.ok() || !fs::exists(path.value(), code)) return unknown(join_text("the training text is not on this machine", path.ok() ? ": " + path.value().string() : ""));
  Json out = contamination_of_text(path.value(), sets);
  if (const Json* warning = out.find("warning")) log_warning("contamination", warning->as_string());
  return out;
}

}  // namespace lathe::cli
