// lathe eval chat, eval show and eval compare on a tiny model.
#include <gtest/gtest.h>

#include "cli/chat_jobs.h"
#include "cli/verbs.h"
#include "real_verbs.h"
#include "tests/train/tiny_run.h"

namespace lathe::cli {
namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class EvalChatVerb : public ::testing::Test {
 protected:
  EvalChatVerb() : tokenizer_(testing::tiny_tokenizer({"the ", "and "})) { testing::check(tokenizer_.save(base() / "tokenizer")); }

  const fs::path& base() const { return folder_.path(); }
  fs::path results(const std::string& source = "sft") const { return base() / "eval_results" / "d2" / source; }
  Outcome lathe(std::vector<std::string> words) {
    words.insert(words.end(), {"--base-dir", base().string()});
    return run_lathe(std::move(words));
  }
  Outcome chat(std::vector<std::string> words) {
    words.insert(words.begin(), {"eval", "chat", "--dtype", "fp32", "--json", "--quiet", "-m", "4"});
    return lathe(std::move(words));
  }
  void write(const std::string& name, const std::string& text) { testing::check(write_file_atomic(base() / "hosted" / name, text)); }
  void write_sets() {
    std::string arc, mmlu, gsm8k;
    for (int i = 0; i < 6; ++i) {
      const std::string n = std::to_string(i);
      arc += R"({"question":"q)" + n + R"(","choices":{"text":["a","b"],"label":["A","B"]},"answerKey":")" + (i % 3 ? "A" : "B") + "\"}\n";
      mmlu += R"({"question":"m)" + std::string(static_cast<size_t>(i), 'm') + R"(","subject":"law","choices":["a","b","c","d"],"answer":)" + std::to_string(i % 4) + "}\n";
      gsm8k += R"({"question":"how many )" + n + R"(","answer":"#### )" + n + "\"}\n";
    }
    write("arc/ARC-Easy/test.jsonl", arc);
    write("arc/ARC-Challenge/test.jsonl", arc);
    write("mmlu/all/test.jsonl", mmlu);
    write("gsm8k/main/test.jsonl", gsm8k);
    testing::check(write_file_atomic(base() / "words_alpha.txt", "apple\nbanana\n"));
  }

  TemporaryFolder folder_;
  tokenizer::Tokenizer tokenizer_;
};

// C-7.24
TEST_F(EvalChatVerb, HasTheOriginsFlagsAndDefaults) {
  const Outcome plain = run_lathe({"chat_eval", "--print-config"});
  ASSERT_EQ(plain.exit, Exit::kDone) << plain.err;
  const Json defaults = testing::take(parse_json(plain.out));
  EXPECT_EQ(defaults.at("source").as_string(), "sft");
  EXPECT_EQ(defaults.at("tasks").as_string(), "");
  EXPECT_EQ(defaults.at("temperature").as_double(), 0.0);
  EXPECT_EQ(defaults.at("max_new_tokens").as_int(), 512);
  EXPECT_EQ(defaults.at("num_samples").as_int(), 1);
  EXPECT_EQ(defaults.at("top_k").as_int(), 50);
  EXPECT_EQ(defaults.at("batch_size").as_int(), 8);
  EXPECT_EQ(defaults.at("max_problems").as_int(), -1);
  const Outcome given = run_lathe({"scripts.chat_eval", "-i", "rl", "-a", "ARC-Easy|MMLU", "-d", "float32", "-t", "0.5", "-m", "9", "-n", "3", "-k", "7", "-b", "2", "-g", "d9", "-s", "12", "-x", "5", "--device-type", "cpu", "--print-config"});
  ASSERT_EQ(given.exit, Exit::kDone) << given.err;
  const Json settings = testing::take(parse_json(given.out));
  EXPECT_EQ(settings.at("source").as_string(), "rl");
  EXPECT_EQ(settings.at("tasks").as_string(), "ARC-Easy|MMLU");
  EXPECT_EQ(settings.at("dtype").as_string(), "fp32");
  EXPECT_EQ(settings.at("temperature").as_double(), 0.5);
  EXPECT_EQ(settings.at("max_new_tokens").as_int(), 9);
  EXPECT_EQ(settings.at("num_samples").as_int(), 3);
  EXPECT_EQ(settings.at("top_k").as_int(), 7);
  EXPECT_EQ(settings.at("batch_size").as_int(), 2);
  EXPECT_EQ(settings.at("tag").as_string(), "d9");
  EXPECT_EQ(settings.at("step").as_int(), 12);
  EXPECT_EQ(settings.at("max_problems").as_int(), 5);
  EXPECT_EQ(run_lathe({"eval", "chat", "-i", "nowhere"}).exit, Exit::kUsage);
}

// C-7.25, C-7.31, C-7.42
TEST_F(EvalChatVerb, RunsTheSetsInOrderAndReportsThem) {
  testing::save_tiny(base(), "sft", "d2", 9, tokenizer_);
  write_sets();
  const Outcome all = chat({"-x", "4"});
  ASSERT_EQ(all.exit, Exit::kDone) << all.err;
  size_t at = 0;
  for (const char* line : {"ARC-Easy accuracy: ", "ARC-Challenge accuracy: ", "MMLU accuracy: ", "GSM8K accuracy: ", "SpellingBee accuracy: "}) {
    const size_t found = all.out.find(line);
    ASSERT_NE(found, std::string::npos) << line;
    EXPECT_GT(found, at) << line;
    at = found;
  }
  EXPECT_TRUE(has(all.out, std::string(50, '=') + "\nFinal: 0/4 (0.00%)\nGSM8K accuracy: 0.00%\n")) << all.out;
  const Json tasks = all.figures().at("tasks");
  EXPECT_TRUE(tasks.at("HumanEval").contains("not_run")) << "the set is not there";
  EXPECT_FALSE(tasks.at("HumanEval").contains("accuracy"));
  EXPECT_FALSE(all.figures().contains("chatcore")) << "only if all six were run";
  EXPECT_EQ(tasks.at("MMLU").at("n").as_int(), 4);
  EXPECT_EQ(tasks.at("MMLU").at("data").at(size_t{0}).at("sha256").as_string().size(), 64u);
  EXPECT_EQ(tasks.at("GSM8K").at("settings").at("max_new_tokens").as_int(), 4);

  const Json items = testing::take(read_json(base() / "report" / "chat-evaluation-sft.json")).at("items");
  EXPECT_EQ(items.at(size_t{0}).at("max_problems").as_int(), 4);
  const Json& accuracies = items.at(size_t{2});
  EXPECT_EQ(accuracies.at("ARC-Easy"), tasks.at("ARC-Easy").at("accuracy"));
  EXPECT_TRUE(has(accuracies.at("HumanEval").as_string(), "not run: "));
  EXPECT_FALSE(accuracies.contains("ChatCORE metric"));
  const Json summary = testing::take(read_json(results() / "summary.json"));
  EXPECT_TRUE(summary.at("chatcore").at("ChatCORE").contains("not_run"));
  EXPECT_EQ(summary.at("about").at("weights_sha256").size(), 1u);
}

// C-7.30: the figure belongs to a run of all six, and goes when one of them is measured again alone.
TEST_F(EvalChatVerb, AllSixSetsGiveChatCore) {
  testing::save_tiny(base(), "sft", "d2", 9, tokenizer_);
  write_sets();
  write("humaneval/openai_humaneval/test.jsonl", R"({"prompt":"def f():\n","canonical_solution":"    return 1\n","entry_point":"f","test":"def check(c):\n    assert c() == 1\n"})" "\n");
  const Outcome all = chat({"-x", "2"});
  ASSERT_EQ(all.exit, Exit::kDone) << all.err;
  const Json figures = all.figures();
  if (figures.at("tasks").at("HumanEval").contains("not_run")) GTEST_SKIP() << figures.at("tasks").at("HumanEval").dump();
  EXPECT_GT(figures.at("tasks").at("HumanEval").at("settings").at("walls").size(), 0u);
  double sum = 0;
  for (const char* name : {"ARC-Easy", "ARC-Challenge", "MMLU"}) sum += (figures.at("tasks").at(name).at("accuracy").as_double() - 0.25) / 0.75;
  for (const char* name : {"GSM8K", "HumanEval", "SpellingBee"}) sum += figures.at("tasks").at(name).at("accuracy").as_double();
  EXPECT_NEAR(figures.at("chatcore").as_double(), sum / 6, 1e-12);
  EXPECT_TRUE(has(all.out, "ChatCORE metric: ")) << all.out;
  const auto section = [&] { return testing::take(read_json(base() / "report" / "chat-evaluation-sft.json")).at("items").at(size_t{2}); };
  EXPECT_EQ(section().at("ChatCORE metric"), figures.at("chatcore"));
  ASSERT_EQ(chat({"-x", "3", "-a", "GSM8K"}).exit, Exit::kDone);
  EXPECT_FALSE(section().contains("ChatCORE metric"));
  EXPECT_TRUE(section().contains("ARC-Easy")) << "what was measured before stays";
}

// A full disk or a kill after the first score: the mean of the older ones must not stand beside it.
TEST_F(EvalChatVerb, ARunThatEndsInTheMiddleLeavesNoOlderChatCore) {
  testing::save_tiny(base(), "sft", "d2", 9, tokenizer_);
  write_sets();
  ASSERT_EQ(chat({"-x", "2", "-a", "ARC-Easy|GSM8K"}).exit, Exit::kDone);
  Json summary = testing::take(read_json(results() / "summary.json"));
  summary["chatcore"]["ChatCORE"] = Json(Json::Object{{"value", 0.5}});
  testing::check(write_json_atomic(results() / "summary.json", summary));
  fs::remove(results() / "GSM8K.jsonl");
  testing::check(make_folders(results() / "GSM8K.jsonl" / "in the way"));
  ASSERT_NE(chat({"-x", "3", "-a", "ARC-Easy|GSM8K"}).exit, Exit::kDone);
  summary = testing::take(read_json(results() / "summary.json"));
  EXPECT_EQ(summary.at("tasks").at("ARC-Easy").at("n").as_int(), 3);
  EXPECT_TRUE(summary.at("chatcore").at("ChatCORE").contains("not_run"));
  EXPECT_FALSE(summary.at("chatcore").at("ChatCORE").contains("value"));
}

TEST_F(EvalChatVerb, UnknownTasksAndNothingToRunAreErrors) {
  const Outcome unknown = chat({"-a", "ARC-Easy|GSM9K"});
  EXPECT_EQ(unknown.exit, Exit::kBadInput);
  EXPECT_TRUE(has(unknown.err, "did you mean \"GSM8K\"?") && has(unknown.err, "SpellingBee, sums")) << unknown.err;
  const Outcome none = chat({});
  EXPECT_EQ(none.exit, Exit::kBadInput);
  EXPECT_TRUE(has(none.err, "lathe download gsm8k") || has(none.err, "lathe download")) << none.err;
  for (const std::vector<std::string>& bad : {std::vector<std::string>{"-b", "0"}, {"-n", "0"}, {"-t", "-1"}, {"-x", "0"}}) EXPECT_EQ(chat(bad).exit, Exit::kBadInput) << bad[0];
}

// C-7.28: greedy answers do not depend on -b; several samples are kept as lists.
TEST_F(EvalChatVerb, AnswersDependOnNeitherBatchesNorThreads) {
  testing::save_tiny(base(), "sft", "d2", 9, tokenizer_);
  write_sets();
  const auto answers = [&](std::vector<std::string> words) {
    words.insert(words.end(), {"-a", "MMLU|GSM8K"});
    const Outcome done = chat(std::move(words));
    EXPECT_EQ(done.exit, Exit::kDone) << done.err;
    return testing::take(read_file(results() / "MMLU.jsonl")) + testing::take(read_file(results() / "GSM8K.jsonl"));
  };
  const std::string one = answers({"-b", "1", "--threads", "1"});
  EXPECT_EQ(answers({"-b", "8", "--threads", "2"}), one);
  EXPECT_EQ(answers({"-b", "3"}), one);
  const std::string drawn = answers({"-n", "3", "-t", "1", "-b", "1"});
  EXPECT_NE(drawn, one);
  EXPECT_EQ(answers({"-n", "3", "-t", "1", "-b", "32"}), drawn);
  EXPECT_EQ(testing::read_jsonl(results() / "GSM8K.jsonl").at(0).at("output").size(), 3u);
}

TEST_F(EvalChatVerb, ShowsFailuresAndComparesRuns) {
  testing::save_tiny(base(), "sft", "d2", 9, tokenizer_, 1);
  testing::save_tiny(base(), "rl", "d2", 9, tokenizer_, 2);
  write_sets();
  ASSERT_EQ(chat({"-a", "ARC-Easy|GSM8K"}).exit, Exit::kDone);
  ASSERT_EQ(chat({"-a", "ARC-Easy|GSM8K", "-i", "rl"}).exit, Exit::kDone);

  const Outcome list = lathe({"eval", "show", "--source", "sft"});
  ASSERT_EQ(list.exit, Exit::kDone) << list.err;
  EXPECT_TRUE(has(list.out, "GSM8K") && has(list.out, "ARC-Easy")) << list.out;
  const Outcome failures = lathe({"eval", "show", "-i", "sft", "-a", "GSM8K"});
  EXPECT_TRUE(has(failures.out, "--- GSM8K, item 0 ") && has(failures.out, "GSM8K: 6 of 6 answers are wrong")) << failures.out;
  const Outcome one = lathe({"eval", "show", (results() / "GSM8K.jsonl").string(), "--index", "3", "--json"});
  EXPECT_EQ(one.figures().at("items").size(), 1u);
  EXPECT_EQ(one.figures().at("items").at(size_t{0}).at("index").as_int(), 3);
  const Outcome grep = lathe({"eval", "show", "d2/sft", "-a", "GSM8K", "--all", "--grep", "MANY 4"});
  EXPECT_TRUE(has(grep.out, "1 of 6 answers and contain")) << grep.out;
  EXPECT_EQ(lathe({"eval", "show", "-a", "GSM8K"}).exit, Exit::kBadInput) << "two sources";
  EXPECT_TRUE(has(lathe({"eval", "show", "d9/sft"}).err, "d2/sft"));

  const Outcome compare = lathe({"eval", "compare", "d2/sft", "d2/rl", "--json"});
  ASSERT_EQ(compare.exit, Exit::kDone) << compare.err;
  EXPECT_EQ(compare.figures().at("tasks").at("GSM8K").at("common").as_int(), 6);
  EXPECT_TRUE(compare.figures().at("tasks").at("ARC-Easy").contains("scores"));
  EXPECT_TRUE(has(compare.out, "no difference shown")) << compare.out;
  write("gsm8k/main/test.jsonl", R"({"question":"how many 9","answer":"#### 9"})" "\n");
  ASSERT_EQ(chat({"-a", "GSM8K", "-i", "rl"}).exit, Exit::kDone);
  const Outcome refused = lathe({"eval", "compare", "d2/sft", "d2/rl"});
  EXPECT_EQ(refused.exit, Exit::kBadInput);
  EXPECT_TRUE(has(refused.err, "was made from other files")) << refused.err;
  EXPECT_EQ(lathe({"eval", "compare", "d2/sft"}).exit, Exit::kUsage);
}

}  // namespace
}  // namespace lathe::cli
