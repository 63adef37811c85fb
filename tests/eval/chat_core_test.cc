#include "eval/chat_core.h"

#include <gtest/gtest.h>

#include "tasks/chat_tasks.h"

namespace lathe::testing {
namespace {

// C-7.30
TEST(ChatCore, NeedsAllSixSets) {
  std::vector<eval::TaskScore> scores;
  for (const tasks::ChatTask& task : tasks::chat_tasks()) {
    EXPECT_FALSE(eval::chat_core(scores).has_value()) << "before " << task.name;
    eval::TaskScore score;
    score.task = task.name;
    score.n = 4;
    score.accuracy = 0.5;
    scores.push_back(score);
  }
  EXPECT_DOUBLE_EQ(eval::chat_core(scores).value(), (3 * (0.25 / 0.75) + 3 * 0.5) / 6);
  scores[4].n = 0;
  EXPECT_FALSE(eval::chat_core(scores).has_value()) << "a set without items was not run";
}

}  // namespace
}  // namespace lathe::testing
