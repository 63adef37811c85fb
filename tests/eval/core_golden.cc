// CORE against the reference: golden set eval, over the real data files. Ids, spans and predictions exactly, losses within the
// set's tolerance.
#include "eval/core_score.h"

#include <map>

#include "core/text.h"
#include "tests/ref/golden_model.h"

namespace lathe::testing {
namespace {

constexpr Tolerance kLosses{2e-5, 0};  // the set's README

std::vector<int64_t> integers(const Json& list) {
  std::vector<int64_t> out;
  for (const Json& value : list.as_array()) out.push_back(value.as_int());
  return out;
}
std::vector<int32_t> ids_of(const Json& list) {
  std::vector<int32_t> out;
  for (const Json& value : list.as_array()) out.push_back(static_cast<int32_t>(value.as_int()));
  return out;
}
std::vector<double> numbers(const Json& list) {
  std::vector<double> out;
  for (const Json& value : list.as_array()) out.push_back(value.is_null() ? std::nan("") : value.as_double());
  return out;
}

class CoreGolden : public ::testing::Test {
 protected:
  void load() {
    const Json config = read_json_or_fail(golden("eval") / "model_config.json");
    model::ModelConfig shape = chat_config_of(config, model::ChatState::kSeed);
    shape.rope_length = config.get_int("rope_table_length", 0);
    model_ = std::make_unique<model::Transformer>(shape, DType::kFloat32);
    copy_weights(take(read_safetensors(golden("eval") / "model.safetensors")), *model_);
    tokenizer_ = std::make_unique<tokenizer::Tokenizer>(take(tokenizer::Tokenizer::load(golden("tok512") / "ranks.tiktoken")));
  }
  // The cases of one task and shots, each at its place in `items`.
  void compare(const eval::CoreTask& task, const std::vector<eval::CoreItem>& items, const std::vector<Json>& cases, int64_t max_tokens) {
    std::vector<int64_t> which;
    for (const Json& c : cases) which.push_back(c.at("idx").as_int());
    const auto prompts = take(eval::core_item_prompts(*tokenizer_, task, items, which, max_tokens));
    std::vector<std::vector<eval::ScoredSpan>> groups;
    for (const eval::CorePrompt& prompt : prompts) groups.push_back(prompt.spans);
    const auto losses = take(eval::score_spans(*model_, ctx_, groups));
    for (size_t i = 0; i < cases.size(); ++i) {
      SCOPED_TRACE(join_text(task.label, " ", which[i], " with ", task.num_fewshot));
      compare(task, items, cases[i], prompts[i], losses[i]);
    }
  }
  void compare(const eval::CoreTask& task, const std::vector<eval::CoreItem>& items, const Json& expected, const eval::CorePrompt& prompt,
               const std::vector<eval::SpanLosses>& losses) {
    EXPECT_EQ(prompt.examples, integers(expected.at("fewshot")));
    const eval::CoreItem& item = items[static_cast<size_t>(expected.at("idx").as_int())];
    EXPECT_EQ(item.row, expected.get_int("row", item.row));
    if (const Json* rows = expected.find("fewshot_rows")) {
      std::vector<int64_t> own;
      for (const int64_t example : prompt.examples) own.push_back(items[static_cast<size_t>(example)].row);
      EXPECT_EQ(own, integers(*rows));
    }
    const Json& tails = expected.at("tails");
    ASSERT_EQ(prompt.spans.size(), tails.size());
    for (size_t o = 0; o < tails.size(); ++o) {
      std::vector<int32_t> ids = ids_of(expected.at("common_prefix"));
      for (const int32_t id : ids_of(tails.at(o))) ids.push_back(id);
      EXPECT_EQ(prompt.spans[o].ids, ids);
      EXPECT_EQ(prompt.spans[o].start, integers(expected.at("start"))[o]);
      EXPECT_EQ(prompt.spans[o].end, integers(expected.at("end"))[o]);
    }
    if (const Json* cropped = expected.find("cropped")) {
      const auto tokens = integers(*cropped);
      EXPECT_EQ(prompt.cropped, std::any_of(tokens.begin(), tokens.end(), [](int64_t n) { return n > 0; }));
    }
    const eval::CoreVerdict verdict = eval::judge_core_item(task, item, losses);
    EXPECT_EQ(verdict.correct, expected.at("correct").as_bool());
    if (task.kind == eval::CoreKind::kLanguageModelling) {
      EXPECT_EQ(losses[0].predicted, ids_of(expected.at("predicted")));
      EXPECT_TRUE(is_close(std::vector<double>(losses[0].nll.begin(), losses[0].nll.end()), numbers(expected.at("continuation_losses")), kLosses));
    } else {
      std::vector<double> means;
      for (const eval::SpanLosses& option : losses) means.push_back(option.mean());
      EXPECT_TRUE(is_close(means, numbers(expected.at("mean_losses")), kLosses));
      EXPECT_EQ(verdict.choice, expected.at("pred_idx").as_int());
      EXPECT_EQ(item.gold, expected.at("gold").as_int());
    }
  }

  std::unique_ptr<model::Transformer> model_;
  std::unique_ptr<tokenizer::Tokenizer> tokenizer_;
  ops::Context ctx_;
};

// Cases of a file by task, in the order of the bundle.
std::map<std::string, std::vector<Json>> by_task(const std::filesystem::path& file) {
  std::map<std::string, std::vector<Json>> out;
  for (const Json& c : read_jsonl(file)) out[c.at("task").as_string()].push_back(c);
  return out;
}

// C-7.9, C-7.10, C-7.11
TEST_F(CoreGolden, PromptsSpansAndLossesAreTheReferences) {
  LATHE_NEEDS(golden("eval") / "core_examples.jsonl");
  LATHE_NEEDS(real_data("eval_bundle"));
  load();
  const auto cases = by_task(golden("eval") / "core_examples.jsonl");
  const Json summary = read_json_or_fail(golden("eval") / "core_summary.json");
  const int64_t max_per_task = summary.get_int("max_per_task", -1);
  size_t tasks = 0;
  for (const eval::CoreTask& task : take(eval::read_core_bundle(real_data("eval_bundle")))) {
    const auto found = cases.find(task.label);
    if (found == cases.end()) continue;
    ++tasks;
    compare(task, eval::draw_core_items(take(eval::read_core_items(task)), max_per_task), found->second, 0);
  }
  EXPECT_EQ(tasks, cases.size());
  ASSERT_GT(tasks, 0u);
}

// C-7.22: the reference's own rules where they differ from the published harness.
TEST_F(CoreGolden, SquadIsScoredAsTheReferenceDoes) {
  LATHE_NEEDS(golden("eval") / "core_examples.jsonl");
  LATHE_NEEDS(real_data("eval_bundle"));
  load();
  const auto cases = by_task(golden("eval") / "core_examples.jsonl");
  if (!cases.contains("squad")) GTEST_SKIP() << "no case of squad";
  for (const eval::CoreTask& task : take(eval::read_core_bundle(real_data("eval_bundle"))))
    if (task.label == "squad") compare(task, eval::draw_core_items(take(eval::read_core_items(task)), -1), cases.at("squad"), 0);
}

// C-7.18
TEST_F(CoreGolden, CroppedPromptsAreTheReferences) {
  LATHE_NEEDS(golden("eval") / "core_truncated.jsonl");
  LATHE_NEEDS(real_data("eval_bundle"));
  load();
  const auto cases = by_task(golden("eval") / "core_truncated.jsonl");
  const Json summary = read_json_or_fail(golden("eval") / "core_summary.json");
  for (const eval::CoreTask& task : take(eval::read_core_bundle(real_data("eval_bundle"))))
    if (const auto found = cases.find(task.label); found != cases.end())
      compare(task, eval::draw_core_items(take(eval::read_core_items(task)), summary.get_int("max_per_task", -1)), found->second,
              summary.at("truncated_max_seq_len").as_int());
}

// C-7.20, C-7.47, C-7.8: the set's few items of each task, scored with the whole file as their pool.
TEST_F(CoreGolden, AccuraciesAndTheMetricAreTheReferences) {
  LATHE_NEEDS(golden("eval") / "core_summary.json");
  LATHE_NEEDS(real_data("eval_bundle"));
  const auto cases = by_task(golden("eval") / "core_examples.jsonl");
  const Json summary = read_json_or_fail(golden("eval") / "core_summary.json");
  std::vector<eval::CoreScore> scores;
  for (const eval::CoreTask& task : take(eval::read_core_bundle(real_data("eval_bundle")))) {
    const Json* expected = summary.at("tasks").find(task.label);
    if (expected == nullptr) continue;
    SCOPED_TRACE(task.label);
    EXPECT_EQ(eval::core_kind_name(task.kind), expected->at("type").as_string());
    EXPECT_EQ(task.num_fewshot, expected->at("num_fewshot").as_int());
    EXPECT_EQ(task.delimiter, expected->at("delimiter").as_string());
    EXPECT_DOUBLE_EQ(task.random_baseline, expected->at("random_baseline").as_double());
    EXPECT_EQ(static_cast<int64_t>(take(eval::read_core_items(task)).size()), expected->at("rows_in_pool").as_int());
    eval::CoreScore score;
    score.label = task.label;
    int64_t right = 0;
    for (const Json& c : cases.at(task.label)) right += c.at("correct").as_bool();
    score.set_result(right, static_cast<int64_t>(cases.at(task.label).size()), task.random_baseline);
    EXPECT_NEAR(score.accuracy, expected->at("accuracy").as_double(), 1e-7);
    EXPECT_NEAR(score.centered, expected->at("centered").as_double(), 1e-6);
    scores.push_back(score);
  }
  EXPECT_NEAR(eval::core_metric(scores), summary.at("core_metric").as_double(), 1e-6);
}

// C-7.9, C-7.17: a task of its own, in the file's order.
TEST_F(CoreGolden, ATaskOutsideTheBundleIsScoredInItsOrder) {
  LATHE_NEEDS(golden("eval") / "own_lm_results.jsonl");
  load();
  std::map<int64_t, std::vector<Json>> by_shots;
  for (const Json& c : read_jsonl(golden("eval") / "own_lm_results.jsonl")) by_shots[c.at("num_fewshot").as_int()].push_back(c);
  ASSERT_FALSE(by_shots.empty());
  for (const auto& shots : by_shots) {
    const eval::CoreTask task{"own", eval::CoreKind::kLanguageModelling, golden("eval") / "own_lm_task.jsonl", shots.first};
    const auto items = take(eval::read_core_items(task));
    compare(task, items, shots.second, 0);
    auto world = dist::single_process();
    const eval::CoreScore score = take(eval::score_core_task(*model_, ctx_, *tokenizer_, task, items, *world));
    int64_t right = 0;
    for (const Json& c : shots.second) right += c.at("correct").as_bool();
    EXPECT_EQ(score.correct, right);
  }
}

}  // namespace
}  // namespace lathe::testing
