// Next-token prediction: the objective of base training, mid-training, fine-tuning and the small trainer. Micro batches from a
// loader, cross entropy summed with one weight per target (traps L1, L2).
#pragma once

#include "data/token_loader.h"
#include "model/transformer.h"
#include "train/objective.h"

namespace lathe::train {

enum class LossNormalisation {
  kGlobal,      // sum over all valid targets of the optimizer step / their count (trap L2)
  kMicroBatch,  // the reference: mean per micro batch, averaged (rows C-5.18, C-8.30)
};

struct LanguageOptions {
  int64_t batch = 1;           // B rows of a micro batch
  int64_t sequence_len = 1;    // T; batches of a curriculum are narrower at first
  int64_t accumulation = 1;    // micro batches of an optimizer step
  LossNormalisation normalisation = LossNormalisation::kGlobal;
  data::ResumeMode resume_mode = data::ResumeMode::kExact;
  double label_smoothing = 0;  // row L-11.46; the reported loss has none (row L-11.47)
};

class LanguageObjective : public Objective {
 public:
  // Model and loader outlive this. progress: how far the loader is; empty: endless.
  LanguageObjective(model::Transformer& model, data::TokenLoader& loader, const LanguageOptions& options,
                    std::function<StageProgress()> progress = {});
  Status prepare(StepScope& scope) override;
  Result<StepOutcome> gradients(StepScope& scope, int64_t update) override;
  int64_t activation_bytes() const override;
  int64_t step_tokens() const override;
  StageProgress progress() const override { return progress_ ? progress_() : StageProgress{}; }
  Json state() const override { return loader_.state(); }
  Status restore(const Json& state) override { return loader_.restore(state, options_.resume_mode); }

 private:
  model::LossOptions loss_options(ops::Context& ctx, int64_t targets);

  model::Transformer& model_;
  data::TokenLoader& loader_;
  LanguageOptions options_;
  std::function<StageProgress()> progress_;
  std::vector<data::TokenBatch> batches_;  // the micro batches of the step under way
  double valid_ = 0;                       // their valid targets, the mean over ranks
  int64_t world_ = 1, columns_;            // T of the step under way
  Tensor factor_;                          // (B*T) float32
  Tensor smoothed_;                        // (N) of the micro batch under way, with label smoothing
};

}  // namespace lathe::train
