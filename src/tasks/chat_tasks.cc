#include "tasks/chat_tasks.h"

#include <algorithm>

#include "core/check.h"
#include "tasks/answer_reward.h"
#include "tasks/hosted_tasks.h"
#include "tasks/spelling.h"

namespace lathe::tasks {
namespace {

enum class Kind { kChoice, kNumber, kProgram };

struct Source {
  Kind kind;
  std::optional<HostedTask> hosted;  // none: SpellingBee
  const char* subset;
};

Source source_of(std::string_view name) {
  if (name == "ARC-Easy" || name == "ARC-Challenge") return {Kind::kChoice, HostedTask::kArc, name == "ARC-Easy" ? "ARC-Easy" : "ARC-Challenge"};
  if (name == "MMLU") return {Kind::kChoice, HostedTask::kMmlu, "all"};
  if (name == "GSM8K") return {Kind::kNumber, HostedTask::kGsm8k, "main"};
  if (name == "HumanEval") return {Kind::kProgram, HostedTask::kHumanEval, "openai_humaneval"};
  return {Kind::kNumber, std::nullopt, ""};
}

EvaluationItem item_of(Kind kind, int64_t index, Example example) {
  EvaluationItem item;
  item.index = index;
  item.conversation = std::move(example.conversation);
  item.kind = example.about.get_string("subject", "");
  if (kind == Kind::kNumber)
    item.expected = reference_number(item.conversation);
  else
    item.expected = std::get<std::string>(item.conversation.messages.back().content);
  item.conversation.messages.pop_back();
  if (kind == Kind::kProgram) {
    item.entry_point = example.about.get_string("entry_point", "");
    item.test = example.about.get_string("test", "");
  }
  if (kind == Kind::kChoice) {
    for (const Json& letter : example.about.at("letters").as_array()) item.candidates.push_back(letter.as_string());
    item.chance = 1 / static_cast<double>(item.candidates.size());
  }
  return item;
}

// Compared as text (row C-7.35).
Judged judge_number(const EvaluationItem& item, std::string_view output) {
  const std::string answer = final_number(output);
  return {answer, !item.expected.empty() && answer == item.expected, ""};
}

// The letter must be one of the item's (row C-7.44): the scorer chooses among them.
Judged judge_letter(const EvaluationItem& item, std::string_view output) {
  const bool known = std::find(item.candidates.begin(), item.candidates.end(), output) != item.candidates.end();
  require(known, "[chat_tasks] the letter \"", std::string(output), "\" is none of the item's");
  return {std::string(output), output == item.expected, ""};
}

}  // namespace

const std::vector<ChatTask>& chat_tasks() {
  static const std::vector<ChatTask> list = {
      {"ARC-Easy", 0.25}, {"ARC-Challenge", 0.25}, {"MMLU", 0.25}, {"GSM8K", 0}, {"HumanEval", 0}, {"SpellingBee", 0},
  };
  return list;
}

const ChatTask* find_chat_task(std::string_view name) {
  for (const ChatTask& task : chat_tasks())
    if (task.name == name) return &task;
  return nullptr;
}

Result<OpenedChatTask> open_chat_task(const ChatTask& task, const fs::path& base, int64_t limit) {
  const Source source = source_of(task.name);
  EvaluationTask out;
  ConversationSetPtr set;
  if (source.hosted) {
    Result<std::vector<fs::path>> files = hosted_task_files(*source.hosted, base, "", source.subset, "test");
    if (!files.ok()) return OpenedChatTask{std::nullopt, files.error().to_string()};
    out.files = std::move(files).value();
    LATHE_TRY(set, open_hosted_task(*source.hosted, out.files));
  } else {
    const fs::path path = base / "words_alpha.txt";
    std::error_code code;
    if (!fs::exists(path, code)) return OpenedChatTask{std::nullopt, path.string() + " is not there; `lathe download words` fetches it"};
    LATHE_TRY(const WordListPtr words, WordList::open(path));
    LATHE_TRY(set, spelling_bee(words, SpellingSplit::kTest, kChatSpellingSize));
    out.files = {path};
  }
  out.name = task.name;
  out.title = task.name;
  out.scoring = source.kind == Kind::kChoice ? Scoring::kCategorical : Scoring::kGenerative;
  out.comparable_answers = source.kind != Kind::kProgram;
  if (source.kind == Kind::kChoice) out.judge = each_judge(judge_letter);
  if (source.kind == Kind::kNumber) out.judge = each_judge(judge_number);
  const int64_t count = limit < 0 ? set->size() : std::min(limit, set->size());
  for (int64_t i = 0; i < count; ++i) {
    LATHE_TRY(Example example, set->get(i));
    out.items.push_back(item_of(source.kind, i, std::move(example)));
  }
  return OpenedChatTask{std::move(out), ""};
}

}  // namespace lathe::tasks
