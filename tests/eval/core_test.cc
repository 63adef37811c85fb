// CORE without the reference's data: lists of tasks, draws, prompts, spans, verdicts, ranks.
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "core/rng.h"
#include "core/text.h"
#include "eval/core_score.h"
#include "tests/ref/testing.h"
#include "tests/ref/thread_ranks.h"

namespace lathe::testing {
namespace {

using eval::CoreItem;
using eval::CoreKind;
using eval::CoreTask;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class CoreFiles : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& text) {
    check(write_file_atomic(folder_.path() / name, text));
    return folder_.path() / name;
  }
  Result<std::vector<CoreTask>> tasks(const std::string& yaml, const std::map<std::string, double>& baselines = {{"a", 25}, {"b", 9.1}}) {
    return eval::read_core_tasks(write("core.yaml", yaml), folder_.path() / "eval_data", baselines);
  }
  std::string error_of(const std::string& yaml) {
    const auto result = tasks(yaml);
    return result.ok() ? "" : result.error().to_string();
  }
  std::vector<CoreItem> items(CoreTask task, const std::string& lines) {
    task.file = write("items.jsonl", lines);
    return take(eval::read_core_items(task));
  }
  TemporaryFolder folder_;
};

// C-7.8
TEST_F(CoreFiles, AListNamesItsTasks) {
  const auto list = take(tasks("# tasks\nversion: 2\nicl_tasks:\n-\n  label: a\n  dataset_uri: world/a.jsonl # where\n  num_fewshot: [10, 0]\n"
                               "  icl_task_type: multiple_choice\n  continuation_delimiter: \"\\nAnswer: \"\n  has_categories: true\n  nested:\n    label: no\n"
                               "- label: 'b'\n  dataset_uri: b.jsonl\n  num_fewshot: 0\n  icl_task_type: schema\nother: 1\n"));
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].label, "a");
  EXPECT_EQ(list[0].file, folder_.path() / "eval_data" / "world/a.jsonl");
  EXPECT_EQ(list[0].num_fewshot, 10);
  EXPECT_EQ(list[0].delimiter, "\nAnswer: ");
  EXPECT_EQ(list[0].random_baseline, 25);
  EXPECT_EQ(list[1].label, "b");
  EXPECT_EQ(list[1].kind, CoreKind::kSchema);
  EXPECT_EQ(list[1].delimiter, " ");
  EXPECT_EQ(list[1].random_baseline, 9.1);
}

// C-7.8
TEST_F(CoreFiles, ATaskOfOnesOwnBringsItsBaselineAndLiesBesideItsList) {
  write("own.jsonl", "{}\n");
  const auto list = take(tasks("icl_tasks:\n- label: own\n  dataset_uri: own.jsonl\n  num_fewshot: [2]\n  icl_task_type: language_modeling\n  random_baseline: 12.5\n"));
  EXPECT_EQ(list.at(0).random_baseline, 12.5);
  EXPECT_EQ(list.at(0).file, folder_.path() / "own.jsonl");
}

// C-7.8
TEST_F(CoreFiles, WhatIsWrongInAListIsNamedWithItsLine) {
  const std::string good = "icl_tasks:\n- label: a\n  dataset_uri: a.jsonl\n  num_fewshot: [0]\n  icl_task_type: schema\n";
  EXPECT_EQ(error_of(good), "");
  EXPECT_TRUE(has(error_of("tasks: 1\n"), "icl_tasks"));
  EXPECT_TRUE(has(error_of("icl_tasks:\n"), "no task"));
  EXPECT_TRUE(has(error_of(good + good.substr(11)), "twice"));
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  EXPECT_TRUE(has(error_of(changed("label: a", "label: unknown")), "no random baseline")) << "a task without one is an error";
  EXPECT_TRUE(has(error_of(changed("label: a", "label: ../a")), "no name for a task"));
  EXPECT_TRUE(has(error_of(changed("[0]", "[0")), "line 4"));
  EXPECT_TRUE(has(error_of(changed("[0]", "[-1]")), "no count"));
  EXPECT_TRUE(has(error_of(changed("[0]", "many")), "no count"));
  EXPECT_TRUE(has(error_of(changed("schema", "chess")), "icl_task_type chess"));
  EXPECT_TRUE(has(error_of(changed("a.jsonl", "\"a.jsonl")), "line 3"));
  EXPECT_TRUE(has(error_of(changed("a.jsonl", "\"\\q\"")), "escape"));
  EXPECT_TRUE(has(error_of(changed("  num_fewshot: [0]", "  num_fewshot")), "line 4"));
  EXPECT_TRUE(has(error_of(changed("  num_fewshot: [0]\n", "")), "no num_fewshot"));
}

// C-7.8
TEST_F(CoreFiles, BaselinesAreAColumnOfQuotedFields) {
  const auto read = take(eval::read_random_baselines(
      write("m.csv", "Eval Task,Kind,Random baseline,Description\r\na,\"x, y\",25,\"said \"\"no\"\"\nto it\"\r\nb,,33.3,\nnone,,,\n")));
  EXPECT_EQ(read, (std::map<std::string, double>{{"a", 25}, {"b", 33.3}}));
  EXPECT_FALSE(eval::read_random_baselines(write("m.csv", "Eval Task,Other\na,1\n")).ok());
  EXPECT_FALSE(eval::read_random_baselines(write("m.csv", "Eval Task,Random baseline\n\"a,1\n")).ok());
  EXPECT_FALSE(eval::read_random_baselines(write("m.csv", "")).ok());
  EXPECT_FALSE(eval::read_random_baselines(folder_.path() / "absent.csv").ok());
}

TEST_F(CoreFiles, AByteOrderMarkIsNoPartOfTheFirstName) {
  const auto listed = tasks("\xef\xbb\xbficl_tasks:\n- label: a\n  dataset_uri: a.jsonl\n  num_fewshot: [0]\n  icl_task_type: schema\n  random_baseline: 50\n");
  ASSERT_TRUE(listed.ok()) << listed.error().to_string();
  EXPECT_EQ(listed.value().at(0).label, "a");
  EXPECT_EQ(take(eval::read_random_baselines(write("m.csv", "\xef\xbb\xbf" "Eval Task,Random baseline\r\nt,25\r\n"))).at("t"), 25);
}

TEST_F(CoreFiles, APipeIsNotWaitedFor) {
  const CoreTask task{"t", CoreKind::kMultipleChoice, folder_.path() / "pipe.jsonl"};
  ASSERT_EQ(::mkfifo(task.file.c_str(), 0600), 0);
  const auto items = eval::read_core_items(task);
  ASSERT_FALSE(items.ok());
  EXPECT_TRUE(has(items.error().to_string(), "not a regular file"));
}

TEST_F(CoreFiles, DamagedListsAndTablesAreErrorsOrLists) {
  const std::string list = "icl_tasks:\n- label: a\n  dataset_uri: 'a.jsonl'\n  num_fewshot: [0, \"1\"]\n  icl_task_type: schema # so\n  continuation_delimiter: \"\\n\"\n";
  const std::string table = "Eval Task,Random baseline\n\"a, b\",25\nb,\"9.1\"\n";
  Rng rng(3, "damage");
  int64_t wrong = 0;
  const auto damaged = [&](std::string text) {
    for (uint64_t n = 1 + rng.below(4); n > 0; --n) {
      const size_t at = rng.below(text.size());
      if (rng.below(2) == 0) text[at] = "\"'[],:-# \n\\x"[rng.below(12)];
      else text.erase(at, 1 + rng.below(6));
    }
    return text;
  };
  for (int i = 0; i < 600; ++i) {
    const auto tasks_read = tasks(damaged(list));
    if (!tasks_read.ok()) {
      ++wrong;
      EXPECT_TRUE(has(tasks_read.error().to_string(), "core.yaml"));
    }
    const auto baselines = eval::read_random_baselines(write("m.csv", damaged(table)));
    EXPECT_TRUE(baselines.ok() || has(baselines.error().to_string(), "m.csv"));
  }
  EXPECT_GT(wrong, 100);
}

TEST_F(CoreFiles, DamagedItemsAreNamedByLineAndKey) {
  CoreTask task{"t", CoreKind::kMultipleChoice, {}};
  const auto error_in = [&](const std::string& line) {
    task.file = write("items.jsonl", "{\"query\": \"q\", \"choices\": [\"x\"], \"gold\": 0}\n" + line + "\n");
    const auto result = eval::read_core_items(task);
    return result.ok() ? "" : result.error().to_string();
  };
  EXPECT_EQ(error_in("{\"query\": \"q\", \"choices\": [\"x\", \"y\"], \"gold\": 1, \"more\": 2}"), "");
  for (const auto& [line, key] : std::vector<std::pair<std::string, std::string>>{{"{\"choices\": [\"x\"], \"gold\": 0}", "query"},
                                                                                   {"{\"query\": 1, \"choices\": [\"x\"], \"gold\": 0}", "query"},
                                                                                   {"{\"query\": \"q\", \"choices\": [], \"gold\": 0}", "choices"},
                                                                                   {"{\"query\": \"q\", \"choices\": [1], \"gold\": 0}", "choices"},
                                                                                   {"{\"query\": \"q\", \"choices\": [\"x\"], \"gold\": 1}", "gold"},
                                                                                   {"{\"query\": \"q\", \"choices\": [\"x\"], \"gold\": -1}", "gold"},
                                                                                   {"{\"query\": \"q\", \"choices\": [\"x\"]}", "gold"}})
    EXPECT_TRUE(has(error_in(line), "\"" + key + "\"") && has(error_in(line), "line 2")) << line << ": " << error_in(line);
  EXPECT_TRUE(has(error_in("{"), "line 2"));
}

// C-7.11, C-7.12
TEST_F(CoreFiles, PromptsHaveABlankLineAfterEachExample) {
  CoreTask choice{"c", CoreKind::kMultipleChoice, {}, 1, "\nAnswer: "};
  const auto questions = items(choice, "{\"query\": \"Q0 \", \"choices\": [\"x\", \" y\"], \"gold\": 1}\n{\"query\": \"Q1\", \"choices\": [\"v\", \"w\"], \"gold\": 0}\n");
  const std::vector<const CoreItem*> shot = {&questions[0]};
  EXPECT_EQ(eval::core_prompts(choice, shot, questions[1]), (std::vector<std::string>{"Q0 \nAnswer:  y\n\nQ1\nAnswer: v", "Q0 \nAnswer:  y\n\nQ1\nAnswer: w"}));
  EXPECT_EQ(eval::core_prompts(choice, {}, questions[1])[1], "Q1\nAnswer: w");

  CoreTask schema{"s", CoreKind::kSchema, {}};
  const auto pairs = items(schema, "{\"context_options\": [\"He\", \"She\"], \"continuation\": \"ran.\", \"gold\": 1}\n");
  const std::vector<const CoreItem*> pair = {&pairs[0]};
  EXPECT_EQ(eval::core_prompts(schema, pair, pairs[0]), (std::vector<std::string>{"She ran.\n\nHe ran.", "She ran.\n\nShe ran."}));
}

// C-7.12, C-7.13
TEST_F(CoreFiles, LanguageModellingStripsContextsAndThePromptAlone) {
  CoreTask task{"l", CoreKind::kLanguageModelling, {}, 1, " "};
  const auto lines = items(task, "{\"context\": \" \\u00a0A b \\u3000\\u001c\", \"continuation\": \" c\"}\n{\"context\": \"D\\n\", \"continuation\": \"e \"}\n");
  const std::vector<const CoreItem*> shot = {&lines[0]};
  EXPECT_EQ(eval::core_prompts(task, shot, lines[1]), (std::vector<std::string>{"A b  c\n\nD", "A b  c\n\nD e "}));
  EXPECT_EQ(eval::strip_python("\xe2\x80\xa8 x\xc2\x85\xe1\x9a\x80"), "x");
  EXPECT_EQ(eval::strip_python("\xe2\x80\x8bx\xc2"), "\xe2\x80\x8bx\xc2") << "U+200B is no white space";
  EXPECT_EQ(eval::strip_python(" \t"), "");
}

// C-7.14, C-7.15
TEST(CoreSpans, AreWhatTheOptionsDoNotShare) {
  const auto spans = take(eval::core_spans(CoreKind::kMultipleChoice, {{9, 1, 2, 3}, {9, 1, 4}, {9, 1}}));
  EXPECT_EQ(spans[0].start, 2);
  EXPECT_EQ(spans[0].end, 4);
  EXPECT_EQ(spans[1].end, 3);
  EXPECT_EQ(spans[2].end - spans[2].start, 0) << "a prefix of the others";

  const auto schema = take(eval::core_spans(CoreKind::kSchema, {{9, 1, 2, 5, 6}, {9, 3, 5, 6}}));
  EXPECT_EQ(schema[0].start, 3);
  EXPECT_EQ(schema[0].end, 5);
  EXPECT_EQ(schema[1].start, 2);
  for (const auto& span : take(eval::core_spans(CoreKind::kSchema, {{9, 1, 2}, {9, 1, 3}}))) EXPECT_EQ(span.start, span.end) << "no common last token";
  for (const auto& span : take(eval::core_spans(CoreKind::kSchema, {{9, 1, 2}, {9, 1, 2}}))) EXPECT_EQ(span.start, span.end) << "equal prompts";
  EXPECT_EQ(take(eval::core_spans(CoreKind::kMultipleChoice, {{9, 1}})).at(0).start, 2);
}

// C-7.13, C-7.14. Trap L7: what is scored begins where the prompt ends, and each token is judged by the position before it.
TEST(TrapL7, TheContinuationBeginsWhereThePromptsTokensEnd) {
  const auto spans = take(eval::core_spans(CoreKind::kLanguageModelling, {{9, 1, 2}, {9, 1, 2, 3, 4}}));
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(spans[0].start, 3);
  EXPECT_EQ(spans[0].end, 5);
  EXPECT_FALSE(eval::core_spans(CoreKind::kLanguageModelling, {{9, 1, 2}, {9, 1, 2}}).ok());
  EXPECT_FALSE(eval::core_spans(CoreKind::kLanguageModelling, {{9, 1, 2}, {9, 1, 3, 4}}).ok());
}

// C-7.18
TEST(CoreSpans, AreMovedWhenAPromptIsCroppedAndKeepATokenBefore) {
  eval::ScoredSpan span{{1, 2, 3, 4, 5, 6}, 4, 6};
  EXPECT_TRUE(eval::crop_left(span, 6));
  EXPECT_TRUE(eval::crop_left(span, 4));
  EXPECT_EQ(span.ids, (std::vector<int32_t>{3, 4, 5, 6}));
  EXPECT_EQ(span.start, 2);
  EXPECT_EQ(span.end, 4);
  EXPECT_TRUE(eval::crop_left(span, 3));
  EXPECT_FALSE(eval::crop_left(span, 2)) << "the first scored token would have nothing before it";
}

// C-7.9, C-7.10
TEST(CoreDraws, LeaveTheItemOutAndDependOnItsPlace) {
  std::vector<CoreItem> items(30);
  for (size_t i = 0; i < items.size(); ++i) items[i].row = static_cast<int64_t>(i);
  const auto all = eval::draw_core_items(items, -1), some = eval::draw_core_items(items, 7);
  ASSERT_EQ(some.size(), 7u);
  for (size_t i = 0; i < some.size(); ++i) EXPECT_EQ(some[i].row, all[i].row) << "shuffled, then cut";
  EXPECT_EQ(eval::draw_core_items(items, 100).size(), 30u);
  for (int64_t index = 0; index < 30; ++index) {
    const auto drawn = take(eval::few_shot_examples(30, index, 10));
    EXPECT_EQ(std::count(drawn.begin(), drawn.end(), index), 0);
    EXPECT_EQ(std::set<int64_t>(drawn.begin(), drawn.end()).size(), 10u);
  }
  EXPECT_NE(take(eval::few_shot_examples(30, 3, 10)), take(eval::few_shot_examples(30, 4, 10)));
}

// C-7.10
TEST(TrapL8, MoreExamplesThanOthersAreAnErrorThatSaysSo) {
  EXPECT_EQ(take(eval::few_shot_examples(3, 1, 2)).size(), 2u);
  const auto result = eval::few_shot_examples(3, 1, 3);
  ASSERT_FALSE(result.ok());
  EXPECT_TRUE(has(result.error().message, "3 examples were asked for, but beside the item there are only 2"));
}

// C-7.15, C-7.17: means alone; NaN wins in first place only.
TEST(CoreVerdicts, TheLowestMeanWinsAndAnEmptyOptionOnlyInFirstPlace) {
  CoreTask task{"t", CoreKind::kMultipleChoice, {}};
  CoreItem item;
  item.options = {"a", "b", "c"};
  item.gold = 1;
  const auto losses = [](std::vector<std::vector<float>> nll) {
    std::vector<eval::SpanLosses> out(nll.size());
    for (size_t i = 0; i < nll.size(); ++i) out[i].nll = std::move(nll[i]);
    return out;
  };
  EXPECT_EQ(eval::judge_core_item(task, item, losses({{3, 1}, {1}, {2, 2, 2}})).choice, 1);
  EXPECT_EQ(eval::judge_core_item(task, item, losses({{2}, {1, 1}, {1}})).choice, 1) << "the first on ties";
  const auto middle = eval::judge_core_item(task, item, losses({{2}, {}, {1}}));
  EXPECT_EQ(middle.choice, 2);
  EXPECT_TRUE(middle.undecided);
  EXPECT_FALSE(middle.correct);
  EXPECT_EQ(eval::judge_core_item(task, item, losses({{}, {1}, {1}})).choice, 0);
  task.kind = CoreKind::kLanguageModelling;
  auto text = losses({{1, 2}});
  EXPECT_FALSE(eval::judge_core_item(task, item, text).correct);
  text[0].all_predicted = true;
  EXPECT_TRUE(eval::judge_core_item(task, item, text).correct);
}

// C-7.20, C-7.21
TEST(CoreScores, AreCentredAndWrittenAsATable) {
  eval::CoreScore a, b;
  a.label = "boolq";
  a.set_result(50, 100, 62);
  EXPECT_NEAR(a.centered, (0.5 - 0.62) / 0.38, 1e-9);
  b.label = "copa";
  b.set_result(3, 4, 50);
  const std::vector<eval::CoreScore> scores = {a, b};
  EXPECT_NEAR(eval::core_metric(scores), (a.centered + 0.5) / 2, 1e-12);
  EXPECT_EQ(eval::core_metric({}), 0);
  EXPECT_EQ(eval::core_csv(scores),
            "Task                               , Accuracy  , Centered  \n"
            "boolq                              , 0.500000  , -0.315789 \n"
            "copa                               , 0.750000  , 0.500000  \n"
            "CORE                               ,           , 0.092105  \n");
  const tasks::Interval interval = eval::core_interval(scores);
  EXPECT_LT(interval.low, eval::core_metric(scores));
  EXPECT_GT(interval.high, eval::core_metric(scores));
  b.num_fewshot = 10;
  b.seconds = 1.234;
  EXPECT_TRUE(has(b.line(), "copa (10-shot, type: multiple_choice): accuracy: 0.7500 | centered: 0.5000 | time: 1.23s")) << b.line();
  EXPECT_TRUE(has(b.line(), "not distinguishable from chance"));
}

class CoreRanks : public CoreFiles {
 protected:
  static eval::CoreScore score(const CoreTask& task, const std::vector<CoreItem>& items, dist::Communicator& world) {
    std::vector<std::string> bytes;
    for (int byte = 0; byte < 256; ++byte) bytes.emplace_back(1, static_cast<char>(byte));
    const auto tokenizer = take(tokenizer::Tokenizer::from_tokens(bytes));
    model::ModelConfig config;
    config.sequence_len = 64;
    config.vocab_size = tokenizer.vocab_size();
    config.n_layer = 2;
    config.n_head = config.n_kv_head = 2;
    config.n_embd = 32;
    model::Transformer model(config, DType::kFloat32);
    model.initialise(3);
    ops::Context ctx;
    return take(eval::score_core_task(model, ctx, tokenizer, task, items, world));
  }
};

// C-7.19, C-7.47
TEST_F(CoreRanks, ShareTheItemsAndAllKnowTheScore) {
  CoreTask task{"t", CoreKind::kMultipleChoice, {}, 2};
  task.random_baseline = 50;
  std::string lines;
  for (int i = 0; i < 11; ++i) lines += format_text("{\"query\": \"number %d is\", \"choices\": [\"odd\", \"even\"], \"gold\": %d}\n", i, i % 2 == 0 ? 1 : 0);
  const auto all = items(task, lines);
  const auto alone = dist::single_process();
  const eval::CoreScore expected = score(task, all, *alone);
  EXPECT_EQ(expected.n, 11);
  EXPECT_EQ(expected.accuracy, static_cast<double>(static_cast<float>(expected.correct) / 11.0f));
  EXPECT_NEAR(expected.majority, 6.0 / 11, 1e-12);
  EXPECT_EQ(expected.answers.size(), 11u);
  std::vector<eval::CoreScore> of_rank(3);
  ThreadRanks::run(3, [&](dist::Communicator& job) { of_rank[static_cast<size_t>(job.rank())] = score(task, all, job); });
  for (const eval::CoreScore& one : of_rank) {
    EXPECT_EQ(one.correct, expected.correct);
    EXPECT_EQ(one.centered, expected.centered);
    EXPECT_EQ(one.tokens, expected.tokens);
  }
  EXPECT_EQ(of_rank[0].answers, expected.answers) << "losses to the bit";
  EXPECT_TRUE(of_rank[1].answers.empty());
}

TEST_F(CoreRanks, WhatCannotBeScoredIsNamedByTaskAndRow) {
  CoreTask task{"t", CoreKind::kMultipleChoice, {}, 2};
  const auto two = items(task, "{\"query\": \"a\", \"choices\": [\"b\"], \"gold\": 0}\n{\"query\": \"c\", \"choices\": [\"d\"], \"gold\": 0}\n");
  EXPECT_THROW(
      {
        try {
          const auto alone = dist::single_process();
          score(task, two, *alone);
        } catch (const std::runtime_error& wrong) {
          EXPECT_TRUE(has(wrong.what(), "task t, row 0") && has(wrong.what(), "only 1 others")) << wrong.what();
          throw;
        }
      },
      std::runtime_error);
}

}  // namespace
}  // namespace lathe::testing
