// Ids and mask of a conversation, span by span: what a template's literals say can be special tokens, what people say never.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tokenizer/render.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {

class TemplateWriter {
 public:
  enum class Spans {
    kApart,   // each text is encoded by itself; literals that stand side by side together (our own templates)
    kJoined,  // what stands between two special tokens together, as other programs encode a rendered conversation; an answer begins
              // a span of its own all the same where its tokens would change those before it
  };
  // The tokenizer must outlive it.
  TemplateWriter(const Tokenizer& tokenizer, Spans spans);

  // Names of special tokens and kBosMark, kEndMark (template_layout.h) become tokens; what the tokenizer does not have stays text.
  // The mask is that of everything up to and including the first token of those.
  void literal(std::string_view text, uint8_t mask = 0);
  void text(std::string_view words, uint8_t mask);
  void mark(int32_t id, uint8_t mask);
  Rendered finish();

 private:
  void flush();
  void append(std::string_view words, uint8_t mask);

  const Tokenizer& tokenizer_;
  const Spans spans_;
  bool adds_space_ = false;  // the tokenizer puts a space before every text itself
  std::string pending_;      // not yet encoded, mask 0
  std::string tail_;         // kJoined: the text since the last special token, and where its ids begin
  size_t tail_begin_ = 0;
  Rendered out_;
};

}  // namespace lathe::tokenizer
