#include "serve/api_metrics.h"

#include <vector>

#include "core/machine.h"

namespace lathe::serve {
namespace {

double seconds_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

const std::vector<double> kShort = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5};
const std::vector<double> kLong = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};

void set_gauges(Metrics& metrics, const ModelPool& pool) {
  metrics.gauge("process_resident_memory_bytes", "Resident memory of this process").set(rss_mb() * (1 << 20));
  for (const PoolState::Model& model : pool.state().models) {
    const MetricLabels labels = {{"model", model.name}};
    const infer::EngineFigures& figures = model.worker.figures;
    const auto set = [&](const char* name, const char* help, double value) { metrics.gauge(name, help, labels).set(value); };
    set("lathe_engine_alive", "1 while the engine answers, 0 when it is dead or stuck", model.worker.alive && !model.worker.stuck ? 1 : 0);
    set("lathe_requests_running", "Answers that are generated now", static_cast<double>(figures.running));
    set("lathe_requests_waiting", "Requests in the queue", static_cast<double>(figures.waiting));
    set("lathe_cache_pages", "Pages of the key/value cache", static_cast<double>(figures.pages));
    set("lathe_cache_pages_used", "Pages held by answers that are generated now", static_cast<double>(figures.pages_used));
    set("lathe_cache_pages_kept", "Pages held for prefixes that may come again", static_cast<double>(figures.pages_cached));
    set("lathe_engine_steps", "Steps of the engine", static_cast<double>(figures.steps));
    set("lathe_engine_preemptions", "Answers set back for want of pages", static_cast<double>(figures.preemptions));
    set("lathe_engine_drafted_tokens", "Tokens guessed by speculative decoding", static_cast<double>(figures.drafted_tokens));
    set("lathe_engine_accepted_tokens", "Guessed tokens that were right", static_cast<double>(figures.accepted_tokens));
  }
}

}  // namespace

ApiMetrics::ApiMetrics(Metrics& metrics, const ModelPool& pool) : metrics_(metrics) {
  metrics.before_scrape([&metrics, &pool] { set_gauges(metrics, pool); });
}

void ApiMetrics::count_request(std::string_view endpoint, int status) {
  metrics_.counter("lathe_api_requests_total", "Requests of the API by path and status", {{"endpoint", std::string(endpoint)}, {"status", std::to_string(status)}}).add();
}

ApiMetrics::OfModel ApiMetrics::of(const std::string& model) {
  const MetricLabels labels = {{"model", model}};
  return {&metrics_.counter("lathe_prompt_tokens_total", "Tokens of prompts", labels),
          &metrics_.counter("lathe_cached_prompt_tokens_total", "Tokens of prompts that the prefix cache had already", labels),
          &metrics_.counter("lathe_generated_tokens_total", "Tokens of answers", labels),
          &metrics_.histogram("lathe_queue_seconds", "Time in the queue", kLong, labels),
          &metrics_.histogram("lathe_first_token_seconds", "Time from the request to its first token", kLong, labels),
          &metrics_.histogram("lathe_between_tokens_seconds", "Time between two tokens of an answer", kShort, labels),
          &metrics_.histogram("lathe_request_seconds", "Time from the request to the end of its last answer", kLong, labels)};
}

void TokenTimes::came(int64_t index, size_t tokens) {
  if (tokens == 0) return;
  const Time now = std::chrono::steady_clock::now();
  if (!any_) metrics_.first_token_seconds->observe(seconds_between(asked_, now));
  any_ = true;
  const auto [place, first] = last_.try_emplace(index, now);
  // Several tokens of one step: the time is shared out among them.
  for (size_t i = 0; !first && i < tokens; ++i)
    metrics_.between_tokens_seconds->observe(seconds_between(place->second, now) / static_cast<double>(tokens));
  place->second = now;
}

void TokenTimes::done(const infer::Usage& usage) {
  metrics_.prompt_tokens->add(static_cast<double>(usage.prompt_tokens));
  metrics_.cached_tokens->add(static_cast<double>(usage.cached_tokens));
  metrics_.generated_tokens->add(static_cast<double>(usage.completion_tokens));
  metrics_.queue_seconds->observe(usage.queue_seconds);
  metrics_.request_seconds->observe(seconds_between(asked_, std::chrono::steady_clock::now()));
}

}  // namespace lathe::serve
