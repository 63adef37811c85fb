#include "serve/completion_answer.h"

#include <utility>

#include "serve/api_endpoint.h"

namespace lathe::serve {

// What the engine tells of one prompt.
class CompletionAnswer::Listener : public infer::RequestListener {
 public:
  Listener(std::shared_ptr<CompletionAnswer> answer, size_t prompt)
      : answer_(std::move(answer)), prompt_(prompt), times_(answer_->options_.metrics) {}

  bool is_gone() const override { return answer_->options_.reply->is_gone() || answer_->options_.reply->answered(); }
  void refused() override {
    const std::lock_guard lock(answer_->mutex_);
    answer_->refused(prompt_);
  }
  void started(std::span<const infer::LogProb> prompt_log_probs) override {
    const std::lock_guard lock(answer_->mutex_);
    answer_->started(prompt_, prompt_log_probs);
  }
  void delta(const infer::Delta& delta) override {
    times_.came(delta.index, delta.tokens.size());
    const std::lock_guard lock(answer_->mutex_);
    answer_->delta(prompt_, delta);
  }
  void finished(const infer::Finish& finish) override {
    const std::lock_guard lock(answer_->mutex_);
    answer_->finished(prompt_, finish);
  }
  void done(const Status& status, const infer::Usage& usage) override {
    times_.done(usage);
    const std::lock_guard lock(answer_->mutex_);
    answer_->done(prompt_, status, usage);
  }

 private:
  const std::shared_ptr<CompletionAnswer> answer_;
  const size_t prompt_;
  TokenTimes times_;
};

CompletionAnswer::CompletionAnswer(Options options, std::vector<Prompt> prompts)
    : options_(std::move(options)), id_(random_id("cmpl-")), created_(unix_seconds()), n_(prompts.front().request.n), prompts_(std::move(prompts)) {
  rows_.resize(prompts_.size() * static_cast<size_t>(n_));
  for (size_t i = 0; i < prompts_.size(); ++i) waiting_.push_back(i);
  if (options_.log_probs)
    for (Row& row : rows_) row.log_probs = std::make_unique<CompletionLogProbs>(options_.target.model->tokenizer);
}

void CompletionAnswer::start() {
  const std::lock_guard lock(mutex_);
  submit_more();
}

void CompletionAnswer::fail(const ApiFault& fault) {
  over_ = true;
  options_.reply->fail(fault);
}

// A prompt that finds the queue full waits for another of this request to end; the request fails when there is none.
void CompletionAnswer::submit_more() {
  while (!over_ && !waiting_.empty() && under_way_ < kMostAtATime) {
    const size_t prompt = waiting_.front();
    infer::Request request = prompts_[prompt].request;
    const Submission submission = options_.target.model->worker->submit(std::move(request), std::make_shared<Listener>(shared_from_this(), prompt));
    if (submission == Submission::kFull && under_way_ > 0) return;
    if (submission != Submission::kAccepted) return fail(fault_of(submission, options_.target));
    waiting_.pop_front();
    ++under_way_;
  }
}

void CompletionAnswer::refused(size_t prompt) {
  --under_way_;
  if (over_) return;
  if (under_way_ == 0) return fail(queue_full());
  waiting_.push_front(prompt);
}

Json CompletionAnswer::head() const {
  Json json = Json::object();
  json["id"] = id_;
  json["object"] = "text_completion";
  json["created"] = created_;
  json["model"] = options_.model;
  json["seed"] = options_.seed;
  return json;
}

Json CompletionAnswer::choice(size_t prompt, int64_t answer, std::string text, Json log_probs, const char* finish) const {
  Json json = Json::object();
  json["index"] = static_cast<int64_t>(prompt) * n_ + answer;
  json["text"] = std::move(text);
  json["logprobs"] = std::move(log_probs);
  json["finish_reason"] = finish ? Json(finish) : Json();
  return json;
}

void CompletionAnswer::send_chunk(size_t prompt, int64_t answer, std::string text, Json log_probs, const char* finish) {
  Json chunk = head();
  chunk["choices"] = Json(Json::Array{choice(prompt, answer, std::move(text), std::move(log_probs), finish)});
  if (options_.include_usage) chunk["usage"] = Json();
  options_.reply->event(chunk);
}

void CompletionAnswer::started(size_t prompt, std::span<const infer::LogProb> prompt_log_probs) {
  if (over_) return;
  if (options_.stream) options_.reply->begin();
  if (!options_.echo) return;
  const Prompt& asked = prompts_[prompt];
  for (int64_t answer = 0; answer < n_; ++answer) {
    Row& told = row(prompt, answer);
    if (told.log_probs) {
      told.log_probs->add_unknown(asked.request.prompt.front(), !asked.added_first);
      for (const infer::LogProb& log_prob : prompt_log_probs) told.log_probs->add(log_prob);
    }
    if (options_.stream)
      send_chunk(prompt, answer, asked.text, told.log_probs ? told.log_probs->take() : Json(), nullptr);
    else
      told.text = asked.text;
  }
}

void CompletionAnswer::delta(size_t prompt, const infer::Delta& delta) {
  if (over_ || options_.prompt_only) return;
  Row& told = row(prompt, delta.index);
  if (told.log_probs)
    for (const infer::LogProb& log_prob : delta.log_probs) told.log_probs->add(log_prob);
  if (!options_.stream)
    told.text += delta.text;
  else if (!delta.text.empty() || (told.log_probs && !delta.log_probs.empty()))
    send_chunk(prompt, delta.index, std::string(delta.text), told.log_probs ? told.log_probs->take() : Json(), nullptr);
}

void CompletionAnswer::finished(size_t prompt, const infer::Finish& finish) {
  if (over_) return;
  Row& told = row(prompt, finish.index);
  told.finish = options_.prompt_only ? "length" : finish_word(finish.reason);
  // With echo clients drop the answer's last entry to be left with the prompt's (lm-eval): an answer that ends at once has one, too.
  if (options_.echo && told.log_probs && finish.terminal >= 0 && !options_.prompt_only) told.log_probs->add_unknown(finish.terminal, false);
  if (options_.stream) send_chunk(prompt, finish.index, "", told.log_probs ? told.log_probs->take() : Json(), told.finish);
}

void CompletionAnswer::done(size_t prompt, const Status& status, const infer::Usage& usage) {
  prompts_[prompt].request = {};
  --under_way_;
  if (over_) return;
  if (!status.ok()) return fail(engine_fault(status));
  usage_.prompt_tokens += usage.prompt_tokens;
  usage_.cached_tokens += usage.cached_tokens;
  if (!options_.prompt_only) usage_.completion_tokens += usage.completion_tokens;
  submit_more();
  if (!over_ && under_way_ == 0) close();
}

void CompletionAnswer::close() {
  over_ = true;
  ApiReply& reply = *options_.reply;
  reply.note(usage_);
  Json body = head();
  if (options_.stream) {
    if (options_.include_usage) {
      body["choices"] = Json::array();
      body["usage"] = usage_json(usage_);
      reply.event(body);
    }
    reply.text_event("[DONE]");
    return reply.end();
  }
  Json choices = Json::array();
  for (size_t prompt = 0; prompt < prompts_.size(); ++prompt)
    for (int64_t answer = 0; answer < n_; ++answer) {
      Row& told = row(prompt, answer);
      choices.push_back(choice(prompt, answer, std::move(told.text), told.log_probs ? told.log_probs->take() : Json(), told.finish));
    }
  body["choices"] = std::move(choices);
  body["usage"] = usage_json(usage_);
  reply.respond(body);
}

}  // namespace lathe::serve
