// The part of `lathe tokenizer train` that trains what a project freezes: SentencePiece models and character tables
// (rows L-1.26 to L-1.30, L-3.1 to L-3.13, L-3.25), chosen by --kind or by a config's model_type.
#pragma once

#include <string>
#include <vector>

#include "cli/training_texts.h"
#include "cli/verb.h"
#include "core/output_folder.h"
#include "tokenizer/quality_report.h"
#include "tokenizer/spm_trainer.h"

namespace lathe::cli {

class FrozenTraining {
 public:
  // The verb's own settings that are common to all kinds.
  struct Shared {
    int64_t* vocab_size = nullptr;
    std::string* data = nullptr;
    std::string* output_dir = nullptr;
  };
  void describe(SettingsTable& table, Shared shared);
  // Keys flat, or in the groups "tokenizer", "training", "normalization", "special_tokens".
  Status read_config(SettingsTable& table, const Json& config, const std::string& path);
  // True: run() does the work of the verb.
  bool chosen(const Context& context) const;
  Result<Exit> run(Context& context);

 private:
  struct Trained;
  struct Texts;
  Result<TrainingTexts> open_texts(const Context& context);
  // Nothing stands at `folder`, or --replace-tokenizer is given; else the refusal of row L-1.29.
  Status may_write(const Context& context, const fs::path& folder, const std::string& config_sha256) const;
  Result<Trained> train(const Context& context, const TrainingTexts& texts);
  Status write(const Context& context, const fs::path& folder, const Trained& trained, const std::string& created_by);
  Json deciding_settings(const Context& context, const TrainingTexts& texts) const;

  std::string kind_ = "bpe";
  std::string corpus_dir_, corpus_manifest_, config_path_;
  std::string output_dir_;  // resolved
  bool force_ = false, replace_ = false;
  int64_t reserved_symbols_ = 16;
  std::vector<std::string> extra_symbols_;
  tokenizer::SpmSettings settings_;
  Shared shared_;
  std::string corpus_;  // the path that was read
};

}  // namespace lathe::cli
