// The tokens of a vocabulary by their bytes, in one array: nodes in depth-first order, so that a walk is a loop and what cannot come
// next is stepped over in one jump.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "infer/code_set.h"
#include "tokenizer/tokenizer.h"

namespace lathe::infer {

class TokenTrie {
 public:
  explicit TokenTrie(const tokenizer::Tokenizer& tokenizer);

  struct Node {
    uint8_t byte;
    uint16_t depth;       // 1 for a first byte
    int32_t end;          // the first node that is not below this one
    int32_t first_token, last_token;  // of tokens(), those that end here
  };
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<int32_t>& tokens() const { return tokens_; }
  int32_t max_depth() const { return max_depth_; }
  int64_t vocab_size() const { return vocab_size_; }
  // Empty: the token is special, has no bytes, or cannot be used where not every byte is a token.
  std::string_view bytes_of(int32_t token) const;

  // Whether each byte is a token by itself, so that any text can be written. Else tokens are used that are whole characters, and
  // spellable() holds the characters that are one token.
  bool writes_every_byte() const { return writes_every_byte_; }
  const CodeSet& spellable() const { return spellable_; }

 private:
  std::vector<Node> nodes_;
  std::vector<int32_t> tokens_;
  std::string text_;              // bytes of all usable tokens, one after another
  std::vector<int64_t> offsets_;  // (vocab_size + 1)
  int64_t vocab_size_;
  int32_t max_depth_ = 0;
  bool writes_every_byte_ = true;
  CodeSet spellable_;
};

}  // namespace lathe::infer
