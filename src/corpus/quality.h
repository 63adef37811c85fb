// Quality rules as data (L-2.18, L-2.19): a rule is a key, a statistic of the text, a bound and a counter.
//
// Families, each with the constants of its source:
//   basic    the heuristics of L-2.18
//   gopher   Rae et al. 2021, arXiv:2112.11446, section A.1.1 and table A1
//   c4       Raffel et al. 2020, arXiv:1910.10683, section 2.2, and their program, c4_utils.py of TensorFlow Datasets.
//            Not here: its list of bad words; citation marks, which cleaning removes (CleanSettings::remove_citations);
//            three-sentence spans that stand elsewhere in the corpus (duplicates here are whole documents)
//   fineweb  Penedo et al. 2024, arXiv:2406.17557, section 3.5, and the bound on line ends of their program, datatrove's
//            fineweb_quality_filter.py; where the two differ (characters in repeated lines) the paper's constant stands
// The preset "fineweb" is the published recipe: Gopher's rules, C4's without terminal punctuation, and its own.
//
// The order is fixed, cheap ones first: rules on the whole text, rules that remove single lines (C4's), rules on what
// is left, rules on repeated n-grams. A text is removed by the first rule it breaks, and counted there.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "core/settings.h"
#include "corpus/text_statistics.h"

namespace lathe::corpus {

enum class RuleStage { kText, kLine, kRest, kNgrams };

// Which values keep the text.
enum class Keep { kAtLeast, kAbove, kAtMost, kBelow };

struct Rule {
  const char* key;
  const char* family;
  RuleStage stage;
  double (*value)(const TextStatistics&);  // null for the line rules: see line_filter.h
  Keep keep;
  double bound;  // as published
  const char* help;
};

// All rules, in the order in which they are asked.
std::span<const Rule> quality_rules();

struct QualitySettings {
  QualitySettings();
  std::vector<std::string> presets = {"basic"};  // families that are on: basic, gopher, c4, fineweb
  std::vector<std::string> with;                 // keys of further rules
  std::vector<std::string> without;              // keys of rules to leave out
  std::vector<double> bounds;                    // one for each of quality_rules()
  int64_t examples = 3;                          // removed texts (or lines) kept per rule
};
// Keys: quality, quality_with, quality_without, quality_examples, and the key of every rule for its bound.
void describe(SettingsTable& table, QualitySettings& settings);

struct RuleCount {
  int64_t seen = 0;  // texts, or lines for a line rule, that came as far as this rule
  int64_t removed = 0;
  int64_t removed_characters = 0;
  std::vector<std::string> examples;  // the first removed ones, cut to 400 bytes
};

struct QualityCounts {
  std::vector<RuleCount> rules;  // in the order of QualityFilter::rules()
  int64_t seen = 0, kept = 0;
  int64_t emptied = 0;  // texts of which the line rules left nothing; no other rule counts them
  int64_t seen_characters = 0, kept_characters = 0;
};

struct QualityScratch {
  StatisticsScratch words;
  std::string lines, lower_case;
};

struct QualityVerdict {
  std::string_view text;          // the input, or without the lines that line rules removed: then in the scratch
  std::optional<size_t> removed;  // by this one of QualityFilter::rules()
  TextStatistics statistics;      // of the text when it was kept or removed; n-grams only if they were asked for
  bool kept() const { return !removed.has_value(); }
};

// The rules that are on. Immutable: any number of threads, each with its own scratch and counts.
class QualityFilter {
 public:
  // An unknown preset or key is an error that names the nearest known one.
  static Result<QualityFilter> make(const QualitySettings& settings);

  // `text` is cleaned text and does not lie in the scratch; the verdict's text lives until either changes.
  QualityVerdict check(std::string_view text, QualityScratch& scratch, QualityCounts& counts) const;

  struct ActiveRule {
    const Rule* rule;
    double bound;
  };
  const std::vector<ActiveRule>& rules() const { return rules_; }

  // Adds the counts of texts that follow those of `sum`.
  void add(QualityCounts& sum, const QualityCounts& next) const;
  // The funnel: one object per rule in order, with rule, bound, seen, removed, kept, share and examples.
  Json report(const QualityCounts& counts) const;
  // The order and bounds, for the manifest.
  Json to_json() const;

 private:
  std::vector<ActiveRule> rules_;
  int64_t examples_ = 0;
};

}  // namespace lathe::corpus
