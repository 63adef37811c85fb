// The results of a checkpoint's evaluations: <base>/eval_results/<tag>/<source>/summary.json, one object with `about` (the
// model: source, tag, step, hashes) and a section per evaluation ("tasks", "core", "bpb", "perplexity", ...), each an object
// of figures by name; and the answers, one item a line, in files beside it. docs/formats/report.md. Rows L-6.6, C-13.12.
//
// A figure is an object. Of a share: "accuracy"; of anything else: "value"; with "n", "low", "high" (95 %), where there are any
// "majority_baseline", "random_baseline", "verdict", then "seconds", "settings", "data" (files with their SHA-256) and "answers"
// (the file's name, which update_summary completes by "answers_sha256"). What could not be run has {"not_run": "why"} and no number.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "tasks/interval.h"

namespace lathe::eval {

inline constexpr const char* kSummaryFile = "summary.json";

// Puts figures into a section. What a summary of the same `about` holds already stays (figures of the same name are replaced);
// one of another model or step is replaced whole, with a notice; one that is damaged is renamed. Processes take turns: none loses
// another's figures.
Status update_summary(const fs::path& folder, const Json& about, const std::string& section,
                      std::span<const std::pair<std::string, Json>> figures);

// An object a line, whole or not at all. The keys that `lathe eval show` and `compare` read: "index" (0, 1, ... of the item in
// its set), "prompt", "output", "answer" (what was judged), "expected", "correct" (bool) or "score" (number).
Status write_answers(const fs::path& file, std::span<const Json> answers);

// "data" of a figure: [{"file": its name, "sha256": ...}].
Result<Json> data_of(std::span<const fs::path> files);

// What the figures of all shares have: accuracy (of `correct` among n), n, correct, interval, baselines, verdict (chance_verdict).
struct Share {
  double accuracy = 0;
  int64_t correct = 0, n = 0;
  tasks::Interval interval{};
  double random = 0, majority = 0;
};
void add_share(Json& figure, const Share& share);

// {"not_run": why}
Json not_run(const std::string& why);

}  // namespace lathe::eval
