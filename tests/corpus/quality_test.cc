#include "corpus/quality.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/ref/testing.h"

namespace lathe::corpus {
namespace {

using lathe::testing::take;

std::string times(int n, const std::string& piece) {
  std::string text;
  for (int i = 0; i < n; ++i) text += piece;
  return text;
}

// Words that never repeat as a pair, in sentences of ten, one to a line.
std::string fresh_lines(int lines, int words_per_line = 10, const std::string& end = ".") {
  static const char* kWords[] = {"the",    "of", "river",   "stone",  "and",  "window",
                                 "garden", "to", "morning", "letter", "with", "paper"};
  std::string text;
  int step = 0;
  for (int line = 0; line < lines; ++line) {
    for (int i = 0; i < words_per_line; ++i, ++step)
      text += (i ? " " : "") + std::string(kWords[step % 12]) +
              (step % 3 ? ""
                        : "a" + std::string(1, static_cast<char>('a' + step / 12 % 26)) +
                              std::string(1, static_cast<char>('a' + step / 312 % 26)));
    text += end + "\n";
  }
  return text;
}

QualitySettings only(std::vector<std::string> rules) {
  QualitySettings settings;
  settings.presets.clear();
  settings.with = std::move(rules);
  return settings;
}

// Every rule, with a text that breaks it.
const std::map<std::string, std::string>& breaking_texts() {
  static const std::map<std::string, std::string> texts = {
      {"gopher_min_words", times(49, "word ")},
      {"gopher_max_words", times(100001, "word ")},
      {"c4_max_curly_brackets", "function() { return; }"},
      {"c4_max_lorem_ipsum", "Lorem ipsum dolor sit amet"},
      {"min_alphabetic_share", "12 34 56 a 78 the of"},
      {"min_mean_word_length", times(30, "a b ")},
      {"max_mean_word_length", times(30, "extraordinarily ")},
      {"max_symbol_word_ratio", times(8, "# word ... more ")},
      {"min_stop_words", "colourless green ideas sleep furiously the"},
      {"max_bullet_share", times(10, "- an entry\n")},
      {"max_repeated_line_share", times(10, "the same line\n")},
      {"gopher_min_word_length", times(30, "ab c ")},
      {"gopher_max_word_length", times(30, "extraordinary ")},
      {"gopher_max_hash_ratio", times(10, "#tag word ")},
      {"gopher_max_ellipsis_ratio", times(10, "well\u2026 word ")},
      {"gopher_max_bullet_lines", times(10, "\u2022 an entry\n")},
      {"gopher_max_ellipsis_lines", times(4, "read more...\n") + times(6, "a whole line\n")},
      {"gopher_min_alphabetic_words", times(10, "word 12 34 ")},
      {"gopher_min_stop_words", "colourless green ideas the the the"},
      {"gopher_max_line_copies", times(10, "the same line\n")},
      {"gopher_max_paragraph_copies", times(10, "the same\nparagraph\n\n")},
      {"gopher_max_line_copy_characters", "x\ny\nz\n" + times(2, "a line that is much longer than the others are\n")},
      {"gopher_max_paragraph_copy_characters",
       "x\n\ny\n\nz\n\n" + times(2, "a paragraph that is much longer than the others\n\n")},
      {"c4_line_terminal", "this line just stops here"},
      {"c4_line_max_word_length", "One " + times(1001, "x") + " is a long word."},
      {"c4_line_min_words", "Only four words here."},
      {"c4_line_max_javascript", "Please enable JavaScript in your browser."},
      {"c4_line_max_policy", "This page uses Cookies to serve you well."},
      {"c4_min_sentences", "One sentence only. And a second one."},
      {"fineweb_min_terminal_lines", times(8, "no mark at all\n") + "one mark.\n"},
      {"fineweb_max_line_copy_characters", "a line of some length here\nabcdef\nabcdef\nabcdef\n"},
      {"fineweb_max_short_lines",
       times(7, "short line\n") + times(3, "a line that is longer than thirty characters\n")},
      {"fineweb_max_line_ends", times(20, "two words\n")},
      {"max_repeated_ngram_share", times(10, "one two three four five six ")},
      {"gopher_max_top_2gram", times(10, "hello world now ")},
      {"gopher_max_top_3gram", times(10, "hello world now then ")},
      {"gopher_max_top_4gram", times(10, "hello world now then later ")},
      {"gopher_max_copied_5grams", times(10, "one two three four five six seven eight nine ten eleven ")},
      {"gopher_max_copied_6grams", times(10, "one two three four five six seven eight nine ten eleven ")},
      {"gopher_max_copied_7grams", times(10, "one two three four five six seven eight nine ten eleven ")},
      {"gopher_max_copied_8grams", times(10, "one two three four five six seven eight nine ten eleven ")},
      {"gopher_max_copied_9grams", times(10, "one two three four five six seven eight nine ten eleven ")},
      {"gopher_max_copied_10grams", times(10, "one two three four five six seven eight nine ten eleven ")},
  };
  return texts;
}

// L-2.18
TEST(Quality, EveryRuleRemovesWhatBreaksItAndCountsItThere) {
  const std::string good = fresh_lines(12);
  for (const Rule& rule : quality_rules()) {
    SCOPED_TRACE(rule.key);
    ASSERT_TRUE(breaking_texts().contains(rule.key));
    const QualityFilter filter = take(QualityFilter::make(only({rule.key})));
    ASSERT_EQ(filter.rules().size(), 1u);
    QualityScratch scratch;
    QualityCounts counts;
    const QualityVerdict bad = filter.check(breaking_texts().at(rule.key), scratch, counts);
    EXPECT_FALSE(bad.kept());
    EXPECT_EQ(counts.rules[0].removed, 1);
    EXPECT_EQ(counts.rules[0].seen, 1);
    EXPECT_EQ(counts.rules[0].removed_characters, bad.removed && rule.stage != RuleStage::kLine
                                                      ? bad.statistics.characters
                                                      : counts.rules[0].removed_characters);
    ASSERT_EQ(counts.rules[0].examples.size(), 1u);
    EXPECT_EQ(counts.rules[0].examples[0], breaking_texts().at(rule.key).substr(0, 400));
    const QualityVerdict kept = filter.check(good, scratch, counts);
    EXPECT_TRUE(kept.kept());
    EXPECT_EQ(kept.text, good);
    EXPECT_EQ(counts.rules[0].removed, 1);
    EXPECT_EQ(counts.seen, 2);
    EXPECT_EQ(counts.kept, 1);
  }
}

// L-2.18
TEST(Quality, EveryBoundIsAKeyAndMovesTheRule) {
  for (size_t i = 0; i < quality_rules().size(); ++i) {
    const Rule& rule = quality_rules()[i];
    SCOPED_TRACE(rule.key);
    QualitySettings settings = only({rule.key});
    SettingsTable table;
    describe(table, settings);
    const bool low = rule.keep == Keep::kAtLeast || rule.keep == Keep::kAbove;
    lathe::testing::check(table.set_text(rule.key, {low ? "-1" : "1000000"}));
    QualityScratch scratch;
    QualityCounts counts;
    EXPECT_TRUE(take(QualityFilter::make(settings)).check(breaking_texts().at(rule.key), scratch, counts).kept());
  }
}

// L-2.18
TEST(Quality, PublishedConstantsStandInTheTable) {
  const std::map<std::string, double> published = {{"gopher_min_words", 50},
                                                   {"gopher_max_words", 100000},
                                                   {"gopher_min_word_length", 3},
                                                   {"gopher_max_word_length", 10},
                                                   {"gopher_max_hash_ratio", 0.1},
                                                   {"gopher_max_ellipsis_ratio", 0.1},
                                                   {"gopher_max_bullet_lines", 0.9},
                                                   {"gopher_max_ellipsis_lines", 0.3},
                                                   {"gopher_min_alphabetic_words", 0.8},
                                                   {"gopher_min_stop_words", 2},
                                                   {"gopher_max_line_copies", 0.3},
                                                   {"gopher_max_paragraph_copies", 0.3},
                                                   {"gopher_max_line_copy_characters", 0.2},
                                                   {"gopher_max_paragraph_copy_characters", 0.2},
                                                   {"gopher_max_top_2gram", 0.2},
                                                   {"gopher_max_top_3gram", 0.18},
                                                   {"gopher_max_top_4gram", 0.16},
                                                   {"gopher_max_copied_5grams", 0.15},
                                                   {"gopher_max_copied_6grams", 0.14},
                                                   {"gopher_max_copied_7grams", 0.13},
                                                   {"gopher_max_copied_8grams", 0.12},
                                                   {"gopher_max_copied_9grams", 0.11},
                                                   {"gopher_max_copied_10grams", 0.1},
                                                   {"c4_min_sentences", 3},
                                                   {"c4_line_min_words", 5},
                                                   {"c4_line_max_word_length", 1000},
                                                   {"fineweb_min_terminal_lines", 0.12},
                                                   {"fineweb_max_line_copy_characters", 0.1},
                                                   {"fineweb_max_short_lines", 0.67},
                                                   {"fineweb_max_line_ends", 0.3}};
  std::map<std::string, double> table;
  for (const Rule& rule : quality_rules()) table[rule.key] = rule.bound;
  for (const auto& [key, bound] : published) EXPECT_EQ(table.at(key), bound) << key;
}

std::set<std::string> keys_of(const QualitySettings& settings) {
  std::set<std::string> keys;
  const QualityFilter filter = take(QualityFilter::make(settings));
  for (const auto& active : filter.rules()) keys.insert(active.rule->key);
  return keys;
}

// L-2.18
TEST(Quality, PresetsAreFamiliesAndSingleRulesComeAndGo) {
  QualitySettings settings;
  EXPECT_EQ(keys_of(settings),
            (std::set<std::string>{"min_alphabetic_share", "min_mean_word_length", "max_mean_word_length",
                                   "max_symbol_word_ratio", "min_stop_words", "max_bullet_share",
                                   "max_repeated_line_share", "max_repeated_ngram_share"}));
  settings.presets = {"gopher"};
  EXPECT_EQ(keys_of(settings).size(), 23u);
  settings.presets = {"c4"};
  EXPECT_EQ(keys_of(settings).size(), 8u);
  settings.presets = {"fineweb"};
  EXPECT_EQ(keys_of(settings).size(), 23u + 7u + 4u);
  EXPECT_FALSE(keys_of(settings).contains("c4_line_terminal"));
  settings.with = {"c4_line_terminal"};
  settings.without = {"gopher_min_words"};
  EXPECT_TRUE(keys_of(settings).contains("c4_line_terminal"));
  EXPECT_FALSE(keys_of(settings).contains("gopher_min_words"));
}

// L-2.18
TEST(Quality, UnknownNamesAreErrorsThatNameTheNearest) {
  QualitySettings settings;
  settings.presets = {"gofer"};
  EXPECT_NE(QualityFilter::make(settings).error().to_string().find("gopher"), std::string::npos);
  settings = {};
  settings.without = {"gopher_min_word"};
  EXPECT_NE(QualityFilter::make(settings).error().to_string().find("gopher_min_words"), std::string::npos);
}

// L-2.19
TEST(Quality, TheOrderIsFixedCheapRulesFirstAndATextCountsOnce) {
  QualitySettings settings;
  settings.presets = {"fineweb", "c4", "gopher", "basic"};
  settings.without = {"c4_line_terminal"};
  const QualityFilter filter = take(QualityFilter::make(settings));
  QualitySettings other = settings;
  other.presets = {"basic", "gopher", "c4", "fineweb"};
  EXPECT_EQ(filter.to_json(), take(QualityFilter::make(other)).to_json());
  for (size_t i = 1; i < filter.rules().size(); ++i)
    EXPECT_LE(filter.rules()[i - 1].rule->stage, filter.rules()[i].rule->stage);
  QualityScratch scratch;
  QualityCounts counts;
  filter.check(times(30, "{ # } "), scratch, counts);  // breaks many
  int64_t removed = 0;
  for (const RuleCount& rule : counts.rules) removed += rule.removed;
  EXPECT_EQ(removed, 1);
  EXPECT_EQ(counts.rules[1].seen, 1);  // 90 words: the first rule that breaks is the brackets'
  EXPECT_EQ(counts.rules[2].removed, 1);
  EXPECT_EQ(counts.rules[3].seen, 0);
}

// L-2.19
TEST(Quality, TheReportHasALinePerRule) {
  const QualityFilter filter = take(QualityFilter::make(only({"gopher_min_words", "c4_max_curly_brackets"})));
  QualityScratch scratch;
  QualityCounts counts;
  filter.check("too short", scratch, counts);
  filter.check(times(60, "word "), scratch, counts);
  filter.check(times(60, "word ") + "}", scratch, counts);
  filter.check(times(60, "word "), scratch, counts);
  const Json report = filter.report(counts);
  ASSERT_EQ(report.size(), 2u);
  EXPECT_EQ(report.at(0).at("rule").as_string(), "gopher_min_words");
  EXPECT_EQ(report.at(0).at("seen").as_int(), 4);
  EXPECT_EQ(report.at(0).at("removed").as_int(), 1);
  EXPECT_EQ(report.at(0).at("kept").as_int(), 3);
  EXPECT_EQ(report.at(0).at("share").as_double(), 0.25);
  EXPECT_EQ(report.at(0).at("removed_characters").as_int(), 9);
  EXPECT_EQ(report.at(0).at("examples").at(0).as_string(), "too short");
  EXPECT_EQ(report.at(1).at("seen").as_int(), 3);
  EXPECT_EQ(report.at(1).at("kept").as_int(), 2);
}

// L-2.18, L-2.19
TEST(Quality, CountsAddUpInTheOrderOfTheTexts) {
  QualitySettings settings = only({"gopher_min_words"});
  settings.examples = 3;
  const QualityFilter filter = take(QualityFilter::make(settings));
  QualityScratch scratch;
  QualityCounts whole, first, second;
  for (int i = 0; i < 5; ++i) {
    const std::string text = "short " + std::to_string(i);
    filter.check(text, scratch, whole);
    filter.check(text, scratch, i < 2 ? first : second);
  }
  QualityCounts sum;
  filter.add(sum, first);
  filter.add(sum, second);
  EXPECT_EQ(filter.report(sum), filter.report(whole));
  EXPECT_EQ(sum.rules[0].examples, (std::vector<std::string>{"short 0", "short 1", "short 2"}));
  EXPECT_EQ(sum.seen, 5);
  EXPECT_EQ(sum.seen_characters, whole.seen_characters);
}

// L-2.18
TEST(Quality, LineRulesRemoveLinesAndLaterRulesSeeWhatIsLeft) {
  QualitySettings settings;
  settings.presets = {"c4"};
  const QualityFilter filter = take(QualityFilter::make(settings));
  QualityScratch scratch;
  QualityCounts counts;
  const QualityVerdict verdict = filter.check(
      "Menu\n\nThe first line has enough words.\nToo few words.\nThis one stops without\n\nClick here to read "
      "more...\n\n"
      "\"The second one is in quotes.\"\nWe use cookies on all our pages.\nAnd here is a third sentence!",
      scratch, counts);
  ASSERT_TRUE(verdict.kept());
  EXPECT_EQ(verdict.text,
            "The first line has enough words.\n\n\"The second one is in quotes.\"\nAnd here is a third sentence!");
  EXPECT_EQ(verdict.statistics.lines, 3);
  EXPECT_EQ(counts.kept_characters, static_cast<int64_t>(verdict.text.size()));
  EXPECT_EQ(filter.check("Menu\nHome\nAbout", scratch, counts).text, "");
  EXPECT_EQ(counts.emptied, 1);
  EXPECT_EQ(counts.kept, 1);
}

// L-2.18: the bounds of the two at their edge
TEST(Quality, LineEndsPerWordAndCharactersInRepeatedLinesAreFineWebs) {
  const auto kept = [](const char* rule, const std::string& text) {
    QualityScratch scratch;
    QualityCounts counts;
    return take(QualityFilter::make(only({rule}))).check(text, scratch, counts).kept();
  };
  EXPECT_TRUE(kept("fineweb_max_line_ends", times(3, "one two three\n") + "four"));        // 3 by 10 words
  EXPECT_FALSE(kept("fineweb_max_line_ends", times(3, "one two three\n") + "\n\nfour"));  // 5 by 10
  // 10 of 100 characters, line ends not counted, is too much; 10 of 101 is not.
  const std::string rest = times(8, "abcdefghij"), twice = "0123456789\n0123456789\n";
  EXPECT_FALSE(kept("fineweb_max_line_copy_characters", twice + rest));
  EXPECT_TRUE(kept("fineweb_max_line_copy_characters", twice + rest + "k"));
}

// L-2.18
TEST(Quality, ExamplesEndWithAWholeCharacter) {
  const QualityFilter filter = take(QualityFilter::make(only({"gopher_min_words"})));
  QualityScratch scratch;
  QualityCounts counts;
  filter.check("x" + times(400, "\u00E9"), scratch, counts);
  EXPECT_EQ(counts.rules[0].examples[0], "x" + times(199, "\u00E9"));
}

}  // namespace
}  // namespace lathe::corpus
