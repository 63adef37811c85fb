// `lathe report`: the sections that the stages of a pipeline left behind, a summary over all of them, the curves of the
// training runs and the scores of the tasks, as Markdown, as one HTML page, and as JSON (rows C-13.1 to C-13.20).
#pragma once

#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "core/manifest.h"

namespace lathe::eval {

struct Report {
  std::string markdown, html;
  Json json;                          // docs/formats/report.md
  std::vector<FileRecord> made_from;  // files that were read: relative to the base folder where they lie below
  std::vector<std::string> warnings;  // a missing header, every missing section
};

// tag: whose training curves (<base>/*_checkpoints/<tag>/metrics.jsonl) and scores (<base>/eval_results/<tag>) belong to
// the report; empty: none. `now`: local time. Missing parts are left out and named; only unreadable files are errors.
Result<Report> make_report(const fs::path& base, const std::string& tag, const std::string& now);

// <base>/report/report.md, report.html and report.json, and their manifest.json.
Status write_report(const fs::path& base, const Report& report);

// Deletes the expected sections and the former report, and writes header.md.
Status reset_report(const fs::path& base, const std::string& header);

}  // namespace lathe::eval
