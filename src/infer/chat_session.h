// A conversation in tokens that grows turn by turn (rows C-11.3 to C-11.6).
#pragma once

#include <vector>

#include "infer/chat_prompt.h"
#include "infer/reply.h"

namespace lathe::infer {

struct ChatOptions {
  ChatOptions() {
    sampling.temperature = 0.6;
    sampling.top_k = 50;
  }
  SamplingOptions sampling;  // the seed is used anew for every answer: the same history gives the same answer
  int64_t max_tokens = 256;
};

// One thread. The engine must outlive it; its tokenizer must have the chat markers.
class ChatSession {
 public:
  static Result<ChatSession> make(Engine& engine, const ChatOptions& options);

  // The answer to `text`, streamed. Afterwards the history holds the turn, always closed by assistant_end, also when
  // the answer ended otherwise or was cancelled. On an error (the conversation no longer fits) the history is as
  // before.
  Result<StopReason> say(std::string_view text, const OnText& on_text, const IsCancelled& is_cancelled = {});

  void clear() { history_ = {tokens_.bos}; }
  const std::vector<int32_t>& history() const { return history_; }

 private:
  ChatSession(Engine& engine, const ChatTokens& tokens, const ChatOptions& options)
      : engine_(&engine), tokens_(tokens), options_(options), history_({tokens.bos}) {}

  Engine* engine_;
  ChatTokens tokens_;
  ChatOptions options_;
  std::vector<int32_t> history_;
};

}  // namespace lathe::infer
