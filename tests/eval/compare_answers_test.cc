#include "eval/compare_answers.h"

#include <cmath>

#include "eval/results.h"
#include "tests/ref/testing.h"

namespace lathe::testing {
namespace {

using eval::AnswerFile;

Json answer(int64_t index, bool correct, double score, const std::string& prompt = "") {
  return Json(Json::Object{{"index", index}, {"prompt", prompt.empty() ? "question " + std::to_string(index) : prompt}, {"output", "o"}, {"answer", "o"},
                           {"expected", "e"}, {"correct", correct}, {"score", score}});
}

Json data_with(const std::string& hash) { return take(parse_json("[{\"file\": \"test.jsonl\", \"sha256\": \"" + hash + "\"}]")); }

TEST(CompareAnswers, PairsTheCommonItems) {
  AnswerFile a{"t", "a.jsonl", {}, data_with("11")}, b{"t", "b.jsonl", {}, data_with("11")};
  for (int64_t i = 0; i < 20; ++i) a.answers.push_back(answer(i, i % 2 == 0, -1.0));
  for (int64_t i = 3; i < 25; ++i) b.answers.push_back(answer(i, true, -0.5));
  const eval::TaskComparison result = take(eval::compare_answers(a, b));
  EXPECT_EQ(result.common, 17);
  EXPECT_EQ(result.without_b, 3);
  EXPECT_EQ(result.without_a, 5);
  EXPECT_TRUE(result.only_a.empty());
  EXPECT_EQ(result.only_b, (std::vector<int64_t>{3, 5, 7, 9, 11, 13, 15, 17, 19}));
  ASSERT_TRUE(result.outcomes.has_value());
  EXPECT_DOUBLE_EQ(result.outcomes->difference, 9.0 / 17);
  EXPECT_NEAR(result.outcomes->p_value, 2 * std::pow(0.5, 9), 1e-12) << "nine of nine disagreements";
  EXPECT_EQ(result.verdict(), "B is better");
  ASSERT_TRUE(result.scores.has_value());
  EXPECT_DOUBLE_EQ(result.scores->difference, 0.5);
  EXPECT_TRUE(result.scores->differs());
  const eval::TaskComparison other = take(eval::compare_answers(b, a));
  EXPECT_EQ(other.verdict(), "A is better");
  EXPECT_EQ(other.only_a, result.only_b);
  EXPECT_EQ(take(eval::compare_answers(a, a)).verdict(), "no difference shown");
  const std::vector<std::string> table = eval::comparison_table({result});
  ASSERT_EQ(table.size(), 3u) << "a head, shares and scores";
  EXPECT_NE(table[1].find("+52.9"), std::string::npos) << table[1];
}

TEST(CompareAnswers, OtherSetsAreRefused) {
  AnswerFile a{"t", "a.jsonl", {answer(0, true, 0), answer(1, true, 0)}, data_with("11")};
  const auto fault = [&](const AnswerFile& b) {
    const auto result = eval::compare_answers(a, b);
    return result.ok() ? std::string() : result.error().to_string();
  };
  AnswerFile b = a;
  EXPECT_EQ(fault(b), "");
  b.data = data_with("22");
  EXPECT_NE(fault(b).find("other files"), std::string::npos) << fault(b);
  b = a;
  b.data = {};
  EXPECT_EQ(fault(b), "") << "without a hash the questions decide";
  b.answers[1] = answer(1, true, 0, "another question");
  EXPECT_NE(fault(b).find("item 1 has another \"prompt\""), std::string::npos) << fault(b);
  b.answers = {answer(7, true, 0)};
  EXPECT_NE(fault(b).find("no item in common"), std::string::npos);
  b.answers = {Json(Json::Object{{"index", 0}, {"prompt", "question 0"}, {"expected", "e"}})};
  EXPECT_NE(fault(b).find("neither"), std::string::npos);
}

class AnswerFiles : public ::testing::Test {
 protected:
  fs::path write(const std::string& name, const std::string& text) {
    check(write_file_atomic(folder_.path() / name, text));
    return folder_.path() / name;
  }
  TemporaryFolder folder_;
};

TEST_F(AnswerFiles, AreReadWithTheDataOfTheirSummary) {
  const std::vector<Json> answers = {answer(1, true, -2), answer(0, false, -1)};
  check(eval::write_answers(folder_.path() / "GSM8K.jsonl", answers));
  write("notes.jsonl", "{\"text\": \"not an answer\"}\n");
  EXPECT_FALSE(eval::read_answer_files(folder_.path()).ok()) << "no summary names answers";
  const std::pair<std::string, Json> figure{"GSM8K", Json(Json::Object{{"answers", "GSM8K.jsonl"}, {"data", data_with("ab")}})};
  check(eval::update_summary(folder_.path(), Json::object(), "tasks", {&figure, 1}));
  const std::vector<AnswerFile> files = take(eval::read_answer_files(folder_.path()));
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].task, "GSM8K");
  EXPECT_EQ(files[0].data, data_with("ab"));
  ASSERT_EQ(files[0].answers.size(), 2u);
  EXPECT_EQ(files[0].answers[0].at("index").as_int(), 0) << "in the order of the set";
  EXPECT_EQ(take(eval::read_answer_files(folder_.path() / "GSM8K.jsonl")).at(0).data, data_with("ab"));
}

TEST_F(AnswerFiles, DamageIsNamedWithItsLine) {
  for (const auto& [text, part] : {std::pair{"{\"index\": 0}\n{\"ind", "line 2"}, {"{\"index\": 0}\n[1]\n", "line 2"}, {"{\"prompt\": \"x\"}\n", "index"},
                                   {"{\"index\": 3}\n\n{\"index\": 3}\n", "stands twice"}, {"{\"index\": \"3\"}\n", "index"}}) {
    const auto result = eval::read_answer_file(write("x.jsonl", text));
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_NE(result.error().to_string().find(part), std::string::npos) << result.error().to_string();
    EXPECT_NE(result.error().to_string().find("x.jsonl"), std::string::npos);
  }
  EXPECT_FALSE(eval::read_answer_files(folder_.path() / "absent").ok());
}

TEST_F(AnswerFiles, ADamagedSummaryIsToldApartFromNone) {
  write("summary.json", "{\"about\": {");
  const auto files = eval::read_answer_files(folder_.path());
  ASSERT_FALSE(files.ok());
  EXPECT_NE(files.error().to_string().find("run the evaluation again, or name an answers' file itself"), std::string::npos) << files.error().to_string();
}

TEST(AnswerText, ShowsOptionsWithTheLossesThatDecided) {
  const std::string text = eval::answer_text("core_t", take(parse_json(R"({"index": 3, "prompt": "q", "options": ["red", "blue"], "losses": [2.5, null], "output": "red", "answer": 0, "expected": "blue", "correct": false})")));
  for (const char* part : {"options     2.5000  red\n", "       -  blue\n", "output    red\n", "expected  blue\n"}) EXPECT_NE(text.find(part), std::string::npos) << part << text;
  EXPECT_EQ(text.find("judged"), std::string::npos) << text;
}

TEST(AnswerText, FitsItsWidthAndKeepsTheTerminal) {
  Json one = answer(4, false, -1.5);
  one["prompt"] = std::string(300, 'x') + " " + std::string(30, 'y') + " last";
  std::string wide;
  for (int i = 0; i < 120; ++i) wide += "\xc3\xa9";
  one["output"] = "\x1b[2Jgone\x07\twide " + wide;
  const std::string text = eval::answer_text("GSM8K", one);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("\\x1b[2Jgone\\x07"), std::string::npos) << text;
  EXPECT_EQ(text.substr(0, 18), "--- GSM8K, item 4 ");
  for (const std::string& line : split_text(text, '\n')) EXPECT_LE(count_code_points(line), 100) << line;
  EXPECT_EQ(first_invalid_utf8(text), -1) << "no character is cut";
  EXPECT_NE(text.find("WRONG"), std::string::npos);
  EXPECT_NE(eval::answer_text("t", answer(4, true, 0)).find("right ---"), std::string::npos);
}

TEST(AnswerText, ShowsEverySampleWithItsVerdict) {
  const Json several = take(parse_json(R"({"index": 0, "prompt": "q", "output": ["say 7", "say 8"], "answer": ["7", "8"], "right": [false, true], "correct": true, "expected": "8", "note": ["", "why"]})"));
  const std::string text = eval::answer_text("t", several);
  for (const char* part : {"output 1  say 7", "-> 7  (wrong)", "output 2  say 8", "-> 8  (right): why", "expected  8"}) EXPECT_NE(text.find(part), std::string::npos) << text;
  EXPECT_NE(eval::answer_text("t", take(parse_json(R"({"index": 0, "prompt": ["a", 3], "output": {"k": 1}})"))).find("{\"k\": 1}"), std::string::npos);
}

}  // namespace
}  // namespace lathe::testing
