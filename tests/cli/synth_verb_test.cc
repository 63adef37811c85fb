#include <gtest/gtest.h>

#include "core/sha256.h"
#include "real_verbs.h"

namespace lathe::cli {
namespace {

std::vector<std::string> small(const fs::path& base, std::vector<std::string> flags = {}) {
  std::vector<std::string> words = {"synth", "--base-dir", base.string(), "--size-mb", "1", "--conversations", "200", "--cases", "20", "--json"};
  words.insert(words.end(), flags.begin(), flags.end());
  return words;
}

TEST(SynthVerb, FillsTheFoldersThatTrainingReads) {
  const TemporaryFolder base;
  const Outcome outcome = run_lathe(small(base.path()));
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  for (const char* file : {"base_data/shard_00000.jsonl", "base_data/shard_00001.jsonl", "sft/first.jsonl", "sft/train.jsonl", "sft/val.jsonl", "eval/sums.jsonl", "manifest.json"})
    EXPECT_TRUE(fs::exists(base.path() / file)) << file;
  const Json figures = outcome.figures();
  EXPECT_EQ(figures.at("sft").at("records").as_int(), 200);
  EXPECT_EQ(figures.at("eval").at("reading").at("cases").as_int(), 20);
  EXPECT_EQ(figures.at("seed").as_int(), 1);
  EXPECT_NEAR(static_cast<double>(figures.at("base").at("text_bytes").as_int()), 1e6, 5e3);
  EXPECT_GT(figures.at("mb_per_s").as_double(), 0);
  EXPECT_NE(outcome.out.find("conversations: 200 records"), std::string::npos) << outcome.out;
  // What it wrote is a corpus.
  EXPECT_EQ(run_lathe({"tokenizer", "train", "--base-dir", base.path().string(), "--vocab-size", "400"}).exit, Exit::kDone);
}

TEST(SynthVerb, TheSeedChoosesTheBytes) {
  const TemporaryFolder one, two, three;
  ASSERT_EQ(run_lathe(small(one.path())).exit, Exit::kDone);
  ASSERT_EQ(run_lathe(small(two.path() / "base", {"--out", two.path().string(), "--seed", "1"})).exit, Exit::kDone);
  ASSERT_EQ(run_lathe(small(three.path(), {"--seed", "2"})).exit, Exit::kDone);
  for (const char* file : {"base_data/shard_00000.jsonl", "sft/train.jsonl", "eval/choices.jsonl"}) {
    const std::string hash = testing::take(sha256_file(one.path() / file));
    EXPECT_EQ(testing::take(sha256_file(two.path() / file)), hash) << file;
    EXPECT_NE(testing::take(sha256_file(three.path() / file)), hash) << file;
  }
  EXPECT_EQ(testing::read_json_or_fail(three.path() / "manifest.json").at("seed").as_int(), 2);
}

TEST(SynthVerb, ShardsOfALargerCorpusAreRemovedAndOtherFilesNamed) {
  const TemporaryFolder base;
  const fs::path data = base.path() / "base_data";
  for (const char* name : {"shard_00002.jsonl", "shard_00003.jsonl", "own.txt"}) testing::check(write_file_atomic(data / name, "{\"text\": \"old\"}\n"));
  ::testing::internal::CaptureStderr();
  ASSERT_EQ(run_lathe(small(base.path())).exit, Exit::kDone);
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_FALSE(fs::exists(data / "shard_00002.jsonl"));
  EXPECT_FALSE(fs::exists(data / "shard_00003.jsonl"));
  EXPECT_TRUE(fs::exists(data / "own.txt"));
  EXPECT_NE(log.find("own.txt was there before"), std::string::npos) << log;
  EXPECT_EQ(log.find("shard_"), std::string::npos) << log;
}

TEST(SynthVerb, SizesOutsideTheRangeAreRefused) {
  const TemporaryFolder base;
  for (const char* flag : {"--size-mb=0", "--size-mb=10001", "--conversations=-1", "--cases=0"}) {
    const Outcome outcome = run_lathe(small(base.path(), {flag}));
    EXPECT_EQ(outcome.exit, Exit::kBadInput) << flag;
  }
  EXPECT_FALSE(fs::exists(base.path() / "manifest.json"));
}

}  // namespace
}  // namespace lathe::cli
