// Row C-14.11: what a whole run needs and has done, from disk space to report.
#pragma once

#include <string>
#include <vector>

#include "core/file.h"

namespace lathe::cli {

struct ChecklistItem {
  std::string name;
  bool done = false;
  bool expected = true;  // false: runs may go without it
  std::string text;      // what is there
  std::string command;   // what to do when it is not; may be empty
};

// In the order of a run. tag: the model; empty: the one whose checkpoint a verb without --tag would take.
std::vector<ChecklistItem> run_checklist(const fs::path& base, const std::string& tag);

}  // namespace lathe::cli
