// The flags of adapters, for every verb that trains (rows L-7.20 to L-7.24):
//   1. describe() among the verb's settings, check() before any work
//   2. with wanted(): load_model(..., with_gradients = false), then attach(): the model is frozen and carries a new adapter,
//      which alone is trained: optimizer over adapter->parameters() (make_optimizer), and `weights` for TrainingParts
//   3. without: as ever, the whole model
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/verb.h"
#include "core/settings.h"
#include "dist/communicator.h"
#include "model/adapter.h"
#include "optim/optimizer.h"
#include "tokenizer/chat_template.h"
#include "train/adapter_weights.h"
#include "train/load_model.h"

namespace lathe::cli {

struct AttachedAdapter {
  std::unique_ptr<model::Adapter> adapter;         // goes before the model it is attached to
  std::unique_ptr<train::AdapterWeights> weights;  // before the adapter
};

class AdapterFlags {
 public:
  void describe(SettingsTable& table);
  bool wanted() const { return lora_; }
  // Settings that cannot be, and adapter flags without --lora.
  Status check(const Context& context) const;

  // What an adapter of these settings trains on such a model, token rows left out: for the plan before anything is loaded.
  Result<int64_t> count(const model::ModelConfig& config) const;

  // The rows of the template's markers are trained unless --train-token-rows says otherwise (row L-7.24), or an earlier stage
  // has taught them. seed: of the run.
  Result<AttachedAdapter> attach(train::LoadedModel& loaded, uint64_t seed, const tokenizer::ChatTemplate& form,
                                 bool markers_known = false) const;
  // AdamW on what the adapter trains; rate_factor: on the learning rate (init_lr_frac).
  std::unique_ptr<optim::Optimizer> make_optimizer(const model::Adapter& adapter, dist::Communicator* ranks, double rate_factor = 1) const;
  // Lines for people: what is trained, what is frozen, and the memory of both.
  static std::string summary(const model::Adapter& adapter, const model::Transformer& model);

 private:
  model::AdapterConfig config() const;
  Result<std::vector<int32_t>> token_rows(const tokenizer::Tokenizer& tokenizer, const tokenizer::ChatTemplate& form,
                                          bool markers_known) const;

  bool lora_ = false;
  int64_t r_ = 32;
  double alpha_ = 64, dropout_ = 0.05, lr_ = 8e-5, weight_decay_ = 0.01;
  std::vector<std::string> targets_, modules_, token_rows_ = {"auto"};
  bool rslora_ = false, dora_ = false;
  std::string weight_bits_ = "16";
};

}  // namespace lathe::cli
