#include "tasks/answer_reward.h"
#include "tasks/hosted_tasks.h"
#include "tests/ref/testing.h"

namespace lathe::tasks {
namespace {

using testing::take;

// The rows of the test set in the file's order.
std::vector<tokenizer::Conversation> gsm8k_test() {
  const fs::path path = testing::real_data("chat_eval") / "gsm8k/test.jsonl";
  std::vector<tokenizer::Conversation> out;
  for (const Json& row : testing::read_jsonl(path)) out.push_back(take(hosted_example(HostedTask::kGsm8k, row)).conversation);
  return out;
}

// C-7.34
TEST(HostedTasksGolden, SumsWithToolPartsAreTheReferences) {
  const auto path = testing::golden("eval") / "gsm8k_conversations.jsonl";
  LATHE_NEEDS(path);
  LATHE_NEEDS(testing::real_data("chat_eval"));
  const auto all = gsm8k_test();
  const std::vector<Json> rows = testing::read_jsonl(path);
  ASSERT_FALSE(rows.empty());
  for (const Json& row : rows)
    EXPECT_EQ(all.at(static_cast<size_t>(row.at("question_row").as_int())), take(tokenizer::conversation_from_json(row))) << row.at("question_row").as_int();
}

// C-7.35, C-8.29
TEST(HostedTasksGolden, RewardsAreTheReferences) {
  const auto path = testing::golden("eval") / "gsm8k_rewards.jsonl";
  LATHE_NEEDS(path);
  LATHE_NEEDS(testing::real_data("chat_eval"));
  const auto all = gsm8k_test();
  const std::vector<Json> rows = testing::read_jsonl(path);
  ASSERT_FALSE(rows.empty());
  for (const Json& row : rows)
    EXPECT_EQ(number_reward(all.at(static_cast<size_t>(row.at("question_row").as_int())), row.at("completion").as_string()), row.at("reward").as_double())
        << row.at("completion").as_string();
}

}  // namespace
}  // namespace lathe::tasks
