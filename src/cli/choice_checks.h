// Multiple choice as a check during fine-tuning in the origin's older way (row C-8.21).
#pragma once

#include "cli/verb.h"
#include "model/transformer.h"
#include "tokenizer/tokenizer.h"

namespace lathe::cli {

// MMLU and ARC-Easy, the first `problems` of their test sets below <base>/hosted, one line with both accuracies. A set that is not
// there is left out.
Status print_choice_checks(Context& context, const fs::path& base, model::Transformer& model, const tokenizer::Tokenizer& tokenizer, int64_t step,
                           int64_t problems);

}  // namespace lathe::cli
