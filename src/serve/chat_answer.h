// A chat's answers on their way from the engine to the client: one JSON object, or chunks as they come.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "infer/chat_format.h"
#include "infer/request.h"
#include "serve/api_bodies.h"
#include "serve/api_metrics.h"
#include "serve/api_reply.h"
#include "serve/model_pool.h"

namespace lathe::serve {

// Called by the engine's thread only, once it was submitted.
class ChatAnswer : public infer::RequestListener {
 public:
  struct Options {
    std::string model;  // as the client wrote it
    ModelTarget target;
    std::shared_ptr<ApiReply> reply;
    bool stream = false, include_usage = false, log_probs = false;
    int64_t n = 1;
    uint64_t seed = 0;
    std::vector<infer::ToolDefinition> tools;  // those that may be called
    bool is_call = false;                      // the answer is a call and nothing else
    TokenTimes times;
  };
  explicit ChatAnswer(Options options);

  bool is_gone() const override { return options_.reply->is_gone(); }
  void refused() override;
  void started(std::span<const infer::LogProb> prompt_log_probs) override;
  void delta(const infer::Delta& delta) override;
  void finished(const infer::Finish& finish) override;
  void done(const Status& status, const infer::Usage& usage) override;

 private:
  struct Row {
    std::unique_ptr<infer::ChatFormat::Reader> reader;  // null: everything is text
    std::string text;
    Json calls = Json::array(), log_probs = Json::array();
    const char* finish = nullptr;
  };
  Json head(const char* object) const;
  void put(int64_t index, infer::ChatFormat::Reader::Read read, Json log_probs);
  void send_chunk(int64_t index, Json delta, Json log_probs, const char* finish);

  Options options_;
  const std::string id_;
  const int64_t created_;
  std::vector<Row> rows_;
};

}  // namespace lathe::serve
