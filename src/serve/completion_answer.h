// The answers to one request of several prompts, on their way to the client. Prompts are handed to the engine a few at a time, so that
// a long list neither overflows the queue nor keeps others waiting.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "infer/request.h"
#include "serve/answer_json.h"
#include "serve/api_metrics.h"
#include "serve/api_reply.h"
#include "serve/model_pool.h"

namespace lathe::serve {

class CompletionAnswer : public std::enable_shared_from_this<CompletionAnswer> {
 public:
  struct Prompt {
    infer::Request request;
    std::string text;        // with echo: what the answer begins with
    bool added_first = false;  // the first token was added here and is not part of the text
  };
  struct Options {
    std::string model;
    ModelTarget target;
    std::shared_ptr<ApiReply> reply;
    bool stream = false, include_usage = false, echo = false, log_probs = false;
    bool prompt_only = false;  // max_tokens 0: one token is made and not told
    uint64_t seed = 0;
    ApiMetrics::OfModel metrics;
  };
  CompletionAnswer(Options options, std::vector<Prompt> prompts);

  void start();  // once

 private:
  class Listener;
  struct Row {
    std::string text;
    std::unique_ptr<CompletionLogProbs> log_probs;
    const char* finish = nullptr;
  };
  static constexpr size_t kMostAtATime = 8;

  Row& row(size_t prompt, int64_t answer) { return rows_[prompt * static_cast<size_t>(n_) + static_cast<size_t>(answer)]; }
  void submit_more();
  void fail(const ApiFault& fault);
  void refused(size_t prompt);
  void started(size_t prompt, std::span<const infer::LogProb> prompt_log_probs);
  void delta(size_t prompt, const infer::Delta& delta);
  void finished(size_t prompt, const infer::Finish& finish);
  void done(size_t prompt, const Status& status, const infer::Usage& usage);
  Json head() const;
  Json choice(size_t prompt, int64_t answer, std::string text, Json log_probs, const char* finish) const;
  void send_chunk(size_t prompt, int64_t answer, std::string text, Json log_probs, const char* finish);
  void close();

  const Options options_;
  const std::string id_;
  const int64_t created_, n_;
  std::mutex mutex_;  // of all below: the first prompts are submitted by another thread than the engine's
  std::vector<Prompt> prompts_;
  std::vector<Row> rows_;
  infer::Usage usage_;
  std::deque<size_t> waiting_;  // prompts that the engine has not got
  size_t under_way_ = 0;
  bool over_ = false;  // answered or failed
};

}  // namespace lathe::serve
