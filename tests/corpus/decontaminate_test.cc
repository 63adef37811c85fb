#include "corpus/decontaminate.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/rng.h"
#include "core/sha256.h"
#include "tests/ref/testing.h"

namespace lathe::corpus {
namespace {

using testing::check;
using testing::take;

NgramSet set_of(const std::string& name, const std::vector<std::string>& texts, int64_t ngram = kDefaultNgram) {
  NgramSet::Builder builder(name, ngram);
  for (const std::string& text : texts) builder.add(text);
  return std::move(builder).finish();
}

std::string numbered(int64_t from, int64_t to) {
  std::string text;
  for (int64_t i = from; i < to; ++i) text += "word" + std::to_string(i) + " ";
  return text;
}

// L-2.28: 13 words in common, not 12
TEST(Decontaminate, ThirteenWordsInARowAreAMatch) {
  const Decontaminator sets({set_of("eval", {numbered(0, 40)})});
  EXPECT_EQ(sets.ngram(), 13);
  EXPECT_TRUE(sets.find("before " + numbered(10, 22) + "after " + numbered(22, 34)).empty());
  const std::string text = "before " + numbered(10, 23) + "after";
  const std::vector<Contamination> found = sets.find(text);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].matches, 1);
  EXPECT_EQ(text.substr(found[0].begin, found[0].end - found[0].begin) + " ", numbered(10, 23));
  EXPECT_EQ(sets.find(numbered(0, 40))[0].matches, 28);
  EXPECT_TRUE(sets.find("").empty());
}

// L-2.28: case, punctuation and WikiText's joins do not hide a match, whichever side has them
TEST(Decontaminate, JoinsOfWikiTextAreUndoneOnBothSides) {
  const std::string wiki = "the state @-@ of @-@ the @-@ art system sold 1 @,@ 234 copies in 2 @.@ 5 weeks , he said";
  const std::string plain = "The state-of-the-art system sold 1,234 copies in 2.5 weeks, he said.";
  EXPECT_EQ(Decontaminator({set_of("wiki", {wiki})}).find("So: " + plain).size(), 1u);
  EXPECT_EQ(Decontaminator({set_of("plain", {plain})}).find("x " + wiki + " y").size(), 1u);
  EXPECT_EQ(set_of("a", {wiki}).hashes(), set_of("a", {plain}).hashes());
}

// L-2.28: key `ngram`
TEST(Decontaminate, NgramIsASetting) {
  const Decontaminator five({set_of("eval", {numbered(0, 40)}, 5)});
  EXPECT_EQ(five.find("x " + numbered(3, 8) + "y").size(), 1u);
  EXPECT_TRUE(five.find("x " + numbered(3, 7) + "y").empty());
  EXPECT_THROW(NgramSet::Builder("x", 0), std::invalid_argument);
  EXPECT_THROW(Decontaminator({set_of("a", {}, 5), set_of("b", {}, 6)}), std::invalid_argument);
}

// L-2.28: every n-gram of a large set is found, texts of other words are not
TEST(Decontaminate, LargeSetHasNoMissesAndNoFalseAlarms) {
  Rng rng(1, "large");
  std::vector<std::string> texts;
  for (int i = 0; i < 500; ++i) {
    texts.emplace_back();
    for (int w = 0; w < 60; ++w) texts.back() += std::to_string(rng.below(1u << 30)) + " ";
  }
  const NgramSet set = set_of("large", texts);
  EXPECT_EQ(set.hashes().size(), 500u * 48);
  const Decontaminator sets({set});
  for (const std::string& text : texts) ASSERT_EQ(sets.find(text).at(0).matches, 48);
  for (int i = 0; i < 500; ++i) {
    std::string other;
    for (int w = 0; w < 60; ++w) other += std::to_string(rng.below(1u << 30)) + " ";
    ASSERT_TRUE(sets.find(other).empty());
  }
}

// L-2.28: a report per set
TEST(Decontaminate, ReportCountsPerSet) {
  const NgramSet a = set_of("a", {numbered(0, 30), "too short"}), b = set_of("b", {numbered(10, 50)}),
                 c = set_of("c", {});
  const Decontaminator sets({a, b, c});
  DecontaminationReport report(sets, 2);
  const std::vector<std::string> texts = {numbered(0, 15), numbered(12, 28), "clean", numbered(30, 50),
                                          numbered(31, 50)};
  for (size_t i = 0; i < texts.size(); ++i) report.add("src", 100 + i, texts[i], sets.find(texts[i]));
  const Json json = report.to_json();
  EXPECT_EQ(report.documents(), 5);
  EXPECT_EQ(report.contaminated(), 4);
  EXPECT_EQ(json.at("contaminated").as_int(), 4);
  EXPECT_EQ(json.at("ngram").as_int(), 13);
  const Json& per_set = json.at("sets");
  ASSERT_EQ(per_set.size(), 3u);
  EXPECT_EQ(per_set.at(0).at("documents").as_int(), 2);
  EXPECT_EQ(per_set.at(0).at("short_texts").as_int(), 1);
  EXPECT_EQ(per_set.at(1).at("documents").as_int(), 3);
  EXPECT_EQ(per_set.at(1).at("samples").size(), 2u);
  EXPECT_EQ(per_set.at(2).at("documents").as_int(), 0);
  const Json& sample = per_set.at(1).at("samples").at(1);
  EXPECT_EQ(sample.at("document").as_int(), 103);
  EXPECT_EQ(sample.at("source").as_string(), "src");
  EXPECT_EQ(sample.at("ngram").as_string() + " ", numbered(30, 43));
  EXPECT_EQ(sample.at("matches").as_int(), 8);
  // L-2.29: the list for the manifest names every set by its hash
  EXPECT_EQ(per_set.at(0).at("sha256").as_string(), a.sha256());
  EXPECT_EQ(per_set.at(1).at("sha256").as_string(), b.sha256());
}

// L-2.29: the hash is that of the saved file, and does not depend on the order of texts
TEST(NgramSet, IsSavedLoadedAndNamedByItsHash) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "eval.ngrams";
  const NgramSet set = set_of("wikitext2_test", {numbered(0, 30), numbered(100, 140)});
  check(set.save(path));
  EXPECT_EQ(take(sha256_file(path)), set.sha256());
  const NgramSet loaded = take(NgramSet::load(path));
  EXPECT_EQ(loaded.name(), "wikitext2_test");
  EXPECT_EQ(loaded.ngram(), 13);
  EXPECT_EQ(loaded.texts(), 2);
  EXPECT_EQ(loaded.hashes(), set.hashes());
  EXPECT_EQ(loaded.sha256(), set.sha256());
  EXPECT_EQ(set_of("wikitext2_test", {numbered(100, 140), numbered(0, 30)}).sha256(), set.sha256());
  EXPECT_NE(set_of("wikitext2_test", {numbered(100, 140), numbered(0, 31)}).sha256(), set.sha256());
}

// L-2.29
TEST(NgramSet, TruncatedOrChangedFileIsRefused) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "eval.ngrams";
  check(set_of("e", {numbered(0, 20)}).save(path));
  const std::string whole = take(read_file(path));
  for (size_t left = 0; left < whole.size(); left += 5) {
    check(write_file_atomic(path, whole.substr(0, left)));
    ASSERT_FALSE(NgramSet::load(path).ok()) << left;
  }
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 32);
    check(write_file_atomic(path, changed));
    const auto loaded = NgramSet::load(path);
    ASSERT_FALSE(loaded.ok()) << at;
    ASSERT_NE(loaded.error().to_string().find("eval.ngrams"), std::string::npos);
  }
  // sizes that do not fit, under a right hash
  std::string lying = whole.substr(0, whole.size() - 32);
  lying[48] = static_cast<char>(lying[48] + 1);
  Sha256 sha;
  sha.update(lying);
  for (const uint8_t byte : sha.digest()) lying += static_cast<char>(byte);
  check(write_file_atomic(path, lying));
  EXPECT_FALSE(NgramSet::load(path).ok());
}

}  // namespace
}  // namespace lathe::corpus
