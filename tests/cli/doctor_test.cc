#include <gtest/gtest.h>

#include <sstream>

#include "cli/run.h"
#include "tests/ref/testing.h"

namespace lathe::cli {
namespace {

struct Outcome {
  Exit exit;
  std::string text;
  Json checks;  // the last line
};

Outcome run_doctor(const fs::path& base) {
  std::ostringstream out, err;
  const Exit exit = run_words(make_verbs(), {"doctor", "--json", "--base-dir", base.string()}, out, err);
  const std::vector<std::string> lines = split_text(trim_text(out.str()), '\n');
  return {exit, out.str(), testing::take(parse_json(lines.back()))};
}

TEST(Doctor, FindsAHealthyMachineGood) {
  const TemporaryFolder folder;
  const Outcome outcome = run_doctor(folder.path() / "new");
  EXPECT_EQ(outcome.exit, Exit::kDone) << outcome.text;
  EXPECT_EQ(outcome.checks.at("base folder").at("state").as_string().substr(0, 1), outcome.text.find("free some disk") == std::string::npos ? "g" : "n");
  EXPECT_NE(outcome.checks.at("libraries").at("text").as_string().find("libspdlog"), std::string::npos);
  for (const char* name : {"cpu", "vector unit", "memory", "parquet", "cuda"}) EXPECT_TRUE(outcome.checks.contains(name)) << name;
  EXPECT_TRUE(fs::is_empty(folder.path() / "new"));  // its probe is gone
}

// C-12.10: the walls that stand are listed; where they cannot, the reason is.
TEST(Doctor, ListsTheWallsOfTheSandbox) {
  const TemporaryFolder folder;
  const Outcome outcome = run_doctor(folder.path());
  const Json& sandbox = outcome.checks.at("sandbox");
  if (sandbox.at("state").as_string() == "good") {
    for (const char* wall : {"mount namespace", "network namespace", "seccomp: ", "resource limits"}) EXPECT_NE(sandbox.at("text").as_string().find(wall), std::string::npos) << wall;
  } else {
    EXPECT_NE(sandbox.at("remedy").as_string(), "");
  }
}

// L-14.9
TEST(Doctor, ProposesTrainingForTheFreeMemory) {
  const TemporaryFolder folder;
  const Outcome outcome = run_doctor(folder.path());
  ASSERT_GE(outcome.checks.at("proposals").size(), 1u) << "a machine with a gigabyte free";
  for (const Json& proposal : outcome.checks.at("proposals").as_array())
    EXPECT_NE(outcome.text.find(proposal.at("command").as_string()), std::string::npos);
}

TEST(Doctor, NamesWhatIsWrongAndTheCommandThatMendsIt) {
  const TemporaryFolder folder;
  testing::check(write_file_atomic(folder.path() / "file", "not a folder"));
  const Outcome outcome = run_doctor(folder.path() / "file" / "base");
  EXPECT_EQ(outcome.exit, Exit::kBadInput);
  EXPECT_EQ(outcome.checks.at("base folder").at("state").as_string(), "bad");
  EXPECT_NE(outcome.text.find("mend: give a folder you may write: --base-dir DIR"), std::string::npos) << outcome.text;
}

// C-14.11
TEST(Doctor, ChecksOffAWholeRun) {
  const TemporaryFolder folder;
  const auto checklist = [&] {
    std::ostringstream out, err;
    EXPECT_EQ(run_words(make_verbs(), {"doctor", "--run", "--json", "--tag", "d2", "--base-dir", folder.path().string()}, out, err), Exit::kDone) << err.str();
    return testing::take(parse_json(split_text(trim_text(out.str()), '\n').back()));
  };
  const auto done = [](const Json& items, const char* name) { return items.at(name).at("done").as_bool(); };
  Json items = checklist();
  EXPECT_EQ(done(items, "disk"), testing::take(free_disk_bytes(folder.path())) >= int64_t{50} << 30);
  for (const char* name : {"tokenizer", "shards", "base training", "base evaluation", "fine-tuning", "chat evaluation", "report"}) {
    EXPECT_FALSE(done(items, name)) << name;
    EXPECT_NE(items.at(name).at("command").as_string().find("lathe "), std::string::npos) << name;
  }
  EXPECT_FALSE(items.at("mid-training").at("expected").as_bool());

  testing::check(write_file_atomic(folder.path() / "base_data/shard_00000.jsonl", "{\"text\": \"a\"}\n{\"text\": \"b\"}\n"));
  testing::check(write_file_atomic(folder.path() / "tokenizer/tokenizer.json", "not a tokenizer"));
  for (const char* file : {"meta.json", "model.safetensors"}) testing::check(write_file_atomic(folder.path() / "base_checkpoints/d2/step_7" / file, "{}"));
  testing::check(write_file_atomic(folder.path() / "report/chat-evaluation-sft.md", "## Chat evaluation sft\n"));
  testing::check(write_file_atomic(folder.path() / "eval_results/d2/base/summary.json", "{}"));
  testing::check(write_file_atomic(folder.path() / "report/report.md", "# Report\n"));
  items = checklist();
  for (const char* name : {"shards", "base training", "base evaluation", "chat evaluation", "report"}) EXPECT_TRUE(done(items, name)) << name;
  EXPECT_FALSE(done(items, "tokenizer")) << "one that cannot be read is none";
  EXPECT_FALSE(done(items, "fine-tuning"));
  EXPECT_NE(items.at("base training").at("text").as_string().find("step 7"), std::string::npos);
}

}  // namespace
}  // namespace lathe::cli
