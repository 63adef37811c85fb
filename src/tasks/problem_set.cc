#include "tasks/problem_set.h"

#include <functional>
#include <utility>

#include "core/sha256.h"
#include "core/text.h"
#include "tasks/answer_reward.h"
#include "tasks/hosted_tasks.h"
#include "tasks/synth.h"
#include "tokenizer/render.h"

namespace lathe::tasks {
namespace {

using Judge = std::function<bool(std::string_view answer)>;

// Problems are held rendered: they are few, and each is asked many times.
class RenderedProblems : public ProblemSet {
 public:
  int64_t size() const override { return static_cast<int64_t>(problems_.size()); }
  const std::vector<int32_t>& prompt(int64_t i) const override { return problems_[static_cast<size_t>(i)].prompt; }
  double reward(int64_t i, std::string_view answer) const override { return problems_[static_cast<size_t>(i)].judge(answer) ? 1 : 0; }
  std::string fingerprint() const override { return fingerprint_; }

  // conversation ends with the assistant's turn, which is not part of the prompt.
  Status add(const tokenizer::Tokenizer& tokenizer, const tokenizer::Conversation& conversation, int64_t max_prompt, const std::string& expected,
             Judge judge) {
    const Result<std::vector<int32_t>> prompt = tokenizer::render_for_completion(tokenizer, conversation, int64_t{1} << 30);
    if (!prompt.ok()) return error("problem ", size() + 1, ": ", prompt.error().to_string());
    const auto length = static_cast<int64_t>(prompt.value().size());
    if (length >= max_prompt)
      return error("problem ", size() + 1, ": ", length, " tokens leave no room for an answer within the ", max_prompt, " positions of the model");
    hash_.update(expected + '\n');
    for (const int32_t id : prompt.value()) hash_.update(std::to_string(id) + ' ');
    problems_.push_back({prompt.value(), std::move(judge)});
    return {};
  }
  Result<std::unique_ptr<ProblemSet>> finish(std::unique_ptr<RenderedProblems> self) {
    if (problems_.empty()) return error("no problems to answer");
    fingerprint_ = hash_.hex_digest();
    return std::unique_ptr<ProblemSet>(std::move(self));
  }

 private:
  struct Problem {
    std::vector<int32_t> prompt;
    Judge judge;
  };
  std::vector<Problem> problems_;
  Sha256 hash_;
  std::string fingerprint_;
};

std::string known_tasks() {
  std::string list = "gsm8k";
  for (const BuiltinTask& task : builtin_tasks())
    if (task.scoring == Scoring::kGenerative) list += ", " + task.name;
  return list;
}

}  // namespace

Result<std::unique_ptr<ProblemSet>> case_problems(const std::vector<TaskCase>& cases, const tokenizer::Tokenizer& tokenizer,
                                                  int64_t max_prompt) {
  auto set = std::make_unique<RenderedProblems>();
  for (const TaskCase& task_case : cases) {
    if (const BuiltinTask* task = find_task(task_case.task); task != nullptr && task->scoring == Scoring::kCategorical)
      return error("the answer to ", task_case.task, " is one of the letters, not a text that could be sampled");
    Json record = Json::object();
    record["messages"] = task_case.messages;
    LATHE_TRY(tokenizer::Conversation conversation, tokenizer::conversation_from_json(record));
    conversation.messages.push_back({tokenizer::Role::kAssistant, std::string()});
    LATHE_TRY_STATUS(set->add(tokenizer, conversation, max_prompt, task_case.expected,
                              [task_case](std::string_view answer) { return check(task_case, answer); }));
  }
  RenderedProblems& problems = *set;
  return problems.finish(std::move(set));
}

Result<std::unique_ptr<ProblemSet>> number_problems(const ConversationSet& conversations, const tokenizer::Tokenizer& tokenizer,
                                                    int64_t max_prompt) {
  auto set = std::make_unique<RenderedProblems>();
  for (int64_t i = 0; i < conversations.size(); ++i) {
    LATHE_TRY(const Example example, conversations.get(i));
    const tokenizer::Conversation& conversation = example.conversation;
    LATHE_TRY_STATUS(check_turns(conversation));
    LATHE_TRY_STATUS(set->add(tokenizer, conversation, max_prompt, tokenizer::conversation_to_json(conversation).dump(),
                              [conversation](std::string_view answer) { return number_reward(conversation, answer) > 0; }));
  }
  RenderedProblems& problems = *set;
  return problems.finish(std::move(set));
}

Result<std::unique_ptr<ProblemSet>> open_problems(const ProblemSource& source, const tokenizer::Tokenizer& tokenizer, int64_t max_prompt) {
  if (source.task == "gsm8k") {
    const std::string split = source.split == Split::kTrain ? "train" : "test";
    LATHE_TRY(const std::vector<fs::path> files, hosted_task_files(HostedTask::kGsm8k, source.base, source.folder, "main", split));
    LATHE_TRY(const ConversationSetPtr set, open_hosted_task(HostedTask::kGsm8k, files));
    return number_problems(*set, tokenizer, max_prompt);
  }
  if (source.count < 1 || source.count > 4000) return error("problems: ", source.count, " of each task; choose 1 to 4000");
  std::vector<std::vector<TaskCase>> by_task;
  for (const std::string& name : split_text(source.task, '|')) {
    const BuiltinTask* task = find_task(name);
    if (task == nullptr || task->scoring != Scoring::kGenerative)
      return error("task \"", name, "\" is not one to be learned by trying; there are ", known_tasks());
    by_task.push_back(synth_cases(name, source.split, source.count, source.seed));
  }
  std::vector<TaskCase> cases;
  for (size_t i = 0; i < static_cast<size_t>(source.count); ++i)
    for (const std::vector<TaskCase>& task : by_task) cases.push_back(task[i]);
  return case_problems(cases, tokenizer, max_prompt);
}

}  // namespace lathe::tasks
