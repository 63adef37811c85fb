#include "eval/chat_core.h"

#include <algorithm>

#include "tasks/chat_tasks.h"

namespace lathe::eval {

std::optional<double> chat_core(std::span<const TaskScore> scores) {
  double sum = 0;
  for (const tasks::ChatTask& task : tasks::chat_tasks()) {
    const auto score = std::find_if(scores.begin(), scores.end(), [&](const TaskScore& s) { return s.task == task.name; });
    if (score == scores.end() || score->n == 0) return std::nullopt;
    sum += (score->accuracy - task.baseline) / (1 - task.baseline);
  }
  return sum / static_cast<double>(tasks::chat_tasks().size());
}

}  // namespace lathe::eval
