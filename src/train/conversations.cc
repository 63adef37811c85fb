#include "train/conversations.h"

#include "tokenizer/render.h"

namespace lathe::train {

Status RenderedSet::get(int64_t index, data::RenderedConversation& conversation) {
  LATHE_TRY(const tasks::Example example, set_->get(index));
  Result<tokenizer::Rendered> rendered = tokenizer::render_conversation(tokenizer_, example.conversation, max_tokens_);
  if (!rendered.ok()) return error("conversation ", index, ": ", rendered.error().message);
  conversation.ids = std::move(rendered.value().ids);
  conversation.mask = std::move(rendered.value().mask);
  return {};
}

}  // namespace lathe::train
