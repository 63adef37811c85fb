#include "tasks/task.h"

#include <algorithm>
#include <map>

#include "core/text.h"

namespace lathe::tasks {
namespace {

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

bool is_word_char(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool has_words(std::string_view text, std::string_view words) {
  for (size_t at = text.find(words); at != std::string_view::npos; at = text.find(words, at + 1)) {
    const bool begins = at == 0 || !is_word_char(text[at - 1]);
    const size_t end = at + words.size();
    if (begins && (end == text.size() || !is_word_char(text[end]))) return true;
  }
  return false;
}

// What stands behind the last colon, without blanks and a final full stop: "c,a,t".
std::string spelled_letters(std::string_view answer) {
  std::string letters;
  const size_t colon = answer.rfind(':');
  for (const char c : lower_case(trim_text(colon == std::string_view::npos ? answer : answer.substr(colon + 1)))) {
    if (c != ' ') letters += c;
  }
  if (letters.ends_with('.')) letters.pop_back();
  return letters;
}

bool check_reading(const TaskCase& task_case, std::string_view answer) {
  const std::string text = lower_case(answer);
  if (!has_words(text, lower_case(task_case.expected))) return false;
  return std::none_of(task_case.candidates.begin(), task_case.candidates.end(),
                      [&](const std::string& wrong) { return has_words(text, lower_case(wrong)); });
}

Result<TaskCase> case_from_json(const Json& json, const std::string& path, int64_t line) {
  const auto wrong = [&](const char* what) { return error_at(path, -1, "line ", line, ": ", what); };
  for (const char* key : {"task", "expected"}) {
    const Json* value = json.find(key);
    if (value == nullptr || !value->is_string())
      return error_at(path, -1, "line ", line, ": \"", key, "\" must be a string");
  }
  TaskCase out{json.at("task").as_string(), json.get_string("kind", ""), {}, json.at("expected").as_string(), {}};
  if (find_task(out.task) == nullptr) return wrong("unknown task");
  const Json* messages = json.find("messages");
  if (messages == nullptr || !messages->is_array() || messages->size() == 0)
    return wrong("\"messages\" must be a list with at least one message");
  const Json& last = messages->as_array().back();
  if (!last.is_object() || last.get_string("role", "") != "user") return wrong("the last message must be the user's");
  out.messages = *messages;
  if (const Json* candidates = json.find("candidates")) {
    if (!candidates->is_array()) return wrong("\"candidates\" must be a list");
    for (const Json& candidate : candidates->as_array()) {
      if (!candidate.is_string()) return wrong("a candidate must be a string");
      out.candidates.push_back(candidate.as_string());
    }
  }
  return out;
}

}  // namespace

const std::vector<BuiltinTask>& builtin_tasks() {
  static const std::vector<BuiltinTask> kTasks = {
      {"sums", "sums through the calculator", Scoring::kGenerative, 160},
      {"spelling", "spelling", Scoring::kGenerative, 48},
      {"counting", "letter counting", Scoring::kGenerative, 96},
      {"reading", "questions on a passage", Scoring::kGenerative, 32},
      {"choices", "multiple choice", Scoring::kCategorical, 1},
  };
  return kTasks;
}

const BuiltinTask* find_task(std::string_view name) {
  for (const BuiltinTask& task : builtin_tasks()) {
    if (task.name == name) return &task;
  }
  return nullptr;
}

std::string final_number(std::string_view answer) {
  for (size_t at = answer.find("#### "); at != std::string_view::npos; at = answer.find("#### ", at + 1)) {
    const std::string_view rest = answer.substr(at + 5);
    size_t end = rest.starts_with('-') ? 1 : 0;
    const size_t digits = end;
    while (end < rest.size() && ((rest[end] >= '0' && rest[end] <= '9') || rest[end] == '.' || rest[end] == ',')) ++end;
    if (end == digits) continue;
    std::string out(rest.substr(0, end));
    out.erase(std::remove(out.begin(), out.end(), ','), out.end());
    return out;
  }
  return "";
}

bool check(const TaskCase& task_case, std::string_view answer) {
  if (task_case.task == "spelling") return spelled_letters(answer) == task_case.expected;
  if (task_case.task == "reading") return check_reading(task_case, answer);
  if (task_case.task == "choices") return trim_text(answer) == task_case.expected;
  const std::string number = final_number(answer);
  return !number.empty() && number == task_case.expected;
}

std::string extracted_answer(const TaskCase& task_case, std::string_view answer) {
  if (task_case.task == "spelling") return spelled_letters(answer);
  if (task_case.task == "sums" || task_case.task == "counting") return final_number(answer);
  return std::string(trim_text(answer));
}

Result<std::vector<TaskCase>> read_task_cases(const fs::path& path) {
  LATHE_TRY(const std::string text, read_file(path));
  std::vector<TaskCase> cases;
  int64_t line = 0;
  for (const std::string& raw : split_text(text, '\n')) {
    ++line;
    if (trim_text(raw).empty()) continue;
    LATHE_TRY(const Json json, parse_json(raw, path.string() + " line " + std::to_string(line)));
    LATHE_TRY(TaskCase task_case, case_from_json(json, path.string(), line));
    cases.push_back(std::move(task_case));
  }
  if (cases.empty()) return error_at(path.string(), -1, "holds no case; write the corpus again with lathe synth");
  return cases;
}

Json task_case_to_json(const TaskCase& task_case) {
  Json json = Json::object();
  json["task"] = task_case.task;
  json["kind"] = task_case.kind;
  json["messages"] = task_case.messages;
  json["expected"] = task_case.expected;
  json["candidates"] = Json(Json::Array(task_case.candidates.begin(), task_case.candidates.end()));
  return json;
}

Baselines reference_baselines(std::span<const Reference> references) {
  Baselines out;
  if (references.empty()) return out;
  std::map<std::string_view, int64_t> counts;
  int64_t most = 0;
  for (const Reference& reference : references) {
    most = std::max(most, ++counts[reference.answer]);
    out.random += reference.chance;
  }
  const auto n = static_cast<double>(references.size());
  out.majority = static_cast<double>(most) / n;
  out.random /= n;
  return out;
}

// The candidates of a choice hold the right one, those of a passage do not.
double guess_chance(const TaskCase& task_case) {
  const auto candidates = static_cast<double>(task_case.candidates.size());
  if (task_case.task == "choices") return candidates > 0 ? 1 / candidates : 0;
  return task_case.task == "reading" ? 1 / (candidates + 1) : 0;
}

Baselines baselines(const std::vector<TaskCase>& cases) {
  std::vector<Reference> references;
  for (const TaskCase& task_case : cases) references.push_back({task_case.expected, guess_chance(task_case)});
  return reference_baselines(references);
}

}  // namespace lathe::tasks
