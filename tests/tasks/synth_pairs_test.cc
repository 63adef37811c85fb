// Preference pairs from the built-in tasks.
#include "tasks/synth_pairs.h"

#include <gtest/gtest.h>

#include <set>

#include "core/json.h"
#include "tests/ref/testing.h"

namespace lathe::tasks {
namespace {

TEST(SynthPair, IsAFunctionOfItsNumberAndHasTwoAnswers) {
  std::set<std::string> kinds;
  for (uint64_t i = 0; i < 300; ++i) {
    const SynthPair pair = synth_pair(1, Split::kTrain, i), again = synth_pair(1, Split::kTrain, i);
    EXPECT_EQ(pair.question, again.question);
    EXPECT_EQ(pair.rejected, again.rejected);
    EXPECT_NE(pair.chosen, pair.rejected);
    EXPECT_FALSE(pair.question.empty() || pair.chosen.empty() || pair.rejected.empty());
    kinds.insert(pair.kind);
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"choices", "reading", "spelling"}));
}

TEST(SynthPair, OfSpellingIsRightInOneAnswerAlone) {
  for (uint64_t i = 0; i < 300; ++i) {
    const SynthPair pair = synth_pair(1, Split::kTrain, i);
    if (pair.kind != "spelling") continue;
    const std::string word = pair.chosen.substr(0, pair.chosen.find(':'));
    EXPECT_EQ(pair.chosen, spelled(word));
    EXPECT_TRUE(pair.rejected.starts_with(word + ":"));
  }
}

TEST(SynthPair, HoldsBackProblemsOfTheTest) {
  for (uint64_t i = 0; i < 300; ++i) {
    for (const Split split : {Split::kTrain, Split::kTest}) {
      const SynthPair pair = synth_pair(1, split, i);
      if (pair.kind != "spelling") continue;
      EXPECT_TRUE(belongs_to(word_key(pair.chosen.substr(0, pair.chosen.find(':'))), split)) << pair.chosen;
    }
  }
}

TEST(WritePairs, MakesTheSameFilesEachTime) {
  const TemporaryFolder a, b;
  lathe::testing::check(write_pairs(7, 250, a.path()));
  lathe::testing::check(write_pairs(7, 250, b.path()));
  for (const char* name : {"dpo/train.jsonl", "dpo/val.jsonl"})
    EXPECT_EQ(lathe::testing::take(read_file(a.path() / name)), lathe::testing::take(read_file(b.path() / name)));
  EXPECT_EQ(lathe::testing::read_jsonl(a.path() / "dpo/train.jsonl").size(), 250u);
  EXPECT_EQ(lathe::testing::read_jsonl(a.path() / "dpo/val.jsonl").size(), 100u);
}

}  // namespace
}  // namespace lathe::tasks
