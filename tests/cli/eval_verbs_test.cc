// lathe eval bpb, eval tasks and report on a tiny model.
#include <gtest/gtest.h>

#include "core/environment.h"
#include "real_verbs.h"
#include "tests/train/tiny_run.h"

namespace lathe::cli {
namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class EvalVerbs : public ::testing::Test {
 protected:
  EvalVerbs() : tokenizer_(testing::tiny_tokenizer({"the ", "and "})), here_(fs::current_path()) {
    testing::check(tokenizer_.save(base() / "tokenizer"));
    fs::create_directories(base() / "here");
    fs::current_path(base() / "here");
  }
  ~EvalVerbs() override { fs::current_path(here_); }

  const fs::path& base() const { return folder_.path(); }
  Outcome lathe(std::vector<std::string> words) {
    words.insert(words.end(), {"--base-dir", base().string(), "--dtype", "fp32", "--json", "--quiet"});
    return run_lathe(std::move(words));
  }
  void write_corpus() {
    std::string text;
    for (int i = 0; i < 200; ++i) text += "{\"text\": \"the cat and the dog number " + std::to_string(i) + "\"}\n";
    testing::check(write_file_atomic(base() / "base_data" / "docs.jsonl", text));
  }
  void write_cases(const fs::path& folder) {
    std::string spelling, choices;
    for (int i = 0; i < 4; ++i) {
      spelling += R"({"task": "spelling", "messages": [{"role": "user", "content": "Spell cat )" + std::to_string(i) + R"("}], "expected": "c,a,t"})" "\n";
      choices += R"({"task": "choices", "messages": [{"role": "user", "content": "Which? )" + std::to_string(i) + R"("}], "expected": "A", "candidates": ["A", "B"]})" "\n";
    }
    testing::check(write_file_atomic(folder / "eval" / "spelling.jsonl", spelling));
    testing::check(write_file_atomic(folder / "eval" / "choices.jsonl", choices));
  }

  TemporaryFolder folder_;
  tokenizer::Tokenizer tokenizer_;
  fs::path here_;
};

// C-7.5, C-1.30
TEST_F(EvalVerbs, BitsPerByteOfBothSplitsInWholeBatches) {
  testing::save_tiny(base(), "base", "d2", 7, tokenizer_);
  write_corpus();
  const Outcome both = lathe({"eval", "bpb", "--split-tokens", "300", "--device-batch-size", "2"});
  ASSERT_EQ(both.exit, Exit::kDone) << both.err;
  const Json figures = both.figures();
  EXPECT_EQ(figures.at("tokens").as_int(), 256) << "rounded down to 2 batches of 2 x 64";
  EXPECT_EQ(figures.at("step").as_int(), 7);
  EXPECT_TRUE(has(both.out, format_text("train bpb: %.6f\n", figures.at("train_bpb").as_double()))) << both.out;
  EXPECT_TRUE(has(both.out, format_text("val bpb: %.6f\n", figures.at("val_bpb").as_double()))) << both.out;
  // A model that has learned nothing is about as good as a fair guess among its tokens.
  EXPECT_GT(figures.at("val_bpb").as_double(), 4);
  EXPECT_LT(figures.at("val_bpb").as_double(), 16);

  const Outcome val = lathe({"eval", "bpb", "--split", "val", "--split-tokens", "300", "--device-batch-size", "2"});
  EXPECT_FALSE(val.figures().contains("train_bpb"));
  EXPECT_EQ(val.figures().at("val_bpb"), figures.at("val_bpb")) << "each evaluation sees the same batches";

  const Outcome none = lathe({"eval", "bpb", "--split-tokens", "127", "--device-batch-size", "2"});
  EXPECT_EQ(none.exit, Exit::kBadInput);
  EXPECT_TRUE(has(none.err, "less than one batch")) << none.err;

  const Json section = testing::take(read_json(base() / "report" / "base-model-evaluation.json"));
  EXPECT_EQ(section.at("items").at(size_t{0}).at("val bpb"), figures.at("val_bpb"));
}

TEST_F(EvalVerbs, TheModelsOwnCorpusIsTheDefault) {
  const fs::path run = testing::save_tiny(base(), "base", "d2", 7, tokenizer_);
  write_corpus();
  fs::rename(base() / "base_data", base() / "own");
  const std::vector<std::string> words = {"eval", "bpb", "--split", "val", "--split-tokens", "64", "--device-batch-size", "1"};
  EXPECT_EQ(lathe(words).exit, Exit::kBadInput);
  train::CheckpointMeta meta = testing::take(train::read_meta(run, 7));
  meta.user_config["data"] = (base() / "own").string();
  testing::check(train::update_meta(run, meta));
  const Outcome own = lathe(words);
  EXPECT_EQ(own.exit, Exit::kDone) << own.err;
}

TEST_F(EvalVerbs, TasksAreScoredKeptAndToldInWords) {
  testing::save_tiny(base(), "sft", "d2", 9, tokenizer_);
  write_cases(base());
  const Outcome all = lathe({"eval", "tasks", "--tasks", "spelling|choices", "--max-problems", "3"});
  ASSERT_EQ(all.exit, Exit::kDone) << all.err;
  const Json spelling = all.figures().at("tasks").at("spelling");
  EXPECT_EQ(spelling.at("n").as_int(), 3);
  EXPECT_EQ(spelling.at("accuracy").as_double(), 0) << "an untrained model cannot spell";
  EXPECT_NEAR(spelling.at("low").as_double(), 0, 1e-12);
  EXPECT_NEAR(spelling.at("high").as_double(), 0.5615, 1e-4) << "Wilson's interval for 0 of 3";
  EXPECT_EQ(spelling.at("majority_baseline").as_double(), 1);
  EXPECT_TRUE(has(all.out, "not distinguishable from chance")) << all.out;
  EXPECT_TRUE(has(all.out, "multiple choice is decided by the logits of the letters")) << all.out;
  const fs::path folder = base() / "eval_results" / "d2" / "sft";
  EXPECT_EQ(testing::read_jsonl(folder / "spelling.jsonl").size(), 3u);
  EXPECT_EQ(testing::take(read_json(folder / "summary.json")).at("about").at("step").as_int(), 9);
}

TEST_F(EvalVerbs, WrongTasksAndMissingCasesAreNamedBeforeAModelIsLoaded) {
  const Outcome missing = lathe({"eval", "tasks"});
  EXPECT_EQ(missing.exit, Exit::kBadInput);
  EXPECT_TRUE(has(missing.err, "lathe synth")) << missing.err;
  write_cases(base() / "elsewhere");
  const Outcome unknown = lathe({"eval", "tasks", "--data", (base() / "elsewhere").string(), "--tasks", "spelling|choces"});
  EXPECT_EQ(unknown.exit, Exit::kBadInput);
  EXPECT_TRUE(has(unknown.err, "did you mean \"choices\"?") && has(unknown.err, "sums, spelling")) << unknown.err;
  const Outcome file = lathe({"eval", "tasks", "--data", (base() / "elsewhere").string(), "--tasks", "reading"});
  EXPECT_EQ(file.exit, Exit::kBadInput);
  EXPECT_TRUE(has(file.err, "reading.jsonl")) << file.err;
  const Outcome zero = lathe({"eval", "tasks", "--data", (base() / "elsewhere").string(), "--tasks", "spelling", "--max-problems", "0"});
  EXPECT_EQ(zero.exit, Exit::kBadInput);
}

// C-13.1, C-13.14
TEST_F(EvalVerbs, ReportJoinsWhatTheVerbsLeftBehind) {
  const Outcome reset = lathe({"report", "reset"});
  ASSERT_EQ(reset.exit, Exit::kDone) << reset.err;
  testing::save_tiny(base(), "base", "d2", 7, tokenizer_);
  testing::save_tiny(base(), "sft", "d2", 9, tokenizer_);
  write_corpus();
  write_cases(base());
  ASSERT_EQ(lathe({"eval", "bpb", "--split", "val", "--split-tokens", "64", "--device-batch-size", "1"}).exit, Exit::kDone);
  ASSERT_EQ(lathe({"eval", "tasks", "--tasks", "choices"}).exit, Exit::kDone);

  const Outcome other = lathe({"report", "--tag", "nosuch"});
  EXPECT_EQ(other.exit, Exit::kBadInput);
  EXPECT_TRUE(has(other.err, "\"nosuch\"") && has(other.err, "there are d2")) << other.err;
  EXPECT_FALSE(fs::exists(base() / "report" / "report.md"));
  const Outcome report = lathe({"report"});
  ASSERT_EQ(report.exit, Exit::kDone) << report.err;
  const std::string text = testing::take(read_file(base() / "report" / "report.md"));
  EXPECT_TRUE(has(text, "Run started: ") && has(text, "## Base model evaluation") && has(text, "## Chat evaluation sft") && has(text, "| val bpb ")) << text;
  EXPECT_EQ(testing::take(read_file(fs::current_path() / "report.md")), text);
  EXPECT_TRUE(has(testing::take(read_file(base() / "report" / "report.html")), "<svg"));
  EXPECT_EQ(report.figures().at("tag").as_string(), "d2");
  EXPECT_TRUE(report.figures().at("summary").at("choices").contains("sft"));
  EXPECT_EQ(testing::take(read_json(base() / "report" / "report.json")).at("summary"), report.figures().at("summary"));

  fs::remove(fs::current_path() / "report.md");
  ASSERT_EQ(lathe({"report", "generate", "--copy", "false"}).exit, Exit::kDone);
  EXPECT_FALSE(fs::exists(fs::current_path() / "report.md"));
  EXPECT_EQ(lathe({"report", "generat"}).exit, Exit::kBadInput);
}

// C-13.1
TEST_F(EvalVerbs, OnlyRankZeroWritesTheReport) {
  ::setenv("RANK", "1", 1);
  const Outcome report = lathe({"report"});
  ::unsetenv("RANK");
  EXPECT_EQ(report.out, "");
  EXPECT_FALSE(fs::exists(base() / "report"));
}

}  // namespace
}  // namespace lathe::cli
