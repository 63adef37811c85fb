// One answer as it grows, token by token: what may be drawn and is drawn, what the calculator forces in, what the text is, when it
// ends. All of it follows from the request, the answer's number and the logits; nothing from other answers.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "infer/answer_rules.h"
#include "infer/request.h"
#include "infer/stop_text.h"
#include "tokenizer/stream_decoder.h"

namespace lathe::infer {

// One thread at a time. Rules and request must outlive it.
class Answer {
 public:
  Answer(const AnswerRules& rules, const Request& request, int64_t index);

  // Takes the next token: the first of forced(), else one drawn from the logits after all tokens so far, (V) or more. Returns it, or
  // -1 when the answer has failed. Not after finished() or failed().
  int32_t take(std::span<const float> logits);

  std::span<const int32_t> forced() const { return forced_; }  // come next whatever is drawn
  int64_t taken() const { return taken_; }          // tokens so far, with the terminal one
  int64_t remaining() const { return most_ - taken_; }  // at most so many more will be taken
  bool is_finished() const { return finish_.has_value(); }
  const Finish& finish() const { return *finish_; }
  const std::string& failure() const { return failure_; }  // empty: none

  // What came since the last clear_delta(). log_probs: one for each token of it, by the engine.
  Delta delta() const { return {index_, text_, new_tokens_, sampled_, log_probs}; }
  void clear_delta();
  std::vector<LogProb> log_probs;

 private:
  int32_t take_next(std::span<const float> logits);
  int32_t draw(std::span<const float> logits);
  void look_ahead();
  void end(FinishReason reason, int32_t terminal);

  const AnswerRules& rules_;
  const Request& request_;
  const int64_t index_, most_;
  Sampler sampler_;
  std::optional<tasks::ToolMachine> machine_;
  std::unique_ptr<GrammarState> grammar_;
  std::vector<int32_t> terminals_;
  tokenizer::StreamDecoder decoder_;
  StopText stop_;
  std::vector<int32_t> forced_;
  int64_t taken_ = 0;
  std::optional<Finish> finish_;
  std::string failure_;
  TokenMask allowed_;  // by the grammar, of the next token
  std::string text_;
  std::vector<int32_t> new_tokens_;
  std::vector<uint8_t> sampled_;
};

}  // namespace lathe::infer
