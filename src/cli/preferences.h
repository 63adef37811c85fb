// What `lathe dpo` and the lab's 95_train_dpo share: the preference settings, sets and their checks, the reference, the
// objective, validation on held-out pairs. A verb brings the model, the adapter if there is one, and the run.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/settings.h"
#include "tokenizer/tokenizer.h"
#include "train/load_model.h"
#include "train/preference_objective.h"

namespace lathe::cli {

// dpo_params of the lab's configs (row L-9.10), with its defaults.
struct PreferenceFlags {
  double beta = 0.1, label_smoothing = 0, gamma = 0.5;
  int64_t max_length = 1024, max_prompt_length = 512;
  std::string loss_type = "sigmoid", truncation_mode = "keep_end";
  bool reference_free = false, precompute_ref_log_probs = false;
  bool allow_without_sft = false;  // row L-1.56
};
void describe(SettingsTable& table, PreferenceFlags& flags);

struct PreferenceData {
  std::vector<std::string> dirs;  // folders of `lathe corpus dpo`, or .jsonl files
  std::vector<double> weights;    // empty: by size
  std::string validation;         // a .jsonl file; empty: what the folders hold, or val.jsonl beside a file
  std::string chat_template;      // empty: what the folders' manifests say, else by the tokenizer
};

// What is trained, in a model that is loaded: the adapter, or with null the whole model.
struct PreferencePolicy {
  train::LoadedModel& loaded;
  model::Adapter* adapter = nullptr;
  std::vector<autograd::Parameter*> trained() const {
    return adapter != nullptr ? adapter->parameters() : loaded.model->parameters();
  }
  std::vector<autograd::Parameter*> reference() const;  // everything that decides the reference's log-probabilities
};

class PreferenceStage {
 public:
  // Loads and verifies the sets, prints what they hold and the warnings of the mix.
  static Result<std::unique_ptr<PreferenceStage>> open(const PreferenceFlags& flags, const PreferenceData& data,
                                                       const tokenizer::Tokenizer& tokenizer,
                                                       const std::function<void(const std::string&)>& print);

  // Without an adapter all weights are trained and the reference is computed now, before the first step, into
  // <run>/reference (row L-9.8); the model must still be the one that training starts from. What `policy` refers to
  // outlives this.
  Status prepare(const PreferencePolicy& policy, int64_t pairs, int64_t accumulation, uint64_t seed,
                 const fs::path& run);
  const std::vector<train::PreferenceSet>& sets() const { return sets_; }
  train::PreferenceObjective& objective() { return *objective_; }
  // Mean loss of the held-out pairs; a line with accuracy and margin is printed. Without held-out pairs: not to be
  // called.
  Result<double> validate();
  bool has_validation() const { return !held_out_.pairs.empty(); }
  const train::PreferenceFigures& first() const { return first_; }  // of the first and the latest validation
  const train::PreferenceFigures& last() const { return last_; }
  int64_t pairs() const;  // that train
  // Answers of the model as it is to the first held-out prompts (without any: to the first that train).
  Result<std::vector<std::string>> samples();
  const std::string& chat_template() const { return template_; }
  int64_t longest() const;

 private:
  PreferenceStage() = default;
  PreferenceFlags flags_;
  train::PreferenceLossOptions loss_;
  std::string template_;
  std::vector<train::PreferenceSet> sets_;
  std::vector<double> weights_;
  train::PreferenceSet held_out_;
  model::Transformer* model_ = nullptr;
  std::optional<tokenizer::Tokenizer> tokenizer_;
  std::function<void(const std::string&)> print_;
  std::unique_ptr<train::PreferenceObjective> objective_;
  ops::Context ctx_;
  train::PreferenceFigures first_, last_;
};

// Row L-1.56: an error, unless allowed, when the record of the model has no fine-tuning in it.
Status require_sft(const std::string& stage, const Json& chain, const std::string& path, bool allowed);

// The chain of stages with hashes that a checkpoint's settings hold (row L-9.16), one link longer: the model that this
// run starts from. `files`: its tensors.
inline constexpr const char* kChainKey = "chain";
Result<Json> longer_chain(const Json& chain, const std::string& stage, const std::vector<fs::path>& files);

}  // namespace lathe::cli
