// Conversations of a .jsonl file ({"messages": [...]} a line), rendered for the packer. Held as text and rendered on
// demand; a line that cannot be read or rendered is an error that names file and line.
#pragma once

#include <memory>

#include "core/file.h"
#include "data/conversation_packer.h"
#include "tokenizer/conversation.h"
#include "tokenizer/tokenizer.h"

namespace lathe::train {

class ConversationFile : public data::ConversationSource {
 public:
  // max_tokens: a longer conversation is cut on the right (row C-2.28).
  static Result<std::unique_ptr<ConversationFile>> open(const fs::path& path, tokenizer::Tokenizer tokenizer, int64_t max_tokens);
  int64_t size() const override { return static_cast<int64_t>(lines_.size()); }
  Status get(int64_t index, data::RenderedConversation& conversation) override;

 private:
  struct Line {
    int64_t offset, bytes, number;
  };
  ConversationFile(fs::path path, MappedFile file, tokenizer::Tokenizer tokenizer, int64_t max_tokens)
      : path_(std::move(path)), file_(std::move(file)), tokenizer_(std::move(tokenizer)), max_tokens_(max_tokens) {}
  fs::path path_;
  MappedFile file_;
  tokenizer::Tokenizer tokenizer_;
  int64_t max_tokens_;
  std::vector<Line> lines_;
};

}  // namespace lathe::train
