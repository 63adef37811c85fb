#include "tasks/task.h"

#include "tasks/interval.h"
#include "tasks/multiple_choice.h"
#include "tests/ref/testing.h"

namespace lathe::tasks {
namespace {

TaskCase make_case(const std::string& task, const std::string& expected, std::vector<std::string> candidates = {}) {
  return {task, "", Json::array(), expected, std::move(candidates)};
}

// C-7.32
TEST(MultipleChoice, LetterStandsBehindItsChoice) {
  EXPECT_EQ(
      render_multiple_choice("Which?", {"A", "B"}, {"one", "two"}),
      "Multiple Choice question: Which?\n- one=A\n- two=B\n\nRespond only with the letter of the correct answer.");
  EXPECT_THROW(render_multiple_choice("Which?", {"A"}, {"one", "two"}), std::invalid_argument);
}

// C-7.35
TEST(Check, TakesTheFirstNumberBehindTheMark) {
  EXPECT_EQ(final_number("so\n#### 1,234"), "1234");
  EXPECT_EQ(final_number("#### -5 #### 6"), "-5");
  EXPECT_EQ(final_number("#### x #### 7"), "7");
  EXPECT_EQ(final_number("####7"), "");
  const TaskCase sum = make_case("sums", "18");
  EXPECT_TRUE(check(sum, "9 + 9 = 18\n#### 18"));
  EXPECT_FALSE(check(sum, "#### 18."));
  EXPECT_FALSE(check(sum, "18"));
  EXPECT_FALSE(check(sum, "#### 19\n#### 18"));
  EXPECT_FALSE(check(make_case("counting", ""), "no number"));
}

TEST(Check, SpellingComparesTheLettersBehindTheLastColon) {
  const TaskCase word = make_case("spelling", "c,a,t");
  EXPECT_TRUE(check(word, "cat:c,a,t"));
  EXPECT_TRUE(check(word, " Cat: c, a, t.\n"));
  EXPECT_TRUE(check(word, "c,a,t"));
  EXPECT_FALSE(check(word, "cat"));
  EXPECT_FALSE(check(word, "cat:c,a,t,s"));
  EXPECT_FALSE(check(word, "cat:c,t,a"));
  EXPECT_FALSE(check(word, ""));
}

TEST(Check, ReadingWantsTheEntityAndNoOtherCandidate) {
  const TaskCase who = make_case("reading", "Ann", {"Anna", "Tom"});
  EXPECT_TRUE(check(who, "It was Ann."));
  EXPECT_TRUE(check(who, "it was ann"));
  EXPECT_FALSE(check(who, "It was Anna."));
  EXPECT_FALSE(check(who, "It was Ann or Tom."));
  EXPECT_FALSE(check(who, "I do not know."));
  EXPECT_TRUE(check(make_case("reading", "in the box", {"box"}), "The cat is in the box.") == false);
}

TEST(Check, ChoicesWantTheLetterAlone) {
  const TaskCase choice = make_case("choices", "B", {"A", "B", "C", "D"});
  EXPECT_TRUE(check(choice, "B"));
  EXPECT_TRUE(check(choice, " B\n"));
  EXPECT_FALSE(check(choice, "A"));
  EXPECT_FALSE(check(choice, "B, I think"));
  EXPECT_FALSE(check(choice, "b"));
}

TEST(Baselines, MajorityIsTheShareOfTheMostCommonAnswer) {
  std::vector<TaskCase> cases;
  for (const char* letter : {"A", "B", "B", "C"}) cases.push_back(make_case("choices", letter, {"A", "B", "C", "D"}));
  EXPECT_DOUBLE_EQ(baselines(cases).majority, 0.5);
  EXPECT_DOUBLE_EQ(baselines(cases).random, 0.25);
  EXPECT_DOUBLE_EQ(baselines({make_case("reading", "Ann", {"Tom", "Eva"})}).random, 1.0 / 3);
  EXPECT_DOUBLE_EQ(baselines({make_case("sums", "5"), make_case("sums", "6")}).random, 0);
  EXPECT_DOUBLE_EQ(baselines({}).majority, 0);
}

TEST(WilsonInterval, KnownValues) {
  for (const int64_t n : {1, 7, 12, 1319}) EXPECT_EQ(wilson_interval(0, n).low, 0) << n;
  EXPECT_NEAR(wilson_interval(0, 10).high, 0.277533, 1e-6);
  EXPECT_NEAR(wilson_interval(10, 10).low, 0.722467, 1e-6);
  for (const int64_t n : {1, 7, 12, 1319}) EXPECT_EQ(wilson_interval(n, n).high, 1) << n;
  EXPECT_NEAR(wilson_interval(50, 100).low, 0.403832, 1e-6);
  EXPECT_NEAR(wilson_interval(50, 100).high, 0.596168, 1e-6);
  EXPECT_EQ(wilson_interval(0, 0).high, 1);
  EXPECT_THROW(wilson_interval(3, 2), std::invalid_argument);
}

class TaskFile : public ::testing::Test {
 protected:
  fs::path write(std::string_view text) {
    const fs::path path = folder_.path() / "cases.jsonl";
    testing::check(write_file_atomic(path, text));
    return path;
  }
  std::string error_of(std::string_view text) {
    const auto result = read_task_cases(write(text));
    return result.ok() ? "" : result.error().to_string();
  }
  TemporaryFolder folder_;
};

TEST_F(TaskFile, ReadsWhatWasWritten) {
  TaskCase original = make_case("reading", "Ann", {"Tom"});
  original.kind = "pets";
  original.messages.push_back(Json(Json::Object{{"role", "user"}, {"content", "Who \"is\" it?"}}));
  const auto cases = testing::take(read_task_cases(write(task_case_to_json(original).dump() + "\n\n")));
  ASSERT_EQ(cases.size(), 1u);
  EXPECT_EQ(cases[0].kind, "pets");
  EXPECT_EQ(cases[0].messages, original.messages);
  EXPECT_EQ(cases[0].expected, "Ann");
  EXPECT_EQ(cases[0].candidates, original.candidates);
}

TEST_F(TaskFile, ErrorsNameFileAndLine) {
  const std::string good = R"({"task":"sums","messages":[{"role":"user","content":"x"}],"expected":"1"})";
  EXPECT_EQ(error_of(good), "");
  EXPECT_NE(error_of(good + "\n{oops\n").find("line 2"), std::string::npos);
  EXPECT_NE(error_of(good + "\n{\"task\":\"sums\"}\n").find("line 2: \"expected\""), std::string::npos);
  EXPECT_NE(error_of(R"({"task":"chess","messages":[],"expected":"1"})").find("unknown task"), std::string::npos);
  EXPECT_NE(error_of(R"({"task":"sums","messages":[],"expected":"1"})").find("messages"), std::string::npos);
  EXPECT_NE(error_of(R"({"task":"sums","messages":[{"role":"assistant"}],"expected":"1"})").find("user"),
            std::string::npos);
  EXPECT_NE(
      error_of(R"({"task":"sums","messages":[{"role":"user"}],"expected":"1","candidates":[1]})").find("candidate"),
      std::string::npos);
  EXPECT_NE(error_of("").find("no case"), std::string::npos);
  EXPECT_NE(error_of("[]").find("task"), std::string::npos);
  EXPECT_FALSE(read_task_cases(folder_.path() / "missing.jsonl").ok());
}

}  // namespace
}  // namespace lathe::tasks
