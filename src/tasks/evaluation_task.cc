#include "tasks/evaluation_task.h"

#include "core/check.h"

namespace lathe::tasks {

const std::string& EvaluationItem::question() const {
  require(!conversation.messages.empty() && std::holds_alternative<std::string>(conversation.messages.back().content),
          "[evaluation] an item must end with the user's question");
  return std::get<std::string>(conversation.messages.back().content);
}

Judge each_judge(std::function<Judged(const EvaluationItem&, std::string_view)> judge) {
  return [judge = std::move(judge)](std::span<const EvaluationItem* const> items, std::span<const std::string> outputs) {
    std::vector<Judged> out;
    for (size_t i = 0; i < items.size(); ++i) out.push_back(judge(*items[i], outputs[i]));
    return out;
  };
}

Result<EvaluationTask> builtin_evaluation(const BuiltinTask& task, std::span<const TaskCase> cases) {
  EvaluationTask out;
  out.name = task.name;
  out.title = task.title;
  out.scoring = task.scoring;
  out.max_new_tokens = task.max_new_tokens;
  for (const TaskCase& task_case : cases) {
    EvaluationItem item;
    item.index = static_cast<int64_t>(out.items.size());
    item.kind = task_case.kind;
    Json record = Json::object();
    record["messages"] = task_case.messages;
    Result<tokenizer::Conversation> conversation = tokenizer::conversation_from_json(record);
    if (!conversation.ok()) return error("case ", item.index + 1, " of ", task.name, ": ", conversation.error().to_string());
    item.conversation = std::move(conversation).value();
    item.expected = task_case.expected;
    item.candidates = task_case.candidates;
    item.chance = guess_chance(task_case);
    out.items.push_back(std::move(item));
  }
  out.judge = each_judge([name = task.name](const EvaluationItem& item, std::string_view output) {
    const TaskCase judged{name, item.kind, {}, item.expected, item.candidates};
    return Judged{extracted_answer(judged, output), check(judged, output), ""};
  });
  return out;
}

}  // namespace lathe::tasks
