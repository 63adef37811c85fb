#include "eval/chat_core.h"

#include "tasks/chat_tasks.h"
#include "tests/ref/testing.h"

namespace lathe::testing {
namespace {

eval::TaskScore score_of(const std::string& task, double accuracy) {
  eval::TaskScore score;
  score.task = task;
  score.n = 1;
  score.accuracy = accuracy;
  return score;
}

// C-7.30
TEST(ChatCoreGolden, IsTheMeanAboveTheBaselines) {
  const std::filesystem::path file = golden("eval") / "chatcore.json";
  LATHE_NEEDS(file);
  const Json json = read_json_or_fail(file);
  for (const auto& [name, baseline] : json.at("baselines").as_object()) {
    const tasks::ChatTask* task = tasks::find_chat_task(name);
    ASSERT_NE(task, nullptr) << name;
    EXPECT_EQ(task->baseline, baseline.as_double()) << name;
  }
  ASSERT_GT(json.at("rows").size(), 0u);
  for (const Json& row : json.at("rows").as_array()) {
    std::vector<eval::TaskScore> scores;
    for (const auto& [name, accuracy] : row.at("accuracies").as_object()) scores.push_back(score_of(name, accuracy.as_double()));
    EXPECT_NEAR(eval::chat_core(scores).value(), row.at("chatcore").as_double(), 1e-12);
  }
}

}  // namespace
}  // namespace lathe::testing
