#include "infer/chat_session.h"

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace lathe::infer {

ChatSession::ChatSession(Engine& engine, const ChatFormat& format, const ChatOptions& options, std::optional<ChatTokens> tokens)
    : engine_(&engine), format_(format), options_(options), tokens_(tokens) {
  clear();
}

Result<ChatSession> ChatSession::make(Engine& engine, const ChatOptions& options) {
  LATHE_TRY([[maybe_unused]] const ChatTokens tokens, ChatTokens::of(engine.tokenizer()));
  LATHE_TRY(const ChatFormat format, ChatFormat::find("chat", engine.tokenizer()));
  return make(engine, format, options);
}

Result<ChatSession> ChatSession::make(Engine& engine, const ChatFormat& format, const ChatOptions& options) {
  LATHE_TRY_STATUS(options.sampling.validate());
  if (format.name() != "chat") return ChatSession(engine, format, options, std::nullopt);
  LATHE_TRY(const ChatTokens tokens, ChatTokens::of(engine.tokenizer()));
  return ChatSession(engine, format, options, tokens);
}

std::vector<int32_t> ChatSession::chat_family_tokens(size_t first, bool open) const {
  std::vector<int32_t> ids = {tokens_->bos};
  for (size_t i = first; i < turns_.size(); ++i) {
    const bool with_system = i == first && !system_.empty();
    append_user_turn(engine_->tokenizer(), *tokens_, with_system ? system_ + "\n\n" + turns_[i].user : turns_[i].user, ids);
    if (open && i + 1 == turns_.size()) break;
    ids.insert(ids.end(), turns_[i].reply.begin(), turns_[i].reply.end());
    ids.push_back(tokens_->assistant_end);
  }
  return ids;
}

Result<std::vector<int32_t>> ChatSession::tokens_of(size_t first, bool open) const {
  if (tokens_) return chat_family_tokens(first, open);
  if (first == turns_.size()) return std::vector<int32_t>{};
  std::vector<ChatTurn> turns;
  if (!system_.empty()) turns.push_back({"system", system_});
  for (size_t i = first; i < turns_.size(); ++i) {
    turns.push_back({"user", turns_[i].user});
    if (!open || i + 1 < turns_.size()) turns.push_back({"assistant", turns_[i].assistant});
  }
  LATHE_TRY(ChatPrompt prompt, format_.prompt(turns, {}, !open));
  return std::move(prompt.ids);
}

Status ChatSession::remember() {
  LATHE_TRY(history_, tokens_of(0, false));
  return {};
}

Result<StopReason> ChatSession::answer(Turn turn, const OnText& on_text, const IsCancelled& is_cancelled) {
  const std::vector<Turn> before = turns_;
  turns_.push_back(std::move(turn));
  const int64_t room = std::min(options_.max_tokens, trained_length() / 2);
  size_t first = 0;
  Result<std::vector<int32_t>> prompt = tokens_of(0, true);
  while (prompt.ok() && static_cast<int64_t>(prompt.value().size()) + room > trained_length() && first + 1 < turns_.size()) prompt = tokens_of(++first, true);
  if (!prompt.ok()) {
    turns_ = before;
    return prompt.error();
  }
  GenerateOptions options;
  options.max_tokens = options_.max_tokens;
  options.sampling = options_.sampling;
  options.sampling.seed += turns_.back().repetitions;
  options.stop_ids = format_.stop_ids();
  std::string text;
  const auto keep = [&](std::string_view piece) {
    text += piece;
    return on_text(piece);
  };
  Result<Reply> reply = stream_reply(*engine_, prompt.value(), options, keep, is_cancelled);
  if (!reply.ok()) {
    turns_ = before;
    return reply.error();
  }
  dropped_ = static_cast<int64_t>(first);
  prompt_tokens_ = static_cast<int64_t>(prompt.value().size());
  answer_tokens_ = static_cast<int64_t>(reply.value().tokens.size());
  turns_.back().assistant = format_.chat_template().shown(std::move(text));
  turns_.back().reply = std::move(reply.value().tokens);
  turns_.erase(turns_.begin(), turns_.begin() + static_cast<std::ptrdiff_t>(first));
  LATHE_TRY_STATUS(remember());
  return reply.value().reason;
}

Result<StopReason> ChatSession::say(std::string_view text, const OnText& on_text, const IsCancelled& is_cancelled) {
  return answer({std::string(text), {}, {}, 0}, on_text, is_cancelled);
}

Result<StopReason> ChatSession::answer_again(const OnText& on_text, const IsCancelled& is_cancelled) {
  require(!turns_.empty(), "[chat] there is no answer to repeat");
  const Turn last = turns_.back();
  turns_.pop_back();
  Result<StopReason> reason = answer({last.user, {}, {}, last.repetitions + 1}, on_text, is_cancelled);
  if (!reason.ok()) turns_.push_back(last);
  return reason;
}

std::optional<std::string> ChatSession::undo() {
  if (turns_.empty()) return std::nullopt;
  std::string text = std::move(turns_.back().user);
  turns_.pop_back();
  LATHE_CHECK(remember().ok(), "turns that were written before");
  return text;
}

void ChatSession::clear() {
  turns_.clear();
  history_.clear();
  if (tokens_) history_.push_back(tokens_->bos);
}

void ChatSession::set_system(std::string text) {
  clear();
  system_ = std::move(text);
}

std::vector<ChatMessage> ChatSession::messages() const {
  using tokenizer::Role;
  std::vector<ChatMessage> messages;
  if (!system_.empty()) messages.push_back({Role::kSystem, system_});
  for (const Turn& turn : turns_) {
    messages.push_back({Role::kUser, turn.user});
    messages.push_back({Role::kAssistant, turn.assistant});
  }
  return messages;
}

Status ChatSession::restore(std::span<const ChatMessage> messages) {
  using tokenizer::Role;
  const bool has_system = !messages.empty() && messages[0].role == Role::kSystem;
  const auto said = messages.subspan(has_system ? 1 : 0);
  std::vector<Turn> turns;
  for (size_t i = 0; i < said.size(); ++i) {
    if (said[i].role != (i % 2 == 0 ? Role::kUser : Role::kAssistant))
      return error("message ", i + (has_system ? 1 : 0), " is the ", tokenizer::role_name(said[i].role), "'s; user and assistant must take turns, the user first");
    if (i % 2 == 0)
      turns.push_back({said[i].text, {}, {}, 0});
    else
      turns.back().assistant = said[i].text, turns.back().reply = engine_->tokenizer().encode(said[i].text);
  }
  if (said.size() % 2 != 0) return error("the last message is the user's; the conversation must end with the assistant's");
  system_ = has_system ? messages[0].text : "";
  turns_ = std::move(turns);
  return remember();
}

}  // namespace lathe::infer
