#include "tasks/chat_tasks.h"

#include "tests/ref/testing.h"

namespace lathe::tasks {
namespace {

using testing::take;

class ChatTasks : public ::testing::Test {
 protected:
  const fs::path& base() const { return folder_.path(); }
  void write(const std::string& file, const std::string& text) { testing::check(write_file_atomic(base() / file, text)); }
  OpenedChatTask open(const std::string& name, int64_t limit = -1) { return take(open_chat_task(*find_chat_task(name), base(), limit)); }
  Judged judge(const EvaluationTask& task, size_t item, const std::string& output) {
    const EvaluationItem* const one = &task.items.at(item);
    return task.judge({&one, 1}, {&output, 1}).at(0);
  }
  TemporaryFolder folder_;
};

// C-7.25
TEST_F(ChatTasks, StandInTheOriginsOrder) {
  std::vector<std::string> names;
  for (const ChatTask& task : chat_tasks()) names.push_back(task.name);
  EXPECT_EQ(names, (std::vector<std::string>{"ARC-Easy", "ARC-Challenge", "MMLU", "GSM8K", "HumanEval", "SpellingBee"}));
  EXPECT_EQ(find_chat_task("ARC"), nullptr);
}

TEST_F(ChatTasks, AnAbsentSetNamesItsCommand) {
  for (const ChatTask& task : chat_tasks()) {
    const OpenedChatTask opened = open(task.name);
    EXPECT_FALSE(opened.task.has_value());
    EXPECT_NE(opened.absent.find("lathe download"), std::string::npos) << opened.absent;
  }
}

// C-7.33, C-7.44
TEST_F(ChatTasks, ALetterIsRightWhenItIsTheReferences) {
  write("hosted/arc/ARC-Challenge/test.jsonl", R"({"question":"q","choices":{"text":["a","b","c"],"label":["1","2","3"]},"answerKey":"2"})" "\n");
  const EvaluationTask task = open("ARC-Challenge").task.value();
  ASSERT_EQ(task.items.size(), 1u);
  EXPECT_EQ(task.scoring, Scoring::kCategorical);
  EXPECT_EQ(task.items[0].candidates, (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(task.items[0].conversation.messages.size(), 1u);
  EXPECT_EQ(task.items[0].question(), "Multiple Choice question: q\n- a=1\n- b=2\n- c=3\n\nRespond only with the letter of the correct answer.");
  EXPECT_DOUBLE_EQ(task.items[0].chance, 1.0 / 3);
  EXPECT_TRUE(judge(task, 0, "2").correct);
  EXPECT_FALSE(judge(task, 0, "1").correct);
  EXPECT_THROW(judge(task, 0, "A"), std::invalid_argument) << "none of the item's letters";
}

TEST_F(ChatTasks, SubjectsAreTheKindsOfMmlu) {
  std::string rows;
  for (int i = 0; i < 5; ++i) rows += R"({"question":"q)" + std::to_string(i) + R"(","subject":"law","choices":["a","b","c","d"],"answer":3})" "\n";
  write("hosted/mmlu/all/test.jsonl", rows);
  EXPECT_EQ(open("MMLU").task->items.size(), 5u);
  const EvaluationTask task = open("MMLU", 2).task.value();
  ASSERT_EQ(task.items.size(), 2u);
  EXPECT_EQ(task.items[1].index, 1);
  EXPECT_EQ(task.items[1].kind, "law");
  EXPECT_EQ(task.items[1].expected, "D");
}

// C-7.35
TEST_F(ChatTasks, NumbersAreComparedAsText) {
  write("hosted/gsm8k/main/test.jsonl", R"({"question":"q","answer":"1000+18 = <<1000+18=1018>>1018\n#### 1,018"})" "\n");
  const EvaluationTask task = open("GSM8K").task.value();
  EXPECT_EQ(task.items[0].expected, "1018");
  EXPECT_EQ(task.max_new_tokens, 512);
  EXPECT_TRUE(judge(task, 0, "so #### 1,018").correct);
  EXPECT_EQ(judge(task, 0, "so #### 1,018.").answer, "1018.");
  EXPECT_FALSE(judge(task, 0, "so #### 1,018.").correct);
  EXPECT_FALSE(judge(task, 0, "1018").correct);
}

TEST_F(ChatTasks, AProgramHasATestAndNoJudgeYet) {
  write("hosted/humaneval/openai_humaneval/test.jsonl", R"({"prompt":"def f():\n","canonical_solution":"  return 1","entry_point":"f","test":"def check(c): assert c() == 1"})" "\n");
  const EvaluationTask task = open("HumanEval").task.value();
  EXPECT_FALSE(task.judge);
  EXPECT_FALSE(task.comparable_answers);
  EXPECT_EQ(task.items[0].entry_point, "f");
  EXPECT_EQ(task.items[0].test, "def check(c): assert c() == 1");
  EXPECT_EQ(task.items[0].question(), "def f():\n");
}

// C-7.25: size 256 of the test split.
TEST_F(ChatTasks, SpellingBeeIsMadeFromTheWords) {
  write("words_alpha.txt", "apple\nbanana\ncherry\n");
  const EvaluationTask task = open("SpellingBee").task.value();
  ASSERT_EQ(task.items.size(), 256u);
  EXPECT_EQ(task.items[255].index, 255);
  for (const EvaluationItem& item : task.items) EXPECT_TRUE(judge(task, static_cast<size_t>(item.index), "#### " + item.expected).correct);
  EXPECT_EQ(open("SpellingBee", 3).task->items.size(), 3u);
}

TEST_F(ChatTasks, AFileOfAnotherFormIsAnError) {
  write("hosted/gsm8k/main/test.jsonl", "{\"question\": 3}\n");
  const auto opened = open_chat_task(*find_chat_task("GSM8K"), base());
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.error().to_string().find("test.jsonl"), std::string::npos) << opened.error().to_string();
}

}  // namespace
}  // namespace lathe::tasks
