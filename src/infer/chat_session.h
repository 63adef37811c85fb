// A conversation that grows turn by turn (rows C-11.3 to C-11.6, L-10.9), in the template of its model.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "infer/chat_format.h"
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

// One thread. The engine must outlive it.
class ChatSession {
 public:
  // In the chat family's template; an error for a tokenizer without its markers.
  static Result<ChatSession> make(Engine& engine, const ChatOptions& options);
  static Result<ChatSession> make(Engine& engine, const ChatFormat& format, const ChatOptions& options);

  // The answer to `text`, streamed. Afterwards the history holds the turn, always closed, also when
  // the answer ended otherwise or was cancelled. The oldest turns are dropped, whole, where they and room for an answer
  // do not fit the trained length. On an error (the newest turn alone does not fit) the history is as before.
  Result<StopReason> say(std::string_view text, const OnText& on_text, const IsCancelled& is_cancelled = {});
  // Another answer to the last text: its k-th repetition draws with seed + k. Needs a turn.
  Result<StopReason> answer_again(const OnText& on_text, const IsCancelled& is_cancelled = {});
  // Takes back the last turn; its text. Nothing without a turn.
  std::optional<std::string> undo();
  void clear();  // the system message stays

  // What stands before the conversation, in the template's place for it; in the chat family merged into the first user's text, as
  // training does. Empties the conversation.
  void set_system(std::string text);
  const std::string& system() const { return system_; }
  ChatOptions& options() { return options_; }

  int64_t turns() const { return static_cast<int64_t>(turns_.size()); }
  int64_t dropped_turns() const { return dropped_; }  // by the last answer
  int64_t prompt_tokens() const { return prompt_tokens_; }  // of the last answer
  int64_t answer_tokens() const { return answer_tokens_; }
  int64_t trained_length() const { return engine_->model().sequence_len(); }
  // Everything said, from the system message on; tool calls as text.
  std::vector<ChatMessage> messages() const;
  // Instead of what there is. An optional system message, then user and assistant in turn, the assistant last.
  Status restore(std::span<const ChatMessage> messages);
  // What has been said, in tokens. In the chat family answers stay the tokens that they were; in other templates they are read as text.
  const std::vector<int32_t>& history() const { return history_; }
  const ChatFormat& format() const { return format_; }

 private:
  struct Turn {
    std::string user, assistant;
    std::vector<int32_t> reply;  // as it was generated, tool marks as tokens
    uint64_t repetitions = 0;
  };
  ChatSession(Engine& engine, const ChatFormat& format, const ChatOptions& options, std::optional<ChatTokens> tokens);
  Result<StopReason> answer(Turn turn, const OnText& on_text, const IsCancelled& is_cancelled);
  // The tokens of turns_[first..]; open: up to the header of the last one's answer, which is yet to come.
  Result<std::vector<int32_t>> tokens_of(size_t first, bool open) const;
  std::vector<int32_t> chat_family_tokens(size_t first, bool open) const;
  Status remember();  // history_ from all turns

  Engine* engine_;
  ChatFormat format_;
  ChatOptions options_;
  std::optional<ChatTokens> tokens_;  // of the chat family
  std::string system_;
  std::vector<Turn> turns_;
  std::vector<int32_t> history_;
  int64_t dropped_ = 0, prompt_tokens_ = 0, answer_tokens_ = 0;
};

}  // namespace lathe::infer
