#include "eval/task_score.h"

#include <array>
#include <map>

#include "eval/score_text.h"
#include "tests/infer/chat_format_cases.h"
#include "tests/infer/mock_model.h"
#include "tests/ref/thread_ranks.h"

namespace lathe::testing {
namespace {

using infer::testing::bytes_of;
using infer::testing::MockModel;
using tasks::TaskCase;

TaskCase case_of(const std::string& task, const std::string& question, const std::string& expected,
                 std::vector<std::string> candidates = {}, const std::string& kind = "plain") {
  TaskCase out{task, kind, Json::array(), expected, std::move(candidates)};
  out.messages.push_back(Json(Json::Object{{"role", "user"}, {"content", question}}));
  return out;
}

const eval::Sample& sample(const eval::TaskScore& score, size_t item) { return score.answers.at(item).samples.at(0); }

// Says the answer that belongs to the question it was asked, then assistant_end; nothing at all to other questions.
class TaskScore : public ::testing::Test {
 protected:
  TaskScore()
      : tokenizer_(infer::testing::chat_tokenizer()),
        model_([this](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) { speak(seen, logits); }, tokenizer_.vocab_size()),
        engine_(model_, tokenizer_) {}

  int32_t special(const char* name) const { return tokenizer_.special_id(name); }
  void will_say(const std::string& question, std::vector<int32_t> tokens) { answers_[question] = std::move(tokens); }
  void will_say(const std::string& question, const std::string& text) { will_say(question, bytes_of(text)); }
  static tasks::EvaluationTask task_of(const std::string& task, const std::vector<TaskCase>& cases) {
    return take(tasks::builtin_evaluation(*tasks::find_task(task), cases));
  }
  eval::TaskScore score(const std::string& task, const std::vector<TaskCase>& cases, const eval::ScoreOptions& options = {}) {
    return take(eval::score_task(engine_, task_of(task, cases), options));
  }

  tokenizer::Tokenizer tokenizer_;
  std::map<std::string, std::vector<int32_t>> answers_;
  MockModel model_;
  infer::Engine engine_;

 private:
  void speak(const std::vector<int32_t>& seen, std::span<float> logits) const {
    const auto question_begin = std::find(seen.begin(), seen.end(), special(tokenizer::kUserStart)) + 1;
    const auto question_end = std::find(seen.begin(), seen.end(), special(tokenizer::kUserEnd));
    const auto answer_begin = std::find(seen.begin(), seen.end(), special(tokenizer::kAssistantStart)) + 1;
    const auto answer = answers_.find(std::string(question_begin, question_end));
    const auto said = static_cast<size_t>(seen.end() - answer_begin);
    const bool ends = answer == answers_.end() || said >= answer->second.size();
    logits[static_cast<size_t>(ends ? special(tokenizer::kAssistantEnd) : answer->second[said])] = 50;
  }
};

// L-10.7: a model of another program is asked, and ends its answer, in its own template.
TEST_F(TaskScore, AModelOfAnotherProgramIsJudgedInItsOwnTemplate) {
  const tokenizer::Tokenizer& tokenizer = infer::testing::foreign_tokenizer();
  const auto form = take(tokenizer::ChatTemplate::find("hermes"));
  const std::vector<int32_t> header = take(infer::ChatFormat::find("hermes", tokenizer)).prompt(std::vector<infer::ChatTurn>{{"user", "spell cat"}}).value().ids;
  const std::string script = "c, a, t";
  MockModel model([&](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) {
    const bool asked = seen.size() >= header.size() && std::equal(header.begin(), header.end(), seen.begin());
    const size_t said = seen.size() - header.size();
    logits[static_cast<size_t>(!asked ? 'x' : said < script.size() ? script[said] : tokenizer.special_id("<|im_end|>"))] = 50;
  }, tokenizer.vocab_size());
  infer::Engine engine(model, tokenizer);
  eval::ScoreOptions options;
  options.form = &form;
  const eval::TaskScore result = take(eval::score_task(engine, task_of("spelling", {case_of("spelling", "spell cat", "c,a,t")}), options));
  EXPECT_EQ(result.correct, 1);
  EXPECT_EQ(sample(result, 0).output, script);
  EXPECT_TRUE(sample(result, 0).finished);
}

TEST_F(TaskScore, JudgesWhatTheModelWrites) {
  will_say("spell cat", "The letters of cat: c, a, t.");
  will_say("spell dog", "d, o, k");
  const eval::TaskScore result = score("spelling", {case_of("spelling", "spell cat", "c,a,t"), case_of("spelling", "spell dog", "d,o,g"),
                                                   case_of("spelling", "spell fox", "f,o,x", {}, "other")});
  EXPECT_EQ(result.n, 3);
  EXPECT_EQ(result.correct, 1);
  EXPECT_DOUBLE_EQ(result.accuracy, 1.0 / 3);
  ASSERT_EQ(result.answers.size(), 3u);
  EXPECT_EQ(result.answers[0].prompt, "spell cat");
  EXPECT_EQ(sample(result, 0).output, "The letters of cat: c, a, t.");
  EXPECT_EQ(sample(result, 0).answer, "c,a,t");
  EXPECT_TRUE(sample(result, 0).correct && sample(result, 0).finished);
  EXPECT_EQ(sample(result, 0).tokens, 28);
  EXPECT_EQ(sample(result, 1).answer, "d,o,k");
  EXPECT_FALSE(sample(result, 1).correct);
  EXPECT_EQ(sample(result, 2).output, "");
  ASSERT_EQ(result.kinds.size(), 2u);
  EXPECT_EQ(result.kinds[0].kind, "other");
  EXPECT_EQ(result.kinds[1].correct, 1);
}

TEST_F(TaskScore, ManyCasesOfManyLengthsKeepTheirOrder) {
  std::vector<TaskCase> cases;
  for (int i = 0; i < 100; ++i) {
    const std::string word(static_cast<size_t>(3 + i * 7 % 5), static_cast<char>('a' + i % 26));
    std::string letters;
    for (const char c : word) letters += (letters.empty() ? "" : ",") + std::string(1, c);
    cases.push_back(case_of("spelling", "spell " + word, letters));
    if (i % 3 != 0) will_say("spell " + word, letters);
  }
  const eval::TaskScore result = score("spelling", cases);
  ASSERT_EQ(result.n, 100);
  int64_t correct = 0;
  for (size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(result.answers[i].expected, cases[i].expected);
    const bool known = answers_.contains(result.answers[i].prompt);
    EXPECT_EQ(result.answers[i].correct(), known) << result.answers[i].prompt;
    correct += known;
  }
  EXPECT_EQ(result.correct, correct);
  EXPECT_GT(correct, 50);
}

// C-10.12: the calculator answers although the model would go on with something else.
TEST_F(TaskScore, TheToolIsAlwaysOn) {
  std::vector<int32_t> says = {special(tokenizer::kPythonStart)};
  for (const int32_t id : bytes_of("12*3")) says.push_back(id);
  says.push_back(special(tokenizer::kPythonEnd));
  for (const int32_t id : bytes_of("@36@\n#### 36")) says.push_back(id);  // at @ the markers are forced
  will_say("12 times 3", says);
  const eval::TaskScore result = score("sums", {case_of("sums", "12 times 3", "36")});
  EXPECT_EQ(sample(result, 0).output, "<|python_start|>12*3<|python_end|><|output_start|>36<|output_end|>\n#### 36");
  EXPECT_EQ(sample(result, 0).answer, "36");
  EXPECT_EQ(result.correct, 1);
}

TEST_F(TaskScore, AnAnswerIsCutAtTheTasksLimit) {
  will_say("spell cat", std::string(500, 'x'));
  const eval::TaskScore result = score("spelling", {case_of("spelling", "spell cat", "c,a,t")});
  EXPECT_EQ(sample(result, 0).tokens, tasks::find_task("spelling")->max_new_tokens);
  EXPECT_FALSE(sample(result, 0).finished);
}

// C-7.26: one forward pass, and only the letters count.
TEST_F(TaskScore, AChoiceIsDecidedAmongItsLetters) {
  MockModel model([](int64_t, const std::vector<int32_t>&, std::span<float> logits) {
    logits['x'] = 9;
    logits['D'] = 8;
    logits['B'] = 3;
    logits['A'] = 2;
    logits['C'] = -1;
  }, tokenizer_.vocab_size());
  infer::Engine engine(model, tokenizer_);
  const std::vector<TaskCase> cases = {case_of("choices", "which?", "B", {"A", "B", "C"}), case_of("choices", "which one?", "D", {"C", "D"})};
  const eval::TaskScore result = take(eval::score_task(engine, task_of("choices", cases)));
  EXPECT_EQ(sample(result, 0).output, "B");
  EXPECT_EQ(sample(result, 1).output, "D");
  EXPECT_EQ(result.correct, 2);
  ASSERT_EQ(model.calls.size(), 2u);
  EXPECT_EQ(model.calls[0].length, 10) << "BOS, user_start, 6 bytes, user_end, assistant_start";
}

TEST_F(TaskScore, ALetterMustBeOneToken) {
  const TaskCase two = case_of("choices", "which?", "A", {"A", "BB"});
  const auto result = eval::score_task(engine_, task_of("choices", {two}));
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().to_string().find("\"BB\""), std::string::npos);
  const TaskCase none = case_of("choices", "which?", "A");
  EXPECT_FALSE(eval::score_task(engine_, task_of("choices", {none})).ok());
}

TEST_F(TaskScore, SaysInWordsWhenTheIntervalCoversChance) {
  std::vector<TaskCase> cases;
  for (int i = 0; i < 40; ++i) cases.push_back(case_of("counting", "count " + std::to_string(i), i % 2 == 0 ? "2" : "3"));
  for (const TaskCase& c : cases) will_say(c.messages.at(size_t{0}).get_string("content", ""), "#### 2");
  const eval::TaskScore guess = score("counting", cases);
  EXPECT_DOUBLE_EQ(guess.majority, 0.5);
  EXPECT_LT(guess.low, 0.5);
  EXPECT_GT(guess.high, 0.5);
  EXPECT_EQ(guess.verdict(), "not distinguishable from chance");
  for (const TaskCase& c : cases) will_say(c.messages.at(size_t{0}).get_string("content", ""), "#### " + c.expected);
  EXPECT_EQ(score("counting", cases).verdict(), "better than chance");
  answers_.clear();
  EXPECT_EQ(score("counting", cases).verdict(), "not distinguishable from chance") << "nobody guesses a text";
}

TEST_F(TaskScore, StopsWhenAskedAndKeepsWhatIsDone) {
  will_say("spell cow", "c, o, w");
  const std::vector<TaskCase> cases = {case_of("spelling", "spell horse", "h,o,r,s,e"), case_of("spelling", "spell cow", "c,o,w"),
                                       case_of("spelling", "spell pig", "p,i,g")};
  eval::ScoreOptions options;
  options.rows = 2;
  int64_t seen = 0;
  options.on_batch = [&](int64_t done, int64_t) { seen = done; };
  options.is_cancelled = [&] { return seen >= 2; };
  const eval::TaskScore result = score("spelling", cases, options);
  ASSERT_EQ(result.n, 2) << "the two short ones, which went together";
  EXPECT_EQ(result.answers[0].expected, "c,o,w");
  EXPECT_EQ(result.answers[0].index, 1);
  EXPECT_EQ(result.answers[1].expected, "p,i,g");
  EXPECT_EQ(result.correct, 1);
  EXPECT_DOUBLE_EQ(result.majority, 0.5) << "over the cases done";
  options.is_cancelled = [] { return true; };
  EXPECT_EQ(score("spelling", cases, options).n, 0);
}

// C-7.43: what does not fit loses its end, and is counted.
TEST_F(TaskScore, ALongQuestionLosesItsEndAndIsCounted) {
  model_.limit = 5000;
  const std::vector<TaskCase> cases = {case_of("spelling", "spell cat", "c,a,t"), case_of("spelling", std::string(3000, 'x'), "c,a,t")};
  const eval::TaskScore result = score("spelling", cases);
  EXPECT_EQ(result.cut, 1);
  EXPECT_FALSE(result.answers[0].cut);
  EXPECT_TRUE(result.answers[1].cut);
  EXPECT_EQ(result.answers[1].prompt.size(), 3000u) << "the question as it was asked";
  int64_t longest = 0;
  for (const MockModel::Call& cache : model_.caches) longest = std::max(longest, cache.length);
  EXPECT_EQ(longest, eval::kMostPromptTokens + 1 + tasks::find_task("spelling")->max_new_tokens) << "2048 tokens, assistant_start, and the answer";
  EXPECT_EQ(result.to_json().at("cut_prompts").as_int(), 1);
  model_.limit = 100;
  EXPECT_EQ(score("spelling", cases).cut, 1) << "the model's own positions are a limit too";
}

// C-7.28: one right sample is enough.
TEST_F(TaskScore, AnItemIsRightWhenAnySampleIs) {
  // Says 2 or 3 as the draw has it; every item draws the same numbers.
  const std::string text = "#### ";
  MockModel model([&](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) {
    const auto begin = std::find(seen.begin(), seen.end(), special(tokenizer::kAssistantStart)) + 1;
    const auto said = static_cast<size_t>(seen.end() - begin);
    if (said < text.size()) logits[static_cast<size_t>(text[said])] = 90;
    else if (said == text.size()) logits['2'] = logits['3'] = 90;
    else logits[static_cast<size_t>(special(tokenizer::kAssistantEnd))] = 90;
  }, tokenizer_.vocab_size());
  infer::Engine engine(model, tokenizer_);
  std::vector<TaskCase> cases;
  for (int i = 0; i < 5; ++i) cases.push_back(case_of("counting", std::string(static_cast<size_t>(3 + i), 'q'), i < 4 ? "2" : "7"));
  eval::ScoreOptions options;
  options.samples = 6;
  options.sampling.temperature = 1;
  const auto run = [&](int64_t rows) {
    options.rows = rows;
    return take(eval::score_task(engine, task_of("counting", cases), options));
  };
  const eval::TaskScore result = run(6);
  const eval::Answer& first = result.answers[0];
  const int64_t right = first.right();
  ASSERT_GT(right, 0);
  ASSERT_LT(right, 6);
  EXPECT_EQ(result.correct, 4);
  ASSERT_EQ(result.pass_at_k.size(), 6u);
  EXPECT_DOUBLE_EQ(result.pass_at_k[0], 0.8 * static_cast<double>(right) / 6);
  EXPECT_DOUBLE_EQ(result.pass_at_k[5], result.accuracy);
  ASSERT_TRUE(result.majority_vote.has_value());
  EXPECT_DOUBLE_EQ(*result.majority_vote, right > 3 || (right == 3 && first.samples[0].correct) ? 0.8 : 0.0);
  const Json line = first.to_json();
  EXPECT_EQ(line.at("output").size(), 6u);
  EXPECT_EQ(line.at("right").size(), 6u);
  EXPECT_TRUE(line.at("correct").as_bool());
  // C-7.41: the draws of an item are those of the seed, whatever is answered beside it.
  for (const eval::Answer& answer : result.answers)
    for (size_t s = 0; s < 6; ++s) EXPECT_EQ(answer.samples[s].output, first.samples[s].output);
  for (const int64_t rows : {1, 18, 100}) EXPECT_EQ(run(rows).answers[3].to_json(), result.answers[3].to_json());
  options.sampling.temperature = 0;
  const eval::TaskScore greedy = run(18);
  for (const eval::Sample& s : greedy.answers[0].samples) EXPECT_EQ(s.output, greedy.answers[0].samples[0].output) << "at temperature 0 samples help nothing";
}

// C-7.27, C-7.29: batches 0, W, 2 W, ... are the first rank's; every rank has the score of all.
TEST_F(TaskScore, RanksShareTheBatchesAndSumTheirResults) {
  std::vector<TaskCase> cases;
  for (int i = 0; i < 11; ++i) cases.push_back(case_of("choices", std::string(static_cast<size_t>(4 + i % 3), 'q'), i % 2 ? "A" : "B", {"A", "B"}, i < 4 ? "one" : "two"));
  const auto alone = [&] {
    MockModel model([](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) { logits[seen.size() % 2 ? 'A' : 'B'] = 1.25f; }, tokenizer_.vocab_size());
    infer::Engine engine(model, tokenizer_);
    return take(eval::score_task(engine, task_of("choices", cases)));
  }();
  ASSERT_GT(alone.correct, 0);
  std::array<eval::TaskScore, 3> scores;
  std::array<size_t, 3> calls{};
  ThreadRanks::run(3, [&](dist::Communicator& job) {
    MockModel model([](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) { logits[seen.size() % 2 ? 'A' : 'B'] = 1.25f; }, tokenizer_.vocab_size());
    infer::Engine engine(model, tokenizer_);
    eval::ScoreOptions options;
    options.ranks = &job;
    options.rows = 2;
    scores[static_cast<size_t>(job.rank())] = take(eval::score_task(engine, task_of("choices", cases), options));
    for (const MockModel::Call& call : model.calls) calls[static_cast<size_t>(job.rank())] += static_cast<size_t>(call.rows);
  });
  EXPECT_EQ(calls, (std::array<size_t, 3>{4, 4, 3})) << "six batches of two";
  for (const eval::TaskScore& score : scores) {
    EXPECT_EQ(score.correct, alone.correct);
    ASSERT_EQ(score.n, 11);
    for (size_t i = 0; i < 11; ++i) EXPECT_EQ(score.answers[i].to_json(), alone.answers[i].to_json());
    EXPECT_EQ(score.kinds.size(), 2u);
  }
}

// C-7.29: zero problems.
TEST_F(TaskScore, NoItemIsNoScore) {
  const eval::TaskScore none = score("counting", {});
  EXPECT_EQ(none.n, 0);
  EXPECT_EQ(none.accuracy, 0);
  EXPECT_EQ(none.verdict(), "not run");
  std::vector<TaskCase> cases;
  for (int i = 0; i < 12; ++i) cases.push_back(case_of("spelling", "spell w" + std::to_string(i), std::string(1, static_cast<char>('a' + i))));
  tasks::EvaluationTask programs = task_of("spelling", cases);
  programs.comparable_answers = false;
  const eval::TaskScore all_wrong = take(eval::score_task(engine_, programs));
  EXPECT_EQ(all_wrong.majority, 0) << "no text of a program is common";
  EXPECT_EQ(all_wrong.verdict(), "not distinguishable from chance") << "nothing right is not better than nothing";
  EXPECT_EQ(eval::live_line(1, 0, 0), "Rank 1 | 0/0 (0.00%)");
}

// C-7.42
TEST_F(TaskScore, LinesAreTheOrigins) {
  will_say("spell cat", "c, a, t");
  const std::vector<TaskCase> cases = {case_of("spelling", "spell cat", "c,a,t"), case_of("spelling", "spell dog", "d,o,g"), case_of("spelling", "spell fox", "f,o,x")};
  EXPECT_EQ(eval::final_lines(score("spelling", cases)), (std::vector<std::string>{std::string(50, '='), "Final: 1/3 (33.33%)", "spelling accuracy: 33.33%"}));
  EXPECT_EQ(eval::live_line(2, 3, 8), "Rank 2 | 3/8 (37.50%)");
  const eval::TaskScore choice = score("choices", {case_of("choices", "which?", "B", {"A", "B"})});
  EXPECT_EQ(eval::final_lines(choice)[0].substr(0, 7), "Final: ") << "no rule before the line of a categorical task";
}

TEST_F(TaskScore, ScoresOfTheSameModelGatherInOneSummary) {
  const TemporaryFolder folder;
  will_say("spell cat", "c, a, t");
  const std::vector<eval::TaskScore> spelling = {score("spelling", {case_of("spelling", "spell cat", "c,a,t")})};
  const std::vector<eval::TaskScore> counting = {score("counting", {case_of("counting", "how many?", "2")})};
  const Json about = Json(Json::Object{{"tag", "d4"}, {"step", 3}});
  check(eval::write_scores(folder.path(), about, spelling));
  check(eval::write_scores(folder.path(), about, counting));
  Json summary = take(read_json(folder.path() / "summary.json"));
  EXPECT_EQ(summary.at("about"), about);
  EXPECT_EQ(summary.at("tasks").at("spelling").at("accuracy").as_double(), 1);
  EXPECT_EQ(summary.at("tasks").at("counting").at("correct").as_int(), 0);
  const std::vector<Json> rows = read_jsonl(folder.path() / "spelling.jsonl");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].at("prompt").as_string(), "spell cat");
  EXPECT_EQ(rows[0].at("output").as_string(), "c, a, t");
  EXPECT_TRUE(rows[0].at("correct").as_bool());

  check(eval::write_scores(folder.path(), Json(Json::Object{{"tag", "d4"}, {"step", 4}}), counting));
  summary = take(read_json(folder.path() / "summary.json"));
  EXPECT_FALSE(summary.at("tasks").contains("spelling")) << "of another step";
}

}  // namespace
}  // namespace lathe::testing
