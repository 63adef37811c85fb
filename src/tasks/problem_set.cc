#include "tasks/problem_set.h"

#include <span>
#include <utility>

#include "core/sha256.h"
#include "tokenizer/render.h"

namespace lathe::tasks {
namespace {

class CaseProblems : public ProblemSet {
 public:
  CaseProblems(std::vector<TaskCase> cases, std::vector<std::vector<int32_t>> prompts, std::string fingerprint)
      : cases_(std::move(cases)), prompts_(std::move(prompts)), fingerprint_(std::move(fingerprint)) {}
  int64_t size() const override { return static_cast<int64_t>(cases_.size()); }
  const std::vector<int32_t>& prompt(int64_t i) const override { return prompts_[static_cast<size_t>(i)]; }
  double reward(int64_t i, std::string_view answer) const override {
    return check(cases_[static_cast<size_t>(i)], answer) ? 1 : 0;
  }
  std::string fingerprint() const override { return fingerprint_; }

 private:
  std::vector<TaskCase> cases_;
  std::vector<std::vector<int32_t>> prompts_;
  std::string fingerprint_;
};

Result<std::vector<int32_t>> prompt_of(const TaskCase& task_case, const tokenizer::Tokenizer& tokenizer) {
  Json record = Json::object();
  record["messages"] = task_case.messages;
  LATHE_TRY(tokenizer::Conversation conversation, tokenizer::conversation_from_json(record));
  conversation.messages.push_back({tokenizer::Role::kAssistant, std::string()});
  return tokenizer::render_for_completion(tokenizer, conversation, int64_t{1} << 30);
}

}  // namespace

Result<std::unique_ptr<ProblemSet>> case_problems(std::vector<TaskCase> cases, const tokenizer::Tokenizer& tokenizer,
                                                  int64_t max_prompt) {
  if (cases.empty()) return error("no problems to learn from");
  std::vector<std::vector<int32_t>> prompts;
  Sha256 hash;
  for (const TaskCase& task_case : cases) {
    const auto at = [&] { return "problem " + std::to_string(prompts.size() + 1) + " of " + task_case.task + ": "; };
    if (const BuiltinTask* task = find_task(task_case.task); task != nullptr && task->scoring == Scoring::kCategorical)
      return error(at(), "its answer is one of the letters, not a text that could be sampled");
    Result<std::vector<int32_t>> prompt = prompt_of(task_case, tokenizer);
    if (!prompt.ok()) return error(at(), prompt.error().to_string());
    const auto length = static_cast<int64_t>(prompt.value().size());
    if (length >= max_prompt) return error(at(), length, " tokens leave no room for an answer within the ", max_prompt, " positions of the model");
    hash.update(task_case.expected + '\n');
    for (const int32_t id : prompt.value()) hash.update(std::to_string(id) + ' ');
    prompts.push_back(std::move(prompt.value()));
  }
  return std::unique_ptr<ProblemSet>(new CaseProblems(std::move(cases), std::move(prompts), hash.hex_digest()));
}

}  // namespace lathe::tasks
