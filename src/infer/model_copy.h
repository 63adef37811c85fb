// A copy of a model's weights to generate from while the model itself goes on training: bfloat16, whatever the model trains in, and
// nothing else of its memory (no masters, gradients or optimizer state).
#pragma once

#include <memory>

#include "infer/transformer_model.h"

namespace lathe::infer {

class ModelCopy {
 public:
  explicit ModelCopy(const model::ModelConfig& config);
  static std::unique_ptr<ModelCopy> of(const model::Transformer& model);  // of its config; take() has yet to be called
  // Copies the weights, with the adapters that are on worked in and codes as numbers; `from` has this config and nobody writes to it
  // meanwhile. Uses the caller's threads. Throws "[model_copy] ..." for another config.
  void take(const model::Transformer& from);
  LanguageModel& model() { return model_; }
  int64_t bytes() const;  // of the weights

 private:
  model::Transformer transformer_;
  TransformerModel model_;
};

}  // namespace lathe::infer
