#include "corpus/quality.h"

#include <algorithm>

#include "core/text.h"
#include "corpus/line_filter.h"

namespace lathe::corpus {
namespace {

constexpr size_t kExampleBytes = 400;

bool keeps(Keep keep, double value, double bound) {
  switch (keep) {
    case Keep::kAtLeast:
      return value >= bound;
    case Keep::kAbove:
      return value > bound;
    case Keep::kAtMost:
      return value <= bound;
    case Keep::kBelow:
      return value < bound;
  }
  return false;
}

bool in_preset(const Rule& rule, std::string_view preset) {
  if (preset != "fineweb") return rule.family == preset;
  return rule.family != std::string_view("basic") && rule.key != std::string_view("c4_line_terminal");
}

std::string example_of(std::string_view text) {
  size_t end = std::min(text.size(), kExampleBytes);
  while (end < text.size() && end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end));
}

}  // namespace

QualitySettings::QualitySettings() {
  for (const Rule& rule : quality_rules()) bounds.push_back(rule.bound);
}

void describe(SettingsTable& table, QualitySettings& settings) {
  table.group("quality");
  table.add("quality", &settings.presets, "families of rules that are on: basic, gopher, c4, fineweb");
  table.add("quality_with", &settings.with, "keys of single rules that are on, too");
  table.add("quality_without", &settings.without, "keys of single rules that are off");
  table.add("quality_examples", &settings.examples, "removed texts that the report shows, per rule");
  for (size_t i = 0; i < quality_rules().size(); ++i)
    table.add(quality_rules()[i].key, &settings.bounds[i], quality_rules()[i].help);
}

Result<QualityFilter> QualityFilter::make(const QualitySettings& settings) {
  const std::vector<std::string> presets = {"basic", "gopher", "c4", "fineweb"};
  std::vector<std::string> keys;
  for (const Rule& rule : quality_rules()) keys.push_back(rule.key);
  const auto unknown = [](std::string_view what, const std::string& name, const std::vector<std::string>& known) {
    const std::string nearest = nearest_word(name, known);
    return error("no ", what, " is called ", name, nearest.empty() ? "" : "; did you mean " + nearest + "?");
  };
  const auto holds = [](const std::vector<std::string>& list, std::string_view name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  for (const std::string& preset : settings.presets)
    if (!holds(presets, preset)) return unknown("family of quality rules", preset, presets);
  for (const auto* list : {&settings.with, &settings.without})
    for (const std::string& key : *list)
      if (!holds(keys, key)) return unknown("quality rule", key, keys);
  if (settings.bounds.size() != keys.size()) return error("expected ", keys.size(), " bounds of quality rules");

  QualityFilter filter;
  filter.examples_ = settings.examples;
  for (size_t i = 0; i < keys.size(); ++i) {
    const Rule& rule = quality_rules()[i];
    const bool on = holds(settings.with, rule.key) ||
                    std::any_of(settings.presets.begin(), settings.presets.end(),
                                [&](const std::string& preset) { return in_preset(rule, preset); });
    if (on && !holds(settings.without, rule.key)) filter.rules_.push_back({&rule, settings.bounds[i]});
  }
  return filter;
}

QualityVerdict QualityFilter::check(std::string_view text, QualityScratch& scratch, QualityCounts& counts) const {
  counts.rules.resize(rules_.size());
  QualityVerdict verdict;
  verdict.text = text;
  measure_text(text, scratch.words, verdict.statistics);
  ++counts.seen;
  counts.seen_characters += verdict.statistics.characters;

  const auto count = [&](size_t index, bool kept, std::string_view what, int64_t characters) {
    RuleCount& rule = counts.rules[index];
    ++rule.seen;
    if (kept) return;
    ++rule.removed;
    rule.removed_characters += characters;
    if (static_cast<int64_t>(rule.examples.size()) < examples_) rule.examples.push_back(example_of(what));
  };

  // Line rules lie next to each other in the order: one walk over the lines asks them all.
  const auto filter_lines = [&](size_t first, size_t last) {
    scratch.lines.clear();
    std::optional<size_t> breaker;
    size_t gap_begin = 0;  // end of the line kept last
    bool removed_before = false;
    for (const StatisticsScratch::Line& line : scratch.words.lines) {
      const std::string_view body = verdict.text.substr(line.begin, line.end - line.begin);
      bool kept = true;
      for (size_t i = first; i < last && kept; ++i) {
        const Rule& rule = *rules_[i].rule;
        kept = keeps(rule.keep, line_value(rule.key, body, line, scratch.lower_case), rules_[i].bound);
        count(i, kept, body, line.characters);
        if (!kept) breaker = i;
      }
      if (!kept) {
        removed_before = true;
        continue;
      }
      const std::string_view gap = verdict.text.substr(gap_begin, line.begin - gap_begin);
      if (!removed_before)
        scratch.lines.append(gap);
      else if (!scratch.lines.empty())
        scratch.lines.append(gap.find("\n\n") == std::string_view::npos ? "\n" : "\n\n");
      scratch.lines.append(body);
      gap_begin = line.end;
      removed_before = false;
    }
    if (!breaker.has_value()) return;
    verdict.text = scratch.lines;
    measure_text(verdict.text, scratch.words, verdict.statistics);
    if (verdict.statistics.words > 0) return;
    verdict.removed = breaker;
    ++counts.emptied;
  };

  bool ngrams = false;
  for (size_t i = 0; i < rules_.size() && verdict.kept(); ++i) {
    const Rule& rule = *rules_[i].rule;
    if (rule.stage == RuleStage::kLine) {
      size_t last = i;
      while (last < rules_.size() && rules_[last].rule->stage == RuleStage::kLine) ++last;
      filter_lines(i, last);
      i = last - 1;
      continue;
    }
    if (rule.stage == RuleStage::kNgrams && !ngrams) {
      measure_ngrams(scratch.words, verdict.statistics);
      ngrams = true;
    }
    const bool kept = keeps(rule.keep, rule.value(verdict.statistics), rules_[i].bound);
    count(i, kept, verdict.text, verdict.statistics.characters);
    if (!kept) verdict.removed = i;
  }
  if (verdict.kept()) {
    ++counts.kept;
    counts.kept_characters += verdict.statistics.characters;
  }
  return verdict;
}

void QualityFilter::add(QualityCounts& sum, const QualityCounts& next) const {
  sum.rules.resize(rules_.size());
  sum.seen += next.seen, sum.kept += next.kept, sum.emptied += next.emptied;
  sum.seen_characters += next.seen_characters, sum.kept_characters += next.kept_characters;
  for (size_t i = 0; i < next.rules.size(); ++i) {
    RuleCount& rule = sum.rules[i];
    rule.seen += next.rules[i].seen;
    rule.removed += next.rules[i].removed;
    rule.removed_characters += next.rules[i].removed_characters;
    for (const std::string& example : next.rules[i].examples)
      if (static_cast<int64_t>(rule.examples.size()) < examples_) rule.examples.push_back(example);
  }
}

Json QualityFilter::report(const QualityCounts& counts) const {
  Json report = Json::array();
  for (size_t i = 0; i < rules_.size(); ++i) {
    const RuleCount rule = i < counts.rules.size() ? counts.rules[i] : RuleCount{};
    Json line = Json::object();
    line["rule"] = rules_[i].rule->key;
    line["bound"] = rules_[i].bound;
    line["of"] = rules_[i].rule->stage == RuleStage::kLine ? "lines" : "documents";
    line["seen"] = rule.seen;
    line["removed"] = rule.removed;
    line["kept"] = rule.seen - rule.removed;
    line["share"] = rule.seen == 0 ? 0.0 : static_cast<double>(rule.removed) / static_cast<double>(rule.seen);
    line["removed_characters"] = rule.removed_characters;
    Json examples = Json::array();
    for (const std::string& example : rule.examples) examples.push_back(example);
    line["examples"] = std::move(examples);
    report.push_back(std::move(line));
  }
  return report;
}

Json QualityFilter::to_json() const {
  Json order = Json::array();
  for (const ActiveRule& active : rules_) {
    Json rule = Json::object();
    rule["rule"] = active.rule->key;
    rule["bound"] = active.bound;
    order.push_back(std::move(rule));
  }
  return order;
}

}  // namespace lathe::corpus
