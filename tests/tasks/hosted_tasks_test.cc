#include "tasks/hosted_tasks.h"

#include "tasks/answer_reward.h"
#include "tests/ref/testing.h"

namespace lathe::tasks {
namespace {

using testing::check;
using testing::take;
using tokenizer::Part;
using tokenizer::PartType;

Json json(const char* text) { return take(parse_json(text)); }
std::string fault(HostedTask task, const char* row) {
  const auto example = hosted_example(task, json(row));
  return example.ok() ? "" : example.error().message;
}

// C-7.34
TEST(HostedTasks, MarkedSumsBecomeCallsAndResults) {
  EXPECT_EQ(calculator_parts("a <<1+1=2>>2"), (std::vector<Part>{{PartType::kText, "a "}, {PartType::kPython, "1+1"}, {PartType::kPythonOutput, "2"}, {PartType::kText, "2"}}));
  EXPECT_EQ(calculator_parts("<<1=1=1>>"), (std::vector<Part>{{PartType::kText, ""}, {PartType::kPython, "1=1"}, {PartType::kPythonOutput, "1"}, {PartType::kText, ""}}));
  EXPECT_EQ(calculator_parts("<<5>>"), (std::vector<Part>{{PartType::kText, ""}, {PartType::kPython, "5"}, {PartType::kPythonOutput, ""}, {PartType::kText, ""}}));
  for (const char* plain : {"", "2 << 3", "<<>>", "<<1>2>>", "<<1=1", "<<1=1>"}) EXPECT_EQ(calculator_parts(plain), (std::vector<Part>{{PartType::kText, plain}})) << plain;
}

// C-7.33
TEST(HostedTasks, MmluHasFourChoicesAndItsTrainingRowsLieDeeper) {
  const char* row = R"({"question":"q","subject":"s","choices":["a","b","c","d"],"answer":2})";
  const Example example = take(hosted_example(HostedTask::kMmlu, json(row)));
  EXPECT_EQ(std::get<std::string>(example.conversation.messages[1].content), "C");
  EXPECT_EQ(example.about.dump(), json(R"({"letters":["A","B","C","D"],"subject":"s"})").dump());
  const Example nested = take(hosted_example(HostedTask::kMmlu, json((std::string(R"({"train":)") + row + "}").c_str())));
  EXPECT_EQ(nested.conversation, example.conversation);
  EXPECT_NE(fault(HostedTask::kMmlu, R"({"question":"q","choices":["a","b","c"],"answer":2})").find("3 choices"), std::string::npos);
  EXPECT_NE(fault(HostedTask::kMmlu, R"({"question":"q","choices":["a","b","c","d"],"answer":4})"), "");
  EXPECT_FALSE(hosted_task_files(HostedTask::kMmlu, "/base", "", "auxiliary_train", "test").ok());
}

// C-7.33
TEST(HostedTasks, ArcKeepsTheLabelsOfItsRows) {
  const Example example = take(hosted_example(HostedTask::kArc, json(R"({"question":"q","choices":{"text":["a","b"],"label":["1","2"]},"answerKey":"2"})")));
  EXPECT_EQ(std::get<std::string>(example.conversation.messages[1].content), "2");
  EXPECT_EQ(example.about.dump(), json(R"({"letters":["1","2"]})").dump());
  EXPECT_NE(fault(HostedTask::kArc, R"({"question":"q","choices":{"text":["a","b"],"label":["1","2"]},"answerKey":"C"})").find("none of the labels"), std::string::npos);
  EXPECT_NE(fault(HostedTask::kArc, R"({"question":"q","choices":{"text":["a"],"label":["1","2"]},"answerKey":"1"})"), "");
}

// C-8.22
TEST(HostedTasks, SmolTalkIsCheckedAndKeepsItsSystemMessage) {
  const char* row = R"({"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}],"source":"x"})";
  EXPECT_EQ(take(hosted_example(HostedTask::kSmolTalk, json(row))).conversation.messages.size(), 3u);
  EXPECT_NE(fault(HostedTask::kSmolTalk, R"({"messages":[{"role":"user","content":"u"},{"role":"user","content":"a"}]})").find("message 1"), std::string::npos);
  EXPECT_NE(fault(HostedTask::kSmolTalk, R"({"messages":[{"role":"user","content":"u"},{"role":"assistant","content":[{"type":"text","text":"a"}]}]})").find("must be a string"), std::string::npos);
}

TEST(HostedTasks, ARowOfAnotherSetNamesFileAndLine) {
  const TemporaryFolder folder;
  check(write_file_atomic(folder.path() / "hosted/gsm8k/main/train.jsonl", "{\"question\": \"q\"}\n"));
  const auto set = open_hosted_task(HostedTask::kGsm8k, take(hosted_task_files(HostedTask::kGsm8k, folder.path(), "", "", "train")));
  ASSERT_FALSE(set.ok());
  EXPECT_NE(set.error().to_string().find("train.jsonl: line 1: \"answer\""), std::string::npos) << set.error().to_string();
  const auto missing = hosted_task_files(HostedTask::kSmolTalk, folder.path(), "", "", "train");
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().message.find("lathe download smol-smoltalk"), std::string::npos);
}

// C-8.29
TEST(HostedTasks, ARewardIsOneOrZero) {
  const auto gold = take(hosted_example(HostedTask::kGsm8k, json(R"({"question":"q","answer":"x <<500+500=1000>>1000\n#### 1,000"})"))).conversation;
  EXPECT_EQ(number_reward(gold, "so #### 1000"), 1.0);
  EXPECT_EQ(number_reward(gold, "#### 1,000 #### 7"), 1.0);
  EXPECT_EQ(number_reward(gold, "#### 1000."), 0.0);
  EXPECT_EQ(number_reward(gold, "1000"), 0.0);
  tokenizer::Conversation without = gold;
  without.messages.back().content = "no number";
  EXPECT_EQ(number_reward(without, "no number"), 0.0);
}

// C-1.17
TEST(HostedTasks, TheRealSetsAreReadWhole) {
  const fs::path root = testing::real_data("chat_eval");
  LATHE_NEEDS(root);
  struct Real {
    HostedTask task;
    const char* file;
    int64_t rows;
  };
  for (const Real& real : {Real{HostedTask::kGsm8k, "gsm8k/train.jsonl.zst", 7473}, Real{HostedTask::kGsm8k, "gsm8k/test.jsonl", 1319}, Real{HostedTask::kMmlu, "mmlu/test.jsonl.zst", 14042},
                           Real{HostedTask::kArc, "arc/ARC-Easy-Train.jsonl", 2251}, Real{HostedTask::kArc, "arc/ARC-Challenge-Train.jsonl", 1119}}) {
    const auto set = take(open_hosted_task(real.task, {root / real.file}));
    ASSERT_EQ(set->size(), real.rows);
    for (int64_t i = 0; i < set->size(); ++i) {
      const Example example = take(set->get(i));
      check(check_turns(example.conversation));
      // The worked answer is worth its own reward.
      if (real.task != HostedTask::kGsm8k) continue;
      ASSERT_EQ(number_reward(example.conversation, std::get<std::vector<Part>>(example.conversation.messages[1].content).back().text), 1.0) << i;
    }
  }
}

}  // namespace
}  // namespace lathe::tasks
