#include "cli/model_choice.h"

#include "cli/training.h"

namespace lathe::cli {

void ModelChoice::describe(SettingsTable& table) {
  table.group("model");
  add_checkpoint_flags(table, &source, &step);
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
  return train::load_model(base, source, context.common().tag, step, resolved_dtype(context));
}

}  // namespace lathe::cli
