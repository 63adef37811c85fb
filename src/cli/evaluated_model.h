// The model that an evaluation verb judges: a checkpoint of the base folder by --source, --tag and --step, or foreign files by
// --hf-path; and what its results say about it.
#pragma once

#include "cli/verb.h"
#include "train/load_model.h"

namespace lathe::cli {

struct EvaluatedModel {
  std::string source = "base", hf_path;
  int64_t step = -1;

  // The settings --source (-i), --step (-s) and --hf-path; returns the setting of the step.
  Setting& describe(SettingsTable& table);
  bool foreign() const { return !hf_path.empty(); }
  Result<train::LoadedModel> load(const Context& context) const;
  // "about" of a summary: source ("foreign" of an --hf-path), tag, step, weights_sha256, tokenizer_sha256, dtype. Reads the files
  // for their hashes.
  Result<Json> about(const Context& context, const train::LoadedModel& loaded) const;
  // <base>/eval_results/<tag>/<source>
  fs::path results_folder(const fs::path& base, const train::LoadedModel& loaded) const;
  std::string result_source() const { return foreign() ? "foreign" : source; }
};

}  // namespace lathe::cli
