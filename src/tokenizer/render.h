// Conversations to token ids and a loss mask (rows C-2.23 to C-2.30): mask 1 where the assistant must learn to speak,
// its end marker and its tool calls included; 0 for everything it is given.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "tokenizer/conversation.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {

inline constexpr int64_t kMaxRenderedTokens = 2048;

struct Rendered {
  std::vector<int32_t> ids;
  std::vector<uint8_t> mask;  // one per id
  int64_t dropped = 0;        // tokens cut off on the right by max_tokens
};

// Errors: no message, roles that do not alternate from the user on (after one optional leading system message, which
// is joined to the first user message), a user message with parts, or a tokenizer without the markers.
Result<Rendered> render_conversation(const Tokenizer& tokenizer, const Conversation& conversation,
                                     int64_t max_tokens = kMaxRenderedTokens);

// The prompt for the last message, which must be the assistant's: what precedes it, cut to max_tokens, then
// assistant_start.
Result<Rendered> render_prompt(const Tokenizer& tokenizer, const Conversation& conversation,
                               int64_t max_tokens = kMaxRenderedTokens);
Result<std::vector<int32_t>> render_for_completion(const Tokenizer& tokenizer, const Conversation& conversation,
                                                   int64_t max_tokens = kMaxRenderedTokens);

// The tokens joined by "|" for a terminal: green where mask is 1, red where it is 0; with_ids adds "(id)" in grey
// after each as an element of its own.
std::string visualize(const Tokenizer& tokenizer, const Rendered& rendered, bool with_ids = false);

// The tokens of any text for a terminal, each in the next of a row of colours, so that borders are seen without a sign
// between them. Line ends, tabs and other control characters are shown as escapes, a line end is also one; a token that
// is not whole characters shows its other bytes as <XX>; special tokens are red.
std::string visualize_pieces(const Tokenizer& tokenizer, std::span<const int32_t> ids, bool with_ids = false);

}  // namespace lathe::tokenizer
