// Pieces of answers in OpenAI's form.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/json.h"
#include "infer/request.h"
#include "tokenizer/tokenizer.h"

namespace lathe::serve {

std::string random_id(std::string_view prefix);  // "chatcmpl-" and 24 hexadecimal digits
int64_t unix_seconds();

Json usage_json(const infer::Usage& usage);
const char* finish_word(infer::FinishReason reason);  // "stop", "length"

// A token's text as log-probabilities name it: its bytes where they are valid UTF-8, else "bytes:\xe2\x80", so that no two tokens of
// one list share a name.
std::string token_name(const tokenizer::Tokenizer& tokenizer, int32_t id);
double shown_log_prob(float log_prob);  // JSON has no infinity: -9999 in its place, as OpenAI says it

// {"token", "logprob", "bytes", "top_logprobs": [{"token", "logprob", "bytes"}, ...]} of chat answers.
Json chat_log_prob(const tokenizer::Tokenizer& tokenizer, const infer::LogProb& log_prob);

// {"text_offset", "tokens", "token_logprobs", "top_logprobs"} of completions, filled token by token. Offsets are in code points.
class CompletionLogProbs {
 public:
  explicit CompletionLogProbs(const tokenizer::Tokenizer& tokenizer) : tokenizer_(&tokenizer) { clear(); }

  void add(const infer::LogProb& log_prob);
  void add_unknown(int32_t token, bool in_text);  // null in the place of its log-probability; in_text: its characters are part of the text
  Json take();  // what was added since the last call

 private:
  void clear();
  void put(int32_t token, bool in_text, Json log_prob, Json top);

  const tokenizer::Tokenizer* tokenizer_;
  int64_t offset_ = 0;
  Json offsets_, tokens_, log_probs_, tops_;
};

}  // namespace lathe::serve
