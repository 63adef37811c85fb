// The models that an evaluation of the lab compares: the one in question, and those it was made from, found and verified by its
// record (rows L-1.51, L-1.57, L-8.7). Adapters that rest on each other are one model in memory, with the upper ones off.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/evaluated_model.h"
#include "cli/lab_eval_settings.h"
#include "tokenizer/chat_template.h"

namespace lathe::cli {

struct LabSubject {
  std::string name;                    // "model", "sft", "base"
  train::LoadedModel* loaded = nullptr;
  size_t adapters = 0;                 // the first so many are on
  void switch_on() const;              // before it is measured
};

// What a checkpoint's record says of its training; empty and 0 where it does not.
struct LabRecordFacts {
  std::string chat_template;
  std::vector<std::string> data_dirs;
  std::vector<double> data_weights;
  int64_t rows = 0, eval_batches = 0, sequence_length = 0, data_seed = 42;
  double beta = 0;
  int64_t max_length = 0, max_prompt_length = 0;
};
LabRecordFacts facts_of(const train::LoadedModel& loaded);

class LabSubjects {
 public:
  // By --model_path and --tokenizer_dir, else by --source or --hf_path. Decides the stage that the settings leave open (after the
  // name the program was called by). The tokenizer's hash must be the model's (row L-1.41). baseline: also what it was made from.
  static Result<LabSubjects> open(const Context& context, LabEvalSettings& settings, const EvaluatedModel& evaluated);

  const LabSubject& model() const { return all_.front(); }
  std::span<const LabSubject> baselines() const { return std::span(all_).subspan(1); }
  const LabSubject* find(const std::string& name) const;    // among the baselines
  const std::string& why_no_baseline() const { return why_; }  // empty: there is one
  const LabRecordFacts& facts() const { return facts_; }
  // Of the record, else of the config, else by the tokenizer's markers; checked against the tokenizer. Not asked for in stage
  // "pretrain" (row L-8.3).
  Result<tokenizer::ChatTemplate> chat_template(const LabEvalSettings& settings) const;
  // The token in front of running text: of the lab's models the one that their packed documents are parted by.
  Result<std::optional<int32_t>> text_start(const LabEvalSettings& settings) const;
  // {"model_path", "tag", "step", "stage", "dtype", "merged", "adapters", "weights": [{path, sha256}], "tokenizer_sha256"}
  Result<Json> about(const LabSubject& subject, const LabEvalSettings& settings) const;
  const tokenizer::Tokenizer& tokenizer() const { return all_.front().loaded->tokenizer; }
  std::vector<fs::path> files() const;  // of all models, each once
  // The name of the model in folder names: of the lab's layout checkpoints/STAGE/NAME/[NAME/]final it is NAME.
  std::string folder_name() const;

 private:
  Status add_baselines(const LabEvalSettings& settings);
  std::vector<std::unique_ptr<train::LoadedModel>> loaded_;
  std::vector<LabSubject> all_;
  LabRecordFacts facts_;
  std::string why_;
  bool by_path_ = false;
  DType dtype_ = DType::kFloat32;
};

}  // namespace lathe::cli
