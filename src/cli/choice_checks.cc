#include "cli/choice_checks.h"

#include "core/text.h"
#include "eval/task_score.h"
#include "infer/transformer_model.h"
#include "tasks/chat_tasks.h"

namespace lathe::cli {

Status print_choice_checks(Context& context, const fs::path& base, model::Transformer& model, const tokenizer::Tokenizer& tokenizer, int64_t step,
                           int64_t problems) {
  infer::TransformerModel language_model(model);
  infer::Engine engine(language_model, tokenizer);
  std::string line;
  for (const char* name : {"MMLU", "ARC-Easy"}) {
    LATHE_TRY(const tasks::OpenedChatTask opened, tasks::open_chat_task(*tasks::find_chat_task(name), base, problems));
    if (!opened.task) continue;
    LATHE_TRY(const eval::TaskScore score, eval::score_task(engine, *opened.task));
    line += join_text(line.empty() ? "" : " | ", name, " accuracy: ", format_text("%.4f", score.accuracy));
  }
  if (!line.empty()) context.print(format_text("Step %05lld | ", static_cast<long long>(step)), line);
  return {};
}

}  // namespace lathe::cli
