// Preference pairs: a conversation that ends with the user's message, a better answer and a worse one. As text (a line
// of a shard, docs/formats/preferences.md) and as tokens. Rows L-9.1, L-9.5, L-9.7, L-9.13.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "core/result.h"
#include "tokenizer/chat_template.h"

namespace lathe::data {

struct PreferencePair {
  tokenizer::Conversation prompt;
  std::string chosen, rejected;
};

// {"prompt": [{"role", "content"}, ...], "chosen": text, "rejected": text}; a prompt that is a text is one user
// message. Errors: a key that is missing or of another type, a prompt that does not end with the user.
Result<PreferencePair> preference_pair_from_json(const Json& json);
Json preference_pair_to_json(const PreferencePair& pair);

// One prompt for both answers, so that their prompt tokens are the same; each answer ends with its stop token.
struct EncodedPair {
  std::vector<int32_t> prompt, chosen, rejected;
  int64_t longest_response() const { return static_cast<int64_t>(std::max(chosen.size(), rejected.size())); }
  int64_t longest() const { return static_cast<int64_t>(prompt.size()) + longest_response(); }
};
Result<EncodedPair> encode_pair(const tokenizer::Tokenizer& tokenizer, const tokenizer::ChatTemplate& chat_template,
                                const PreferencePair& pair);

struct PairLimits {
  int64_t max_length = 1024;  // tokens of prompt and answer
  int64_t max_prompt_length = 512;
};
inline constexpr int64_t kLeastPrompt = 8;  // tokens of a prompt that was cut

enum class Fit { kWhole, kPromptCut, kTooLong };
// Cuts the prompt from its front, behind a leading BOS (bos < 0: none), to max_prompt_length and further until the
// answers fit; answers are never cut. kTooLong: they do not fit beside kLeastPrompt tokens of prompt; the pair is left
// as it is.
Fit fit_pair(EncodedPair& pair, const PairLimits& limits, int32_t bos);

// Tokens by which the answers differ: those of the longer one between the common beginning and the common end.
int64_t differing_tokens(const std::vector<int32_t>& chosen, const std::vector<int32_t>& rejected);

enum class PreferenceSplit { kTrain, kValidation };
// The shards of a split in a folder that `lathe corpus dpo` wrote (train_00000.jsonl ..., val_00000.jsonl ...), sorted.
// None of the training split is an error that names the command.
Result<std::vector<fs::path>> preference_shards(const fs::path& folder, PreferenceSplit split);
// All pairs of a .jsonl file (also .gz, .zst); an error names file and line.
Result<std::vector<PreferencePair>> read_preference_pairs(const fs::path& file);

}  // namespace lathe::data
