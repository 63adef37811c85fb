// Text from ids that arrive one by one (rows C-11.5, C-11.12): a character whose bytes are not all there yet is held
// back, and what is still incomplete at the end is flushed. push(...)... + flush() equals Tokenizer::decode of all ids.
#pragma once

#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {

class StreamDecoder {
 public:
  explicit StreamDecoder(Tokenizer tokenizer) : tokenizer_(std::move(tokenizer)) {}

  std::string push(int32_t id);  // the text that became certain; may be empty
  std::string flush();           // the rest, U+FFFD for an incomplete character; the decoder is then as new

 private:
  Tokenizer tokenizer_;
  std::string held_;  // at most 3 bytes that begin a valid character
};

}  // namespace lathe::tokenizer
