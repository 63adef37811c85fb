// What mid-training and fine-tuning train on: files or a mixture of tasks, rendered, as loaders of the chosen style.
// Rows C-8.1, C-8.5, C-8.8, C-8.19, C-8.20, C-8.24.
#pragma once

#include <memory>

#include "cli/sft_settings.h"
#include "data/conversation_packer.h"
#include "tokenizer/tokenizer.h"
#include "train/conversations.h"

namespace lathe::cli {

struct SftData {
  std::unique_ptr<train::RenderedSet> train;
  std::unique_ptr<train::RenderedSet> validation;  // null: without
  Json description;                                // of a mixture, to be recorded with the run; else null
  std::vector<fs::path> files;                     // with what is trained on
  std::vector<fs::path> beside;                    // validation, word lists, a mixture's description
};

// Prints warnings and what was opened. Validation that is the training file itself is an error (trap L5).
Result<SftData> open_sft_data(Context& context, const SftSettings& settings, const tokenizer::Tokenizer& tokenizer);

// `name` as a file, else among the shipped mixtures: "sft", "sft.json", "configs/mixtures/sft.json".
Result<fs::path> find_mixture(const std::string& name);

// A loader over one of them. epochs 0: endless. The source outlives it.
Result<std::unique_ptr<data::ConversationPacker>> sft_loader(const SftSettings& settings, const tokenizer::Tokenizer& tokenizer,
                                                             data::ConversationSource& source, int64_t epochs, uint64_t seed,
                                                             int64_t rank, int64_t world);

}  // namespace lathe::cli
