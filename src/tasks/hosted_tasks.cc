#include "tasks/hosted_tasks.h"

#include <algorithm>

#include "core/check.h"
#include "data/hosted_set.h"
#include "tasks/multiple_choice.h"

namespace lathe::tasks {
namespace {

using tokenizer::Part;
using tokenizer::PartType;
using tokenizer::Role;

struct TaskName {
  const char* name;
  const char* download;  // below <base>/hosted
  const char* subset;
};
constexpr TaskName kTasks[] = {{"smoltalk", "smol-smoltalk", ""}, {"mmlu", "mmlu", "all"}, {"arc", "arc", "ARC-Easy"}, {"gsm8k", "gsm8k", "main"},
                                 {"humaneval", "humaneval", "openai_humaneval"}};

Result<std::string> text_of(const Json& row, const char* key) {
  const Json* value = row.find(key);
  if (value == nullptr || !value->is_string()) return error("\"", key, "\" must be a string");
  return value->as_string();
}

Result<std::vector<std::string>> texts_of(const Json& row, const char* key) {
  const Json* value = row.find(key);
  if (value == nullptr || !value->is_array()) return error("\"", key, "\" must be a list of strings");
  std::vector<std::string> texts;
  for (const Json& item : value->as_array()) {
    if (!item.is_string()) return error("\"", key, "\" must be a list of strings");
    texts.push_back(item.as_string());
  }
  return texts;
}

Example choice_example(const std::string& question, const std::vector<std::string>& letters, const std::vector<std::string>& choices,
                       const std::string& answer) {
  Example example;
  example.conversation.messages = {{Role::kUser, render_multiple_choice(question, letters, choices)}, {Role::kAssistant, answer}};
  Json list = Json::array();
  for (const std::string& letter : letters) list.push_back(letter);
  example.about["letters"] = std::move(list);
  return example;
}

Result<Example> smoltalk(const Json& row) {
  Example example;
  LATHE_TRY(example.conversation, tokenizer::conversation_from_json(row));
  for (size_t i = 0; i < example.conversation.messages.size(); ++i)
    if (!std::holds_alternative<std::string>(example.conversation.messages[i].content)) return error("message ", i, ": content must be a string");
  LATHE_TRY_STATUS(check_turns(example.conversation));
  return example;
}

Result<Example> mmlu(const Json& outer) {
  const Json* nested = outer.find("train");
  const Json& row = nested != nullptr && nested->is_object() ? *nested : outer;
  static const std::vector<std::string> kLetters = {"A", "B", "C", "D"};
  LATHE_TRY(const std::string question, text_of(row, "question"));
  LATHE_TRY(const std::vector<std::string> choices, texts_of(row, "choices"));
  if (choices.size() != kLetters.size()) return error("has ", choices.size(), " choices instead of ", kLetters.size());
  const Json* answer = row.find("answer");
  if (answer == nullptr || !answer->is_int() || answer->as_int() < 0 || answer->as_int() >= std::ssize(kLetters)) return error("\"answer\" must be 0, 1, 2 or 3");
  Example example = choice_example(question, kLetters, choices, kLetters[static_cast<size_t>(answer->as_int())]);
  example.about["subject"] = row.get_string("subject", "");
  return example;
}

Result<Example> arc(const Json& row) {
  LATHE_TRY(const std::string question, text_of(row, "question"));
  const Json* choices = row.find("choices");
  if (choices == nullptr || !choices->is_object()) return error("\"choices\" must be an object with \"text\" and \"label\"");
  LATHE_TRY(const std::vector<std::string> texts, texts_of(*choices, "text"));
  LATHE_TRY(const std::vector<std::string> labels, texts_of(*choices, "label"));
  if (texts.empty() || texts.size() != labels.size()) return error("has ", texts.size(), " choices and ", labels.size(), " labels");
  LATHE_TRY(const std::string answer, text_of(row, "answerKey"));
  if (std::find(labels.begin(), labels.end(), answer) == labels.end()) return error("the answer \"", answer, "\" is none of the labels");
  return choice_example(question, labels, texts, answer);
}

Result<Example> gsm8k(const Json& row) {
  LATHE_TRY(const std::string question, text_of(row, "question"));
  LATHE_TRY(const std::string answer, text_of(row, "answer"));
  Example example;
  example.conversation.messages = {{Role::kUser, question}, {Role::kAssistant, calculator_parts(answer)}};
  return example;
}

// The answer is what the origin trains on and nothing that is judged by: prompt, line end, canonical solution (row C-7.45).
Result<Example> human_eval(const Json& row) {
  LATHE_TRY(const std::string prompt, text_of(row, "prompt"));
  LATHE_TRY(const std::string solution, text_of(row, "canonical_solution"));
  Example example;
  example.conversation.messages = {{Role::kUser, prompt}, {Role::kAssistant, prompt + "\n" + solution}};
  for (const char* key : {"entry_point", "test"}) {
    LATHE_TRY(std::string text, text_of(row, key));
    example.about[key] = std::move(text);
  }
  return example;
}

class HostedConversations : public ConversationSet {
 public:
  HostedConversations(HostedTask task, std::unique_ptr<data::HostedSet> rows) : task_(task), rows_(std::move(rows)) {}
  int64_t size() const override { return rows_->size(); }
  Result<Example> get(int64_t index) const override {
    LATHE_TRY(const Json row, rows_->row(index));
    Result<Example> example = hosted_example(task_, row);
    if (!example.ok()) return rows_->error_in(index, example.error().message);
    return example;
  }

 private:
  HostedTask task_;
  std::unique_ptr<data::HostedSet> rows_;
};

}  // namespace

std::optional<HostedTask> find_hosted_task(std::string_view name) {
  for (size_t i = 0; i < std::size(kTasks); ++i)
    if (name == kTasks[i].name) return static_cast<HostedTask>(i);
  return std::nullopt;
}

Result<std::vector<fs::path>> hosted_task_files(HostedTask task, const fs::path& base, const fs::path& folder, std::string subset,
                                                const std::string& split) {
  const TaskName& names = kTasks[static_cast<size_t>(task)];
  if (subset.empty()) subset = names.subset;
  if (subset == "auxiliary_train" && split != "train") return error("auxiliary_train of mmlu has the split \"train\" alone, not \"", split, "\"");
  return data::hosted_files(folder.empty() ? base / "hosted" / names.download : folder, subset, split);
}

Result<ConversationSetPtr> open_hosted_task(HostedTask task, const std::vector<fs::path>& files) {
  LATHE_TRY(auto rows, data::HostedSet::open(files));
  if (rows->size() == 0) return error_at(files.empty() ? "" : files[0].string(), -1, "holds no row");
  auto set = std::make_shared<HostedConversations>(task, std::move(rows));
  LATHE_TRY(const Example first, set->get(0));  // shows whether it is the right set before a model is built
  return ConversationSetPtr(std::move(set));
}

Result<Example> hosted_example(HostedTask task, const Json& row) {
  switch (task) {
    case HostedTask::kSmolTalk: return smoltalk(row);
    case HostedTask::kMmlu: return mmlu(row);
    case HostedTask::kArc: return arc(row);
    case HostedTask::kGsm8k: return gsm8k(row);
    case HostedTask::kHumanEval: return human_eval(row);
  }
  return error("unknown task");
}

std::vector<Part> calculator_parts(std::string_view answer) {
  std::vector<Part> parts;
  size_t done = 0;
  for (size_t open = answer.find("<<"); open != answer.npos;) {
    const size_t close = answer.find('>', open + 2);
    // At least one character and then ">>", as the origin's pattern wants it.
    if (close == answer.npos || close == open + 2 || answer.substr(close, 2) != ">>") {
      open = answer.find("<<", open + 1);
      continue;
    }
    const std::string_view inner = answer.substr(open + 2, close - open - 2);
    const size_t equals = inner.rfind('=');
    parts.push_back({PartType::kText, std::string(answer.substr(done, open - done))});
    parts.push_back({PartType::kPython, std::string(inner.substr(0, equals))});
    parts.push_back({PartType::kPythonOutput, equals == inner.npos ? "" : std::string(inner.substr(equals + 1))});
    done = close + 2;
    open = answer.find("<<", done);
  }
  parts.push_back({PartType::kText, std::string(answer.substr(done))});
  return parts;
}

}  // namespace lathe::tasks
