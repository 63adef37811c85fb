// A set of conversations (tasks/conversation_set.h) rendered for training: what packers and streams read. Rendered on demand.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "data/conversation_packer.h"
#include "tasks/conversation_set.h"
#include "tokenizer/tokenizer.h"

namespace lathe::train {

class RenderedSet : public data::ConversationSource {
 public:
  // max_tokens: a longer conversation is cut on the right (row C-2.28). parts: names of a mixture's sets, by Example::part.
  RenderedSet(tasks::ConversationSetPtr set, tokenizer::Tokenizer tokenizer, int64_t max_tokens, std::vector<std::string> parts = {})
      : set_(std::move(set)), tokenizer_(std::move(tokenizer)), max_tokens_(max_tokens), parts_(std::move(parts)), taken_(parts_.size(), 0) {}
  int64_t size() const override { return set_->size(); }
  Status get(int64_t index, data::RenderedConversation& conversation) override;
  // Each part's name and its share of the conversations that this object has given out; parts of one name are one. One thread.
  std::vector<std::pair<std::string, double>> mix() const;

 private:
  tasks::ConversationSetPtr set_;
  tokenizer::Tokenizer tokenizer_;
  int64_t max_tokens_;
  std::vector<std::string> parts_;
  std::vector<int64_t> taken_;  // conversations of each part
};

}  // namespace lathe::train
