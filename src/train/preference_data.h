// Preference pairs as training reads them: tokens in memory, with what was verified on the way (rows L-9.1, L-9.13,
// L-9.15).
#pragma once

#include <string>
#include <vector>

#include "data/preference_pair.h"
#include "tokenizer/tokenizer.h"

namespace lathe::train {

struct PreferenceSet {
  std::string name;                      // of its folder or file
  std::vector<data::EncodedPair> pairs;  // all fit the limits
  int64_t prompts_cut = 0, dropped = 0;  // prompts shortened; pairs whose answers are too long
  std::string sha256;                    // of the tokens, in order
  int64_t longest() const;               // tokens of prompt and answer; 0 without pairs
  int64_t tokens() const;                // of all pairs: the prompt twice, and both answers
};

// A folder of `lathe corpus dpo` (its manifest's outputs, tokenizer and template are verified) or a .jsonl file. Errors
// name the file and the line. A folder without validation shards gives an empty set.
Result<PreferenceSet> load_preference_set(const fs::path& path, data::PreferenceSplit split,
                                          const tokenizer::Tokenizer& tokenizer,
                                          const tokenizer::ChatTemplate& chat_template, const data::PairLimits& limits);

// The template that the manifest of `folder` names; empty for a file, which names none.
Result<std::string> preference_template(const fs::path& folder);

}  // namespace lathe::train
