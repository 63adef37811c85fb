// The list of CORE tasks: files of the form of the evaluation bundle's core.yaml and eval_meta_data.csv (row C-7.8), and any
// other list of that form. docs/evaluation.md says what a list holds.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/result.h"

namespace lathe::eval {

enum class CoreKind { kMultipleChoice, kSchema, kLanguageModelling };
const char* core_kind_name(CoreKind kind);  // multiple_choice, schema, language_modeling

struct CoreTask {
  std::string label;
  CoreKind kind = CoreKind::kMultipleChoice;
  fs::path file;
  int64_t num_fewshot = 0;
  std::string delimiter = " ";  // between context and continuation
  double random_baseline = 0;   // percent
};

// Label to percent: columns "Eval Task" and "Random baseline" of a CSV file with quoted fields.
Result<std::map<std::string, double>> read_random_baselines(const fs::path& csv);

// Key icl_tasks of a file in the part of YAML that such lists use: a block list of mappings, values plain, quoted or flow lists.
// A dataset_uri is looked for below data_folder, then beside the file. random_baseline (percent) in the file goes before the
// table; a task with neither is an error.
Result<std::vector<CoreTask>> read_core_tasks(const fs::path& yaml, const fs::path& data_folder, const std::map<std::string, double>& baselines);

// The tasks of a bundle's folder: core.yaml, eval_meta_data.csv, eval_data/.
Result<std::vector<CoreTask>> read_core_bundle(const fs::path& folder);

}  // namespace lathe::eval
