// Learning from preference pairs (DPO and its kin: train/preference_loss.h). The reference is the same model with the
// adapter switched off, log-probabilities computed beforehand, or none: never a second model (row L-9.8). Dropout is
// off in both passes (row L-9.9), so a fresh adapter begins at loss ln 2 with every margin 0, to the bit. Rows L-9.6 to
// L-9.15.
#pragma once

#include <vector>

#include "data/mixed_sampler.h"
#include "model/adapter.h"
#include "train/objective.h"
#include "train/preference_data.h"
#include "train/preference_loss.h"
#include "train/preference_score.h"
#include "train/preference_watch.h"

namespace lathe::train {

struct PreferenceOptions {
  PreferenceLossOptions loss;
  int64_t pairs = 2;         // of a micro batch, which has twice as many rows
  int64_t accumulation = 8;  // micro batches of a step; its pairs are put together by length, against padding
};

// Where the reference's log-probabilities come from, when the loss needs them: `sums` if there are any, else `adapter`.
struct PreferenceReference {
  model::Adapter* adapter = nullptr;          // switched off for the reference pass, on otherwise
  std::vector<std::vector<AnswerSums>> sums;  // of every pair of every set
};

class PreferenceObjective : public Objective {
 public:
  // Sets, in the sampler's order of sources and of its sizes, are taken over; the rest outlives this. `trained`: what
  // the optimizer moves, for the norm of the update; their values now are where it is measured from (a copy is kept).
  // Throws when the loss needs a reference and there is none.
  PreferenceObjective(model::Transformer& model, std::vector<PreferenceSet> sets, data::MixedSampler sampler,
                      PreferenceReference reference, std::vector<autograd::Parameter*> trained,
                      const PreferenceOptions& options);

  Status prepare(StepScope& scope) override;
  // Figures: those of PreferenceFigures, the norm of the update, the share of padding, and the last validation's.
  Result<StepOutcome> gradients(StepScope& scope, int64_t update) override;
  int64_t activation_bytes() const override;
  int64_t step_tokens() const override;
  StageProgress progress() const override;
  Json state() const override;
  Status restore(const Json& state) override;

  // Held-out pairs under the model as it is, the reference's sums computed at the first call (or given). Their means
  // stand in the figures of the steps that follow ("val/accuracy", ...). An empty set: an error.
  Result<PreferenceFigures> validate(ops::Context& ctx, const PreferenceSet& held_out);
  void set_validation_reference(std::vector<AnswerSums> sums) { held_out_reference_ = std::move(sums); }

  double update_norm() const;  // of all trained numbers, from where they began
  // Of each set, about: its mean tokens of a pair times the pairs taken.
  std::vector<int64_t> tokens_taken();
  std::vector<std::string> mix_lines() { return sampler_.mix_lines(taken_); }
  std::vector<std::pair<std::string, double>> mix() { return sampler_.mix(taken_); }

 private:
  struct Taken {
    const data::EncodedPair* pair;
    AnswerSums reference;
  };
  bool by_adapter() const { return options_.loss.needs_reference() && reference_.sums.empty(); }
  std::vector<AnswerSums> reference_of(std::span<const Taken> taken, PairBatch& batch, StepScope& scope);
  std::string fingerprint() const;

  model::Transformer& model_;
  std::vector<PreferenceSet> sets_;
  data::MixedSampler sampler_;
  PreferenceReference reference_;
  std::vector<autograd::Parameter*> trained_;
  std::vector<Tensor> start_;  // values of trained_ before the first step
  PreferenceOptions options_;
  PreferenceWatch watch_;
  std::vector<Taken> step_pairs_;  // of this rank, by length
  int64_t taken_ = 0;              // pairs of all ranks so far
  int64_t world_ = 1;
  std::vector<AnswerSums> held_out_reference_;
  std::vector<std::pair<std::string, double>> validated_;  // the last validation's figures
};

// Of pairs and the log-probabilities of policy and reference.
PairLogps pair_logps(const data::EncodedPair& pair, const AnswerSums& policy, const AnswerSums& reference);

}  // namespace lathe::train
