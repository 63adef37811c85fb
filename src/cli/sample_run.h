// What a base model writes (row C-7.6): the seven prompts continued greedily by 16 tokens, and eight texts from nothing of 128
// tokens at temperature 1, seed 42.
#pragma once

#include "cli/base_results.h"

namespace lathe::cli {

struct Samples {
  std::vector<std::string> prompted, unconditioned;  // with the token that begins them
};
Result<Samples> draw_samples(model::Transformer& model, const tokenizer::Tokenizer& tokenizer);

// Draws, prints each below a rule of 80 dashes and keeps them. A foreign model is passed over, with a notice.
Result<Samples> sample_run(Context& context, const EvaluatedModel& evaluated, const train::LoadedModel& loaded, const BaseResults& results);

}  // namespace lathe::cli
