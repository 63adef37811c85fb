#include "eval/code_judge.h"

#include "tasks/human_eval.h"

namespace lathe::eval {

tasks::Judge code_judge(sandbox::Sandbox box, const sandbox::Limits& limits) {
  return [box = std::move(box), limits](std::span<const tasks::EvaluationItem* const> items, std::span<const std::string> outputs) {
    std::vector<sandbox::CheckedProgram> programs;
    for (size_t i = 0; i < items.size(); ++i)
      programs.push_back({tasks::human_eval_program(items[i]->question(), outputs[i]), items[i]->test, items[i]->entry_point, items[i]->question()});
    const std::vector<sandbox::Outcome> outcomes = box.run_all(programs, limits);
    std::vector<tasks::Judged> out;
    for (size_t i = 0; i < items.size(); ++i)
      out.push_back({tasks::extract_code(outputs[i]), outcomes[i].success, outcomes[i].success ? "" : outcomes[i].error.value_or("ended without a result")});
    return out;
  };
}

}  // namespace lathe::eval
