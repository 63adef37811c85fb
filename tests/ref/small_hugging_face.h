// Small models as Hugging Face folders, written by hand so that readers can be given any damage.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/hugging_face.h"
#include "tensor/safetensors.h"
#include "tests/ref/fuzz.h"
#include "tests/ref/small_models.h"

namespace lathe::testing {

// LLaMA, its kin and GPT-2: those that folder form has.
inline std::vector<SmallModel> foreign_models(int64_t sequence_len = 32) {
  std::vector<SmallModel> out;
  for (SmallModel& small : small_models(sequence_len)) {
    if (small.config.family == model::Family::kChat) continue;
    if (small.name == "qwen2") small.config.layer_kinds = "GS";  // its windows begin at a layer
    small.config.rope_length = small.config.positions == model::Positions::kRope ? sequence_len : 0;
    out.push_back(std::move(small));
  }
  SmallModel mistral{"mistral", model::llama_config(small_plain(sequence_len, false))}, llama3 = mistral;
  mistral.config.rope_length = llama3.config.rope_length = sequence_len;
  mistral.config.sliding_window = 6;
  llama3.name = "llama3";
  llama3.config.rope_scaling = {model::RopeStretch::kLlama3, 8, 1, 4, 16};
  out.push_back(std::move(mistral));
  out.push_back(std::move(llama3));
  return out;
}

inline std::unique_ptr<model::Transformer> write_foreign(const std::filesystem::path& folder, const model::ModelConfig& config,
                                                         DType dtype = DType::kFloat32) {
  auto model = random_model(config, DType::kFloat32);
  put_file(folder / "config.json", take(model::hugging_face_config(config, dtype, 1, 2)).dump(2));
  check(write_safetensors(folder / "model.safetensors", model::hugging_face_tensors(*model, dtype)));
  return model;
}

inline std::vector<float> some_logits(model::Transformer& model, int64_t n = 20) {
  ops::Context ctx;
  autograd::Tape tape(ctx, false);
  model::Batch batch;
  batch.ids = random_ids(n, 27, 4);
  const Tensor z = model.logits(ctx, model.forward(tape, batch).value);
  return {z.span<float>().begin(), z.span<float>().end()};
}

}  // namespace lathe::testing
