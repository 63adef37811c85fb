// Texts of the small trainer's models: samples during training and `train_tinyllm --generate_only` (rows L-11.74 to L-11.76,
// L-11.106 to L-11.111).
#pragma once

#include <string>
#include <vector>

#include "cli/verb.h"
#include "infer/engine.h"
#include "model/transformer.h"
#include "tokenizer/tokenizer.h"
#include "train/tiny_settings.h"

namespace lathe::cli {

struct SampleStart {
  std::vector<int32_t> tokens;
  std::string description;  // "the prompt", "a line break" or "the vocabulary's first token"
};
// An empty prompt starts from a line break, or from the first token where the vocabulary has none.
SampleStart sample_start(const train::TinySettings& settings, const tokenizer::Tokenizer& tokenizer);

// ignored: names of the settings that have no effect because do_sample is off.
infer::GenerateOptions sample_options(const train::TinySettings& settings, uint64_t seed, std::vector<std::string>* ignored = nullptr);

// The start and sample_chars new tokens.
Result<std::string> draw_sample(const train::TinySettings& settings, model::Transformer& model, const tokenizer::Tokenizer& tokenizer,
                                const SampleStart& start, uint64_t seed);

// Loads the checkpoint of out_dir with its tokenizer and prints a text; reads no data.
Result<Exit> generate_only(Context& context, const train::TinySettings& settings);

}  // namespace lathe::cli
