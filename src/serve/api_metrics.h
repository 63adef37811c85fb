// What the engine's side of the server tells /metrics, by model and endpoint.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "infer/request.h"
#include "serve/metrics.h"
#include "serve/model_pool.h"

namespace lathe::serve {

// Any thread. The registry outlives it; the pool outlives the registry's scrapes.
class ApiMetrics {
 public:
  struct OfModel {
    Counter *prompt_tokens, *cached_tokens, *generated_tokens;
    Histogram *queue_seconds, *first_token_seconds, *between_tokens_seconds, *request_seconds;
  };

  // Gauges of the loaded models (running, waiting, pages) are set at every scrape.
  ApiMetrics(Metrics& metrics, const ModelPool& pool);

  // endpoint: a path of the table, never one that a client made up.
  void count_request(std::string_view endpoint, int status);
  OfModel of(const std::string& model);  // a name of the pool

 private:
  Metrics& metrics_;
};

// When the tokens of one request came; the engine's thread.
class TokenTimes {
 public:
  explicit TokenTimes(ApiMetrics::OfModel metrics) : metrics_(metrics), asked_(std::chrono::steady_clock::now()) {}
  void came(int64_t index, size_t tokens);  // so many of answer `index`, now
  void done(const infer::Usage& usage);

 private:
  using Time = std::chrono::steady_clock::time_point;
  ApiMetrics::OfModel metrics_;
  Time asked_;
  bool any_ = false;
  std::map<int64_t, Time> last_;
};

}  // namespace lathe::serve
