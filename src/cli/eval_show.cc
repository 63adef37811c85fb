// lathe eval show: pages through the answers of an evaluation.
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "cli/results_choice.h"
#include "cli/verbs.h"
#include "eval/answer_file.h"

namespace lathe::cli {
namespace {

class EvalShow : public Verb {
 public:
  VerbInfo info() const override {
    return {"eval show", "judge", "page through answers: question, output, what was judged, verdict", "lathe eval show --source sft --task GSM8K --grep '\\d'", "[FILE]", 1};
  }
  void describe(SettingsTable& table) override {
    table.group("which");
    table.add("source", &source_, "stage that was judged; empty: the only one of the tag").short_flag = 'i';
    table.add("task", &task_, "name of its answers' file; empty: lists them").short_flag = 'a';
    table.group("answers");
    table.add("all", &all_, "right ones too, not the failures alone");
    table.add("index", &index_, "this item alone; -1: all").short_flag = 'x';
    table.add("grep", &grep_, "those that contain this text, whatever the case");
    table.add("limit", &limit_, "so many at most; -1: all").short_flag = 'n';
  }
  Result<Exit> run(Context& context) override;

 private:
  bool wanted(const Json& answer) const;
  Result<Exit> list(Context& context, const std::vector<eval::AnswerFile>& files) const;

  std::string source_, task_, grep_;
  int64_t index_ = -1, limit_ = -1;
  bool all_ = false;
};

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

// All texts of an answer, whatever its keys.
bool contains(const Json& value, const std::string& word) {
  if (value.is_string()) return lower(value.as_string()).find(word) != std::string::npos;
  if (value.is_array()) return std::any_of(value.as_array().begin(), value.as_array().end(), [&](const Json& item) { return contains(item, word); });
  if (value.is_object()) return std::any_of(value.as_object().begin(), value.as_object().end(), [&](const auto& member) { return contains(member.second, word); });
  return false;
}

// On a terminal the reader says when to go on; false: no more.
bool go_on() {
  if (isatty(STDOUT_FILENO) == 0 || isatty(STDIN_FILENO) == 0) return true;
  std::cerr << "[Enter: next, q: leave] ";
  std::string line;
  return std::getline(std::cin, line) && line != "q";
}

// TASK.jsonl, or core_TASK.jsonl: the files of CORE's tasks have that before their names.
Result<fs::path> file_of_task(const fs::path& folder, const std::string& task) {
  std::error_code code;
  for (const std::string& stem : {task, "core_" + task})
    if (fs::exists(folder / (stem + ".jsonl"), code)) return folder / (stem + ".jsonl");
  LATHE_TRY(const std::vector<eval::AnswerFile> files, eval::read_answer_files(folder));
  std::string names;
  for (const eval::AnswerFile& file : files) names += (names.empty() ? "" : ", ") + file.task;
  return error_at(folder.string(), -1, "holds no answers to \"", task, "\"; there are ", names);
}

bool EvalShow::wanted(const Json& answer) const {
  if (index_ >= 0) return answer.at("index").as_int() == index_;
  if (!all_ && eval::is_correct(answer).value_or(false)) return false;
  return grep_.empty() || contains(answer, lower(grep_));
}

Result<Exit> EvalShow::list(Context& context, const std::vector<eval::AnswerFile>& files) const {
  Json figures = Json::object();
  context.print(format_text("%-24s %7s %7s", "task", "items", "wrong"));
  for (const eval::AnswerFile& file : files) {
    const auto wrong = std::count_if(file.answers.begin(), file.answers.end(), [](const Json& answer) { return !eval::is_correct(answer).value_or(true); });
    context.print(format_text("%-24s %7zu %7lld", file.task.c_str(), file.answers.size(), static_cast<long long>(wrong)));
    figures[file.task] = Json(Json::Object{{"items", static_cast<int64_t>(file.answers.size())}, {"wrong", static_cast<int64_t>(wrong)}});
  }
  context.print("choose one with --task");
  return context.finish(Json(Json::Object{{"tasks", figures}}));
}

Result<Exit> EvalShow::run(Context& context) {
  LATHE_TRY(const fs::path base, context.base_folder());
  fs::path path;
  if (!context.operands().empty()) {
    LATHE_TRY(path, results_path(base, context.operands()[0]));
  } else {
    LATHE_TRY(path, results_folder(base, context.common().tag, source_));
  }
  if (std::error_code code; !task_.empty() && fs::is_directory(path, code)) {
    LATHE_TRY(path, file_of_task(path, task_));
  }
  LATHE_TRY(const std::vector<eval::AnswerFile> files, eval::read_answer_files(path));
  if (files.size() > 1) return list(context, files);

  const eval::AnswerFile& file = files[0];
  std::vector<const Json*> shown;
  for (const Json& answer : file.answers)
    if (wanted(answer)) shown.push_back(&answer);
  const size_t found = shown.size();
  if (limit_ >= 0 && std::ssize(shown) > limit_) shown.resize(static_cast<size_t>(limit_));
  Json items = Json::array();
  for (size_t i = 0; i < shown.size(); ++i) {
    if (context.common().json) {
      items.push_back(*shown[i]);
    } else {
      context.print(eval::answer_text(file.task, *shown[i]));
      if (i + 1 < shown.size() && !go_on()) break;
    }
  }
  context.print(file.task, ": ", found, " of ", file.answers.size(), " answers", all_ || index_ >= 0 ? "" : " are wrong", grep_.empty() ? "" : " and contain \"" + grep_ + "\"",
                found > shown.size() ? join_text(", ", shown.size(), " shown") : "");
  return context.finish(Json(Json::Object{{"task", file.task}, {"file", file.path.string()}, {"found", static_cast<int64_t>(found)}, {"items", std::move(items)}}));
}

}  // namespace

std::unique_ptr<Verb> make_eval_show() { return std::make_unique<EvalShow>(); }

}  // namespace lathe::cli
