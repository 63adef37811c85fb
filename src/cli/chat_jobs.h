// What `lathe eval chat` and `lathe eval tasks` score, opened before a model is loaded.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/verb.h"
#include "tasks/evaluation_task.h"

namespace lathe::cli {

struct ChatJob {
  std::string name, title;
  std::optional<tasks::EvaluationTask> task;
  std::string not_run;  // why there is no task: a file that is missing, a wall that the kernel refuses
  Json data;            // its files with their SHA-256
  std::vector<std::string> walls;  // around its programs, a line each
};

struct ChatJobOptions {
  fs::path base;
  fs::path cases;          // folder with eval/<task>.jsonl of the built-in tasks
  int64_t limit = -1;      // the first so many items of each
  bool unsafe_sandbox = false;
};

// The six public sets (tasks/chat_tasks.h) and the built-in tasks, by name in this order.
std::vector<std::string> known_chat_jobs();
// names joined by "|". Errors: an unknown name (lists the known ones), a file of another form, and when nothing at all can be run.
Result<std::vector<ChatJob>> open_chat_jobs(const std::string& names, const ChatJobOptions& options);

}  // namespace lathe::cli
