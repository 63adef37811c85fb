#include "infer/answer.h"

#include <algorithm>
#include <exception>

#include "core/text.h"

namespace lathe::infer {
namespace {

size_t words(size_t bits) { return (bits + 63) / 64; }

bool is_empty(const TokenMask& mask, size_t bits) {
  for (size_t word = 0; word < words(bits); ++word) {
    const size_t used = std::min<size_t>(64, bits - 64 * word);
    if (mask[word] << (64 - used) != 0) return false;
  }
  return true;
}

}  // namespace

Answer::Answer(const AnswerRules& rules, const Request& request, int64_t index)
    : rules_(rules), request_(request), index_(index),
      most_(rules.most_tokens(static_cast<int64_t>(request.prompt.size()), request.max_tokens)),
      sampler_(request.sampling, rules.vocab_size(), 1, {index}), decoder_(rules.tokenizer()),
      stop_(request.ignore_terminal ? std::span<const std::string>() : request.stop_texts) {
  for (const int32_t id : request.prompt) sampler_.observe(0, id, TokenOrigin::kPrompt);
  if (request.calculator) machine_.emplace(rules.tool_machine(*request.calculator));
  if (!request.ignore_terminal) terminals_ = rules.terminals(request.stop_ids);
  if (most_ == 0) end(FinishReason::kLength, -1);
  if (request.grammar == nullptr || is_finished()) return;
  grammar_ = request.grammar->start();
  look_ahead();
}

// A text of the grammar that cannot go on is the whole answer.
void Answer::look_ahead() {
  allowed_.assign(words(static_cast<size_t>(rules_.tokenizer().vocab_size())), 0);
  grammar_->fill(allowed_);
  if (!is_empty(allowed_, static_cast<size_t>(rules_.vocab_size()))) return;
  if (grammar_->is_complete())
    end(FinishReason::kStop, -1);
  else
    failure_ = "the grammar allows no token of the vocabulary";
}

int32_t Answer::draw(std::span<const float> logits) {
  logits = logits.first(static_cast<size_t>(rules_.vocab_size()));
  const bool early = taken_ < request_.min_tokens && !terminals_.empty();
  if (!early && grammar_ == nullptr) return sampler_.draw(logits, 0, taken_);
  if (grammar_ == nullptr) allowed_.assign(words(logits.size()), ~uint64_t{0});
  for (const int32_t token : terminals_) {
    const uint64_t bit = uint64_t{1} << (static_cast<unsigned>(token) % 64);
    uint64_t& word = allowed_[static_cast<size_t>(token) / 64];
    word = !early && grammar_->is_complete() ? word | bit : word & ~bit;
  }
  if (is_empty(allowed_, logits.size())) failure_ = "no token may come next: all that the grammar allows are stop tokens";
  return failure_.empty() ? sampler_.draw(logits, 0, taken_, &allowed_) : -1;
}

int32_t Answer::take(std::span<const float> logits) {
  try {
    return take_next(logits);
  } catch (const std::exception& e) {  // of a grammar; rows take their tokens in threads, and one must not end the others
    failure_ = e.what();
    return -1;
  }
}

int32_t Answer::take_next(std::span<const float> logits) {
  int32_t token = -1;
  const bool sampled = forced_.empty();
  if (sampled) {
    token = draw(logits);
    if (token < 0) {
      if (!failure_.empty()) return -1;
      failure_ = join_text("the model gave logits that are not finite after ", static_cast<int64_t>(request_.prompt.size()) + taken_,
                           " tokens; its weights are damaged");
      return -1;
    }
  } else {
    token = forced_.front();
    forced_.erase(forced_.begin());
  }
  sampler_.observe(0, token);
  ++taken_;
  if (!request_.ignore_terminal && rules_.is_terminal(token, request_.stop_ids)) {
    end(FinishReason::kStop, token);
    return token;
  }
  new_tokens_.push_back(token);
  sampled_.push_back(sampled);
  if (sampled && machine_) {
    machine_->advance(token);
    while (machine_->forcing()) forced_.push_back(machine_->advance(-1).token);
  }
  text_ += stop_.push(decoder_.push(token));
  if (stop_.found()) {
    end(FinishReason::kStop, -1);
    return token;
  }
  if (grammar_ != nullptr) {
    if (!grammar_->accept(token)) {
      failure_ = join_text("the grammar refused token ", token, ", which it had allowed");
      return -1;
    }
    look_ahead();
    if (!failure_.empty()) return -1;
  }
  if (!is_finished() && taken_ == most_) end(FinishReason::kLength, -1);
  return token;
}

void Answer::end(FinishReason reason, int32_t terminal) {
  if (!stop_.found()) {
    text_ += stop_.push(decoder_.flush());
    if (stop_.found())
      reason = FinishReason::kStop;
    else
      text_ += stop_.flush();
  }
  finish_ = Finish{index_, reason, terminal, stop_.which()};
}

void Answer::clear_delta() {
  text_.clear();
  new_tokens_.clear();
  sampled_.clear();
  log_probs.clear();
}

}  // namespace lathe::infer
