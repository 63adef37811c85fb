#include "corpus/corpus_facts.h"

#include <cmath>

#include "corpus/words.h"

namespace lathe::corpus {
namespace {

Json amount_json(const Amount& amount) {
  return Json(Json::Object{{"documents", amount.documents}, {"characters", amount.characters}});
}

double share_of(int64_t part, int64_t whole) { return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole); }

Json pairs_json(const CorpusFacts& facts, const std::vector<int64_t>& pairs) {
  Json list = Json::array();
  const size_t n = facts.mix->sources.size();
  for (size_t kept = 0; kept < n; ++kept)
    for (size_t removed = 0; removed < n; ++removed)
      if (const int64_t count = pairs[kept * n + removed]; count > 0)
        list.push_back(Json(Json::Object{{"kept", facts.mix->sources[kept].name}, {"removed", facts.mix->sources[removed].name}, {"documents", count}}));
  return list;
}

}  // namespace

Json filter_funnel(const CorpusFacts& facts, size_t source) {
  const SourceSelection& selection = facts.selections[source];
  const Tally& tally = facts.filtering[source];
  Json list = Json::array();
  Amount seen = selection.unique;
  for (const FilterStep& step : filter_steps(*facts.quality)) {
    Amount removed;
    for (const uint16_t verdict : step.verdicts)
      if (const auto found = selection.removed.find(verdict); found != selection.removed.end())
        removed.documents += found->second.documents, removed.characters += found->second.characters;
    Json line = Json::object();
    line["filter"] = step.name;
    line["seen"] = seen.documents;
    line["removed"] = removed.documents;
    line["kept"] = seen.documents - removed.documents;
    line["share"] = share_of(removed.documents, seen.documents);
    line["seen_characters"] = seen.characters;
    line["removed_characters"] = removed.characters;
    for (const auto& rule : facts.quality->rules()) {
      if (rule.rule->key != step.name || rule.rule->stage != RuleStage::kLine) continue;
      const std::string key = "rule." + step.name;
      line["lines_seen"] = tally.count(key + ".seen");
      line["lines_removed"] = tally.count(key + ".removed");
    }
    if (step.name == "length") line["cut"] = tally.count("length.cut");
    seen.documents -= removed.documents, seen.characters -= removed.characters;
    list.push_back(std::move(line));
  }
  return list;
}

Json source_facts(const CorpusFacts& facts, size_t source) {
  const SourceSettings& settings = facts.mix->sources[source];
  const SourceSelection& selection = facts.selections[source];
  const ShardCounts counts = facts.of_source(source);
  Json out = Json::object();
  out["name"] = settings.name;
  out["read"] = facts.cleaning[source].below("read");
  out["cleaning"] = facts.cleaning[source].below("clean");
  out["cleaned"] = amount_json(selection.cleaned);
  out["unique"] = amount_json(selection.unique);
  out["filters"] = filter_funnel(facts, source);
  out["available"] = amount_json(selection.available);
  out["documents"] = counts.documents;
  out["characters"] = counts.characters;
  out["bytes"] = counts.bytes;
  out["estimated_tokens"] = static_cast<int64_t>(std::llround(facts.tokens_of_source(source)));
  out["chars_per_token"] = settings.chars_per_token;
  out["token_budget"] = settings.token_budget;
  out["weight"] = facts.weights[source];
  out["flagged"] = selection.flagged;
  return out;
}

Json duplicate_facts(const CorpusFacts& facts) {
  Json out = Json::object();
  out["enabled"] = facts.duplicates.has_value();
  if (!facts.duplicates) return out;
  const DuplicateReport& report = *facts.duplicates;
  out["hash_version"] = static_cast<int64_t>(kHashVersion);
  out["minhash_version"] = static_cast<int64_t>(kMinHashVersion);
  out["bands"] = report.bands.bands;
  out["rows"] = report.bands.rows;
  out["false_positives"] = report.bands.false_positives;
  out["false_negatives"] = report.bands.false_negatives;
  out["documents"] = report.documents;
  out["exact"] = report.exact;
  out["near"] = report.near;
  out["clusters"] = report.clusters;
  out["compared_pairs"] = report.compared;
  out["confirmed_pairs"] = report.confirmed;
  Json sources = Json::array();
  for (const SourceDuplicates& source : report.sources)
    sources.push_back(Json(Json::Object{
        {"name", source.name}, {"documents", source.documents}, {"exact", source.exact}, {"near", source.near}, {"too_short", source.too_short}}));
  out["sources"] = std::move(sources);
  out["exact_pairs"] = pairs_json(facts, report.exact_pairs);
  out["near_pairs"] = pairs_json(facts, report.near_pairs);
  return out;
}

Json decontamination_facts(const CorpusFacts& facts) {
  Json out = Json::object(), sets = Json::array();
  out["enabled"] = facts.mix->decontamination.enabled;
  out["action"] = facts.mix->decontamination.action;
  out["ngram"] = facts.mix->decontamination.ngram;
  int64_t looked_at = 0, contaminated = 0;
  for (const Tally& tally : facts.filtering)
    looked_at += tally.count("contaminated.looked_at"), contaminated += tally.count("contaminated.documents");
  out["documents"] = looked_at;
  out["contaminated"] = contaminated;
  if (facts.decontaminator != nullptr)
    for (const Decontaminator::Set& set : facts.decontaminator->sets()) {
      const std::string key = "evaluation_set." + set.name;
      Json entry = Json::object(), samples = Json::array();
      int64_t documents = 0;
      for (const Tally& tally : facts.filtering) {
        documents += tally.count(key);
        if (const auto found = tally.examples.find(key); found != tally.examples.end())
          for (const Json& sample : found->second)
            if (static_cast<int64_t>(samples.size()) < facts.mix->quality.examples) samples.push_back(sample);
      }
      entry["name"] = set.name;
      entry["sha256"] = set.sha256;
      entry["ngrams"] = set.ngrams;
      entry["texts"] = set.texts;
      entry["short_texts"] = set.short_texts;
      entry["documents"] = documents;
      entry["samples"] = std::move(samples);
      sets.push_back(std::move(entry));
    }
  out["sets"] = std::move(sets);
  return out;
}

Json shard_facts(const CorpusFacts& facts) {
  Json list = Json::array();
  for (const Shard& shard : facts.shards) {
    Json entry = Json::object();
    entry["path"] = shard.file.path;
    entry["sha256"] = shard.file.sha256;
    const Json counts = shard.counts.to_json();
    for (const auto& [key, value] : counts.as_object()) entry[key] = value;
    list.push_back(std::move(entry));
  }
  return list;
}

std::vector<std::string> corpus_warnings(const CorpusFacts& facts) {
  std::vector<std::string> warnings;
  for (size_t i = 0; i < facts.mix->sources.size(); ++i) {
    const SourceSettings& source = facts.mix->sources[i];
    const SourceSelection& selection = facts.selections[i];
    const Json funnel = filter_funnel(facts, i);
    for (const Json& line : funnel.as_array()) {
      const int64_t removed = line.at("removed_characters").as_int();
      if (removed * 5 > line.at("seen_characters").as_int())
        warnings.push_back(join_text("source ", source.name, ": the filter ", line.at("filter").as_string(), " takes ",
                                     format_text("%.0f %%", 100 * share_of(removed, line.at("seen_characters").as_int())),
                                     " of the characters it sees; is its limit meant for this source?"));
    }
    if (selection.selected.documents == 0) warnings.push_back("source " + source.name + ": no document of it is left");
    const double tokens = facts.tokens_of_source(i);
    if (source.token_budget > 0 && tokens < static_cast<double>(source.token_budget) * (1 - source.margin_ratio))
      warnings.push_back(join_text("source ", source.name, ": ends at ", format_text("%.0f %%", 100 * tokens / static_cast<double>(source.token_budget)),
                                   " of its budget"));
  }
  if (facts.mix->decontamination.enabled && facts.decontaminator == nullptr)
    warnings.push_back("no evaluation set was found, so none of their texts were removed; `lathe download eval-bundle` gets them");
  return warnings;
}

}  // namespace lathe::corpus
