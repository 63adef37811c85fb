#include "eval/task_score.h"

#include <map>

#include "tests/infer/mock_model.h"

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
  eval::TaskScore score(const std::string& task, const std::vector<TaskCase>& cases, const eval::ScoreOptions& options = {}) {
    return take(eval::score_task(engine_, *tasks::find_task(task), cases, options));
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
  EXPECT_EQ(result.answers[0].output, "The letters of cat: c, a, t.");
  EXPECT_EQ(result.answers[0].answer, "c,a,t");
  EXPECT_TRUE(result.answers[0].correct && result.answers[0].finished);
  EXPECT_EQ(result.answers[0].tokens, 28);
  EXPECT_EQ(result.answers[1].answer, "d,o,k");
  EXPECT_FALSE(result.answers[1].correct);
  EXPECT_EQ(result.answers[2].output, "");
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
    EXPECT_EQ(result.answers[i].correct, known) << result.answers[i].prompt;
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
  EXPECT_EQ(result.answers[0].output, "<|python_start|>12*3<|python_end|><|output_start|>36<|output_end|>\n#### 36");
  EXPECT_EQ(result.answers[0].answer, "36");
  EXPECT_EQ(result.correct, 1);
}

TEST_F(TaskScore, AnAnswerIsCutAtTheTasksLimit) {
  will_say("spell cat", std::string(500, 'x'));
  const eval::TaskScore result = score("spelling", {case_of("spelling", "spell cat", "c,a,t")});
  EXPECT_EQ(result.answers[0].tokens, tasks::find_task("spelling")->max_new_tokens);
  EXPECT_FALSE(result.answers[0].finished);
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
  const eval::TaskScore result = take(eval::score_task(engine, *tasks::find_task("choices"), cases));
  EXPECT_EQ(result.answers[0].output, "B");
  EXPECT_EQ(result.answers[1].output, "D");
  EXPECT_EQ(result.correct, 2);
  ASSERT_EQ(model.calls.size(), 2u);
  EXPECT_EQ(model.calls[0].length, 10) << "BOS, user_start, 6 bytes, user_end, assistant_start";
}

TEST_F(TaskScore, ALetterMustBeOneToken) {
  const TaskCase two = case_of("choices", "which?", "A", {"A", "BB"});
  const auto result = eval::score_task(engine_, *tasks::find_task("choices"), {&two, 1});
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().to_string().find("\"BB\""), std::string::npos);
  const TaskCase none = case_of("choices", "which?", "A");
  EXPECT_FALSE(eval::score_task(engine_, *tasks::find_task("choices"), {&none, 1}).ok());
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
  EXPECT_EQ(score("counting", cases).verdict(), "worse than chance");
}

TEST_F(TaskScore, StopsWhenAskedAndKeepsWhatIsDone) {
  will_say("spell cow", "c, o, w");
  const std::vector<TaskCase> cases = {case_of("spelling", "spell horse", "h,o,r,s,e"), case_of("spelling", "spell cow", "c,o,w"),
                                       case_of("spelling", "spell pig", "p,i,g")};
  eval::ScoreOptions options;
  int64_t seen = 0;
  options.on_group = [&](int64_t done, int64_t) { seen = done; };
  options.is_cancelled = [&] { return seen >= 2; };
  const eval::TaskScore result = score("spelling", cases, options);
  ASSERT_EQ(result.n, 2) << "the two short ones, which went together";
  EXPECT_EQ(result.answers[0].expected, "c,o,w");
  EXPECT_EQ(result.answers[1].expected, "p,i,g");
  EXPECT_EQ(result.correct, 1);
  EXPECT_DOUBLE_EQ(result.majority, 0.5) << "over the cases done";
  options.is_cancelled = [] { return true; };
  EXPECT_EQ(score("spelling", cases, options).n, 0);
}

TEST_F(TaskScore, APromptThatDoesNotFitNamesTheCase) {
  const std::vector<TaskCase> cases = {case_of("spelling", "spell cat", "c,a,t"), case_of("spelling", std::string(5000, 'x'), "c,a,t")};
  const auto result = eval::score_task(engine_, *tasks::find_task("spelling"), cases);
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().to_string().find("case 2 of spelling"), std::string::npos) << result.error().to_string();
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
