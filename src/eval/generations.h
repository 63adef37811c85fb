// Texts that a model writes to fixed prompts, under a fixed seed, and what can be counted about them (rows L-6.5, L-8.5). "Quality"
// has no published formula: the parts are reported, each with a plain meaning, and no single score.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/json.h"
#include "infer/engine.h"
#include "tasks/interval.h"
#include "tokenizer/chat_template.h"

namespace lathe::eval {

struct Generation {
  std::string text;     // whole, without any special token
  int64_t tokens = 0;   // generated, without the one that ended it
  bool stopped = false; // by a token that ends an answer, not by a limit
  bool leaked = false;  // a special token inside the answer, or a marker of a chat template spelled out
  bool no_room = false; // the prompt fills the model's context: the text is empty
};

struct GenerationOptions {
  infer::SamplingOptions sampling;
  int64_t max_new_tokens = 128;
  std::vector<int32_t> stop_ids;
  const tokenizer::ChatTemplate* chat_template = nullptr;  // how an answer is shown; null: as it is
  infer::IsCancelled is_cancelled;                         // then the error says "cancelled"
};

// One text per prompt, in order; a prompt's text depends on the prompt, its place and the options alone. Answers end at the
// model's trained length.
Result<std::vector<Generation>> generate_texts(infer::Engine& engine, std::span<const std::vector<int32_t>> prompts, const GenerationOptions& options);

struct GenerationQuality {
  int64_t n = 0, stopped = 0, empty = 0, in_range = 0, leaked = 0, no_room = 0;
  double distinct[3] = {0, 0, 0};  // different runs of 1, 2, 3 words among all such runs of all texts (Li et al. 2016, arXiv:1510.03055)
  std::vector<double> repeated;    // per text: share of its runs of 4 words that it had before; 0 for less than 4 words
  double mean_words = 0, mean_tokens = 0;
  int64_t min_words = 0, max_words = 0;  // the range asked for
  // An object of figures by part, shares with their Wilson intervals.
  Json to_json() const;
};

// in_range: min_words to max_words words.
GenerationQuality measure_quality(std::span<const Generation> texts, int64_t min_words, int64_t max_words);

// Share of the runs of n words that stood in the text before; 0 for less than n words.
double repeated_share(const std::string& text, int64_t n);

}  // namespace lathe::eval
