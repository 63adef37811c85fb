// A set of conversations (tasks/conversation_set.h) rendered for training: what packers and streams read. Rendered on demand.
#pragma once

#include "data/conversation_packer.h"
#include "tasks/conversation_set.h"
#include "tokenizer/tokenizer.h"

namespace lathe::train {

class RenderedSet : public data::ConversationSource {
 public:
  // max_tokens: a longer conversation is cut on the right (row C-2.28).
  RenderedSet(tasks::ConversationSetPtr set, tokenizer::Tokenizer tokenizer, int64_t max_tokens)
      : set_(std::move(set)), tokenizer_(std::move(tokenizer)), max_tokens_(max_tokens) {}
  int64_t size() const override { return set_->size(); }
  Status get(int64_t index, data::RenderedConversation& conversation) override;

 private:
  tasks::ConversationSetPtr set_;
  tokenizer::Tokenizer tokenizer_;
  int64_t max_tokens_;
};

}  // namespace lathe::train
