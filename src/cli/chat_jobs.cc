#include "cli/chat_jobs.h"

#include <algorithm>

#include "eval/code_judge.h"
#include "eval/results.h"
#include "tasks/chat_tasks.h"

namespace lathe::cli {
namespace {

Status open_builtin(const tasks::BuiltinTask& task, const ChatJobOptions& options, ChatJob& job) {
  const fs::path file = options.cases / "eval" / (task.name + ".jsonl");
  job.title = task.title;
  std::error_code code;
  if (!fs::exists(file, code)) {
    job.not_run = join_text(file.string(), " is not there; write cases with `lathe synth`, or name their folder with --data");
    return {};
  }
  LATHE_TRY(std::vector<tasks::TaskCase> cases, tasks::read_task_cases(file));
  if (options.limit >= 0 && std::ssize(cases) > options.limit) cases.erase(cases.begin() + static_cast<std::ptrdiff_t>(options.limit), cases.end());
  LATHE_TRY(job.task, tasks::builtin_evaluation(task, cases));
  job.task->files = {file};
  return {};
}

Status open_public(const tasks::ChatTask& task, const ChatJobOptions& options, ChatJob& job) {
  LATHE_TRY(tasks::OpenedChatTask opened, tasks::open_chat_task(task, options.base, options.limit));
  job.title = task.name;
  job.not_run = opened.absent;
  job.task = std::move(opened.task);
  if (!job.task || job.task->judge) return {};
  const Result<sandbox::Sandbox> box = sandbox::Sandbox::open({options.unsafe_sandbox, ""});
  if (box.ok()) {
    job.task->judge = eval::code_judge(box.value());
    job.walls = box.value().walls();
  } else {
    job.task.reset();
    job.not_run = box.error().to_string();
  }
  return {};
}

}  // namespace

std::vector<std::string> known_chat_jobs() {
  std::vector<std::string> names;
  for (const tasks::ChatTask& task : tasks::chat_tasks()) names.push_back(task.name);
  for (const tasks::BuiltinTask& task : tasks::builtin_tasks()) names.push_back(task.name);
  return names;
}

Result<std::vector<ChatJob>> open_chat_jobs(const std::string& names, const ChatJobOptions& options) {
  std::vector<ChatJob> jobs;
  for (const std::string& name : split_text(names, '|')) {
    ChatJob job;
    job.name = name;
    if (const tasks::BuiltinTask* builtin = tasks::find_task(name)) {
      LATHE_TRY_STATUS(open_builtin(*builtin, options, job));
    } else if (const tasks::ChatTask* chat = tasks::find_chat_task(name)) {
      LATHE_TRY_STATUS(open_public(*chat, options, job));
    } else {
      const std::vector<std::string> known = known_chat_jobs();
      std::string list;
      for (const std::string& word : known) list += (list.empty() ? "" : ", ") + word;
      const std::string near = nearest_word(name, known);
      return error_at("tasks", -1, "no task \"", name, "\"; there are ", list, near.empty() ? "" : "; did you mean \"" + near + "\"?");
    }
    if (job.task) {
      LATHE_TRY(job.data, eval::data_of(job.task->files));
    }
    jobs.push_back(std::move(job));
  }
  if (std::any_of(jobs.begin(), jobs.end(), [](const ChatJob& job) { return job.task.has_value(); })) return jobs;
  std::string reasons;
  for (const ChatJob& job : jobs) reasons += join_text("\n  ", job.name, ": ", job.not_run);
  return error("none of the tasks can be run:", reasons);
}

}  // namespace lathe::cli
