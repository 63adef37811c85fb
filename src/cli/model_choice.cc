#include "cli/model_choice.h"

#include "cli/training.h"

namespace lathe::cli {

void ModelChoice::describe(SettingsTable& table) {
  table.group("model");
  add_checkpoint_flags(table, &source, &step);
  table.add("weights", &weights, "of the linear layers: full, or codes of 8 or 4 bits in groups of 32").choices = {"full", "int8", "int4"};
  table.group("sampling");
  table.add("temperature", &sampling.temperature, "0: always the most likely token").short_flag = 't';
  table.add("top_k", &sampling.top_k, "0: the whole vocabulary").short_flag = 'k';
  table.add("top_p", &sampling.top_p, "1: off");
  table.add("min_p", &sampling.min_p, "0: off");
  table.add("repetition_penalty", &sampling.repetition_penalty, "1: off");
  table.add("max_tokens", &max_tokens, "of an answer").short_flag = 'm';
}

Result<train::LoadedModel> ModelChoice::load(const Context& context) {
  sampling.seed = static_cast<uint64_t>(context.common().seed);
  LATHE_TRY_STATUS(sampling.validate());
  LATHE_TRY(const fs::path base, context.base_folder());
  if (weights == "full") return train::load_model(base, source, context.common().tag, step, resolved_dtype(context));
  if (context.common().dtype == "fp32")
    return error("--weights ", weights, " multiplies bf16 numbers; leave out --dtype fp32 or choose --weights full");
  LATHE_TRY(train::LoadedModel loaded, train::load_model(base, source, context.common().tag, step, DType::kBFloat16));
  loaded.model->quantize(weights == "int8" ? ops::WeightBits::kEight : ops::WeightBits::kFour);
  return loaded;
}

}  // namespace lathe::cli
