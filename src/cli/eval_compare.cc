// lathe eval compare: two models on the same items, task by task, with a paired test.
#include "cli/results_choice.h"
#include "cli/verbs.h"
#include "eval/compare_answers.h"

namespace lathe::cli {
namespace {

class EvalCompare : public Verb {
 public:
  VerbInfo info() const override {
    VerbInfo info{"eval compare", "judge", "two models on the same items: difference, interval, p", "lathe eval compare d6/sft d6/rl", "A B", 2};
    info.min_operands = 2;
    return info;
  }
  void describe(SettingsTable& table) override {
    table.add("task", &tasks_, "names joined by |; empty: all that both have").short_flag = 'a';
    table.add("items", &items_, "numbers of the items that one alone has right, so many at most").short_flag = 'n';
  }
  Result<Exit> run(Context& context) override;

 private:
  bool wanted(const std::string& task) const;
  std::string numbers(const std::vector<int64_t>& items) const;

  std::string tasks_;
  int64_t items_ = 10;
};

bool EvalCompare::wanted(const std::string& task) const {
  if (tasks_.empty()) return true;
  for (const std::string& name : split_text(tasks_, '|'))
    if (name == task) return true;
  return false;
}

std::string EvalCompare::numbers(const std::vector<int64_t>& items) const {
  std::string out;
  for (size_t i = 0; i < items.size() && static_cast<int64_t>(i) < items_; ++i) out += (out.empty() ? "" : " ") + std::to_string(items[i]);
  if (std::ssize(items) > items_) out += join_text(" ... (", items.size(), ")");
  return out.empty() ? "none" : out;
}

Result<Exit> EvalCompare::run(Context& context) {
  LATHE_TRY(const fs::path base, context.base_folder());
  LATHE_TRY(const fs::path path_a, results_path(base, context.operands()[0]));
  LATHE_TRY(const fs::path path_b, results_path(base, context.operands()[1]));
  LATHE_TRY(const std::vector<eval::AnswerFile> a, eval::read_answer_files(path_a));
  LATHE_TRY(const std::vector<eval::AnswerFile> b, eval::read_answer_files(path_b));
  std::error_code code;
  const bool files = !fs::is_directory(path_a, code) && !fs::is_directory(path_b, code);  // named one by one: whatever they are called

  std::vector<eval::TaskComparison> tasks;
  for (const eval::AnswerFile& mine : a)
    for (const eval::AnswerFile& other : b) {
      if ((!files && mine.task != other.task) || !wanted(mine.task)) continue;
      LATHE_TRY(eval::TaskComparison task, eval::compare_answers(mine, other));
      tasks.push_back(std::move(task));
    }
  if (tasks.empty()) return error(path_a.string(), " and ", path_b.string(), " have no task in common", tasks_.empty() ? "" : " among " + tasks_);

  context.print("A: ", path_a.string(), "\nB: ", path_b.string());
  for (const std::string& line : eval::comparison_table(tasks)) context.print(line);
  Json by_task = Json::object();
  for (const eval::TaskComparison& task : tasks) {
    if (task.outcomes && items_ > 0) context.print(task.task, ": right in A alone: ", numbers(task.only_a), "; in B alone: ", numbers(task.only_b));
    if (task.without_a + task.without_b > 0) context.print(task.task, ": left out, ", task.without_b, " items that only A answered and ", task.without_a, " that only B did");
    by_task[task.task] = task.to_json();
  }
  return context.finish(Json(Json::Object{{"a", path_a.string()}, {"b", path_b.string()}, {"tasks", std::move(by_task)}}));
}

}  // namespace

std::unique_ptr<Verb> make_eval_compare() { return std::make_unique<EvalCompare>(); }

}  // namespace lathe::cli
