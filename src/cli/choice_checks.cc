#include "cli/choice_checks.h"

#include <algorithm>

#include "core/text.h"
#include "eval/task_score.h"
#include "infer/transformer_model.h"
#include "tasks/hosted_tasks.h"
#include "tokenizer/render.h"

namespace lathe::cli {
namespace {

struct Check {
  const char* name;
  tasks::HostedTask task;
  const char* subset;
};
constexpr Check kChecks[] = {{"MMLU", tasks::HostedTask::kMmlu, "all"}, {"ARC-Easy", tasks::HostedTask::kArc, "ARC-Easy"}};

Result<double> accuracy(infer::Engine& engine, const tasks::ConversationSet& set, int64_t problems) {
  int64_t correct = 0;
  problems = std::min(problems, set.size());
  for (int64_t i = 0; i < problems; ++i) {
    LATHE_TRY(const tasks::Example example, set.get(i));
    LATHE_TRY(const std::vector<int32_t> prompt, tokenizer::render_for_completion(engine.tokenizer(), example.conversation, engine.model().context_limit() - 1));
    std::vector<std::string> letters;
    for (const Json& letter : example.about.at("letters").as_array()) letters.push_back(letter.as_string());
    LATHE_TRY(const std::vector<float> logits, eval::letter_logits(engine, prompt, letters));
    const auto best = static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    correct += letters[best] == std::get<std::string>(example.conversation.messages.back().content);
  }
  return static_cast<double>(correct) / static_cast<double>(problems);
}

}  // namespace

Status print_choice_checks(Context& context, const fs::path& base, model::Transformer& model, const tokenizer::Tokenizer& tokenizer, int64_t step,
                           int64_t problems) {
  infer::TransformerModel language_model(model);
  infer::Engine engine(language_model, tokenizer);
  std::string line;
  for (const Check& check : kChecks) {
    const auto files = tasks::hosted_task_files(check.task, base, "", check.subset, "test");
    if (!files.ok()) continue;
    LATHE_TRY(const tasks::ConversationSetPtr set, tasks::open_hosted_task(check.task, files.value()));
    LATHE_TRY(const double share, accuracy(engine, *set, problems));
    line += join_text(line.empty() ? "" : " | ", check.name, " accuracy: ", format_text("%.4f", share));
  }
  if (!line.empty()) context.print(format_text("Step %05lld | ", static_cast<long long>(step)), line);
  return {};
}

}  // namespace lathe::cli
