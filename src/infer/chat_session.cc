#include "infer/chat_session.h"

namespace lathe::infer {

Result<ChatSession> ChatSession::make(Engine& engine, const ChatOptions& options) {
  LATHE_TRY(const ChatTokens tokens, ChatTokens::of(engine.tokenizer()));
  LATHE_TRY_STATUS(options.sampling.validate());
  return ChatSession(engine, tokens, options);
}

Result<StopReason> ChatSession::say(std::string_view text, const OnText& on_text, const IsCancelled& is_cancelled) {
  const size_t before = history_.size();
  append_user_turn(engine_->tokenizer(), tokens_, text, history_);
  GenerateOptions options;
  options.max_tokens = options_.max_tokens;
  options.sampling = options_.sampling;
  Result<Reply> reply = stream_reply(*engine_, history_, options, on_text, is_cancelled);
  if (!reply.ok()) {
    history_.resize(before);
    return reply.error();
  }
  history_.insert(history_.end(), reply.value().tokens.begin(), reply.value().tokens.end());
  history_.push_back(tokens_.assistant_end);
  return reply.value().reason;
}

}  // namespace lathe::infer
