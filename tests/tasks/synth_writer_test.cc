#include <map>

#include "core/parallel.h"
#include "core/sha256.h"
#include "core/text.h"
#include "tasks/synth.h"
#include "tasks/task.h"
#include "tests/ref/testing.h"

namespace lathe::tasks {
namespace {

SynthSettings small_settings(int64_t seed = 1) { return {1, 800, 60, seed}; }

std::map<std::string, std::string> hashes(const Json& manifest) {
  std::map<std::string, std::string> out;
  for (const Json& entry : manifest.at("outputs").as_array())
    out[entry.at("path").as_string()] = entry.at("sha256").as_string();
  return out;
}

Json write(const SynthSettings& settings, const fs::path& folder) {
  Json manifest;
  testing::check(write_corpus(settings, folder, &manifest));
  return manifest;
}

TEST(SynthWriter, SameSeedSameBytesForOneAndTwoThreads) {
  const int before = num_threads();
  const TemporaryFolder one, two, three;
  set_num_threads(1);
  const auto first = hashes(write(small_settings(), one.path()));
  set_num_threads(2);
  const auto second = hashes(write(small_settings(), two.path()));
  const auto other = hashes(write(small_settings(2), three.path()));
  set_num_threads(before);
  EXPECT_EQ(first, second);
  ASSERT_EQ(first.size(), 10u);
  for (const auto& [path, hash] : first) EXPECT_NE(hash, other.at(path)) << path;
}

TEST(SynthWriter, ManifestAgreesWithTheFiles) {
  const TemporaryFolder folder;
  const Json manifest = write(small_settings(), folder.path());
  EXPECT_EQ(testing::read_json_or_fail(folder.path() / "manifest.json"), manifest);
  EXPECT_EQ(manifest.at("schema").as_int(), 1);
  EXPECT_EQ(manifest.at("seed").as_int(), 1);
  EXPECT_EQ(manifest.at("settings").at("size_mb").as_int(), 1);
  for (const Json& entry : manifest.at("outputs").as_array()) {
    const fs::path path = folder.path() / entry.at("path").as_string();
    EXPECT_EQ(testing::take(sha256_file(path)), entry.at("sha256").as_string());
    EXPECT_EQ(static_cast<int64_t>(fs::file_size(path)), entry.at("bytes").as_int());
    EXPECT_EQ(static_cast<int64_t>(testing::read_jsonl(path).size()), entry.at("records").as_int());
  }
}

TEST(SynthWriter, BaseHasTheAskedSizeAndAValidationShard) {
  const TemporaryFolder folder;
  const Json manifest = write(small_settings(), folder.path());
  int64_t train = 0, validation = 0;
  for (const Json& line : testing::read_jsonl(folder.path() / "base_data/shard_00000.jsonl"))
    train += static_cast<int64_t>(line.at("text").as_string().size());
  for (const Json& line : testing::read_jsonl(folder.path() / "base_data/shard_00001.jsonl"))
    validation += static_cast<int64_t>(line.at("text").as_string().size());
  EXPECT_FALSE(fs::exists(folder.path() / "base_data/shard_00002.jsonl"));
  EXPECT_NEAR(static_cast<double>(train + validation), 1e6, 5000);
  EXPECT_NEAR(static_cast<double>(validation), 5e4, 5000);
  EXPECT_EQ(manifest.at("base").at("text_bytes").as_int(), train + validation);
  EXPECT_LT(manifest.at("base").at("repeated_records").as_int(), manifest.at("base").at("records").as_int() / 20);
}

// C-2.22
TEST(SynthWriter, ConversationsAlternateAndPartsHaveKnownTypes) {
  const TemporaryFolder folder;
  write(small_settings(), folder.path());
  std::map<std::string, int> types;
  for (const char* name : {"sft/first.jsonl", "sft/train.jsonl", "sft/val.jsonl"}) {
    for (const Json& line : testing::read_jsonl(folder.path() / name)) {
      const Json::Array& messages = line.at("messages").as_array();
      ASSERT_EQ(messages.size() % 2, 0u);
      for (size_t i = 0; i < messages.size(); ++i) {
        ASSERT_EQ(messages[i].at("role").as_string(), i % 2 == 0 ? "user" : "assistant");
        const Json& content = messages[i].at("content");
        if (content.is_string()) continue;
        ASSERT_EQ(i % 2, 1u);
        for (const Json& part : content.as_array()) ++types[part.at("type").as_string()];
      }
    }
  }
  ASSERT_EQ(types.size(), 3u);
  EXPECT_GT(types["text"], 0);
  EXPECT_GT(types["python"], 0);
  EXPECT_EQ(types["python"], types["python_output"]);
}

TEST(SynthWriter, EvaluationSetsCanBeReadAndHoldDifferentQuestions) {
  const TemporaryFolder folder;
  const Json manifest = write(small_settings(), folder.path());
  for (const BuiltinTask& task : builtin_tasks()) {
    const auto cases = testing::take(read_task_cases(folder.path() / "eval" / (task.name + ".jsonl")));
    ASSERT_EQ(cases.size(), 60u);
    std::map<std::string, int> questions;
    for (const TaskCase& one : cases) EXPECT_EQ(++questions[one.messages.dump()], 1);
    const Json& entry = manifest.at("eval").at(task.name);
    EXPECT_EQ(entry.at("majority_baseline").as_double(), baselines(cases).majority);
    EXPECT_LT(baselines(cases).majority, 0.65) << task.name;
  }
}

TEST(SynthWriter, WrongSettingsAndFoldersAreErrors) {
  const TemporaryFolder folder;
  for (const SynthSettings& settings :
       {SynthSettings{0, 1, 1, 1}, SynthSettings{10'001, 1, 1, 1}, SynthSettings{1, -1, 1, 1},
        SynthSettings{1, 1, 0, 1}, SynthSettings{1, 1, 100'000, 1}}) {
    EXPECT_FALSE(write_corpus(settings, folder.path(), nullptr).ok());
  }
  testing::check(write_file_atomic(folder.path() / "file", "x"));
  const Status status = write_corpus(small_settings(), folder.path() / "file", nullptr);
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().to_string().find("file"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder.path() / "manifest.json"));
}

}  // namespace
}  // namespace lathe::tasks
