// Where the verbs that judge a base model (eval bpb, core, sample, base) leave what they found: the sections "bpb", "core" and
// "samples" of the checkpoint's summary (eval/results.h), and the report's section "Base model evaluation", made anew from all
// that is known of the checkpoint (row C-13.16).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/evaluated_model.h"

namespace lathe::cli {

class BaseResults {
 public:
  // Reads the weights' files for their hashes. The references outlive this.
  static Result<BaseResults> open(const Context& context, const EvaluatedModel& evaluated, const train::LoadedModel& loaded);

  const Json& about() const { return about_; }
  const fs::path& base() const { return base_; }
  const fs::path& folder() const { return folder_; }
  // "base_model (step 500)", or a foreign model's path; and as a file's name: "base_model_000500" (row C-7.21).
  const std::string& model_name() const { return name_; }
  const std::string& slug() const { return slug_; }

  // On rank 0 alone. A foreign model leaves no section in the report of this folder's run.
  Status keep(const std::string& section, const std::vector<std::pair<std::string, Json>>& figures) const;

 private:
  Status write_section() const;
  Json about_;
  fs::path base_, folder_;
  std::string name_, slug_;
  int rank_ = 0;
  bool reported_ = false;
};

// A mode's title between two rules of 80 characters (row C-7.40).
void print_mode(Context& context, const std::string& title);

}  // namespace lathe::cli
