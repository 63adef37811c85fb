#include "serve/answer_json.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>

#include "core/text.h"

namespace lathe::serve {
namespace {

Json bytes_json(std::string_view bytes) {
  Json list = Json::array();
  for (const char byte : bytes) list.push_back(int64_t{static_cast<uint8_t>(byte)});
  return list;
}

Json entry_json(const tokenizer::Tokenizer& tokenizer, int32_t token, float log_prob) {
  Json entry = Json::object();
  entry["token"] = token_name(tokenizer, token);
  entry["logprob"] = shown_log_prob(log_prob);
  entry["bytes"] = bytes_json(tokenizer.token_bytes_of(token));
  return entry;
}

int64_t characters_begun(std::string_view bytes) {
  return std::count_if(bytes.begin(), bytes.end(), [](char byte) { return (static_cast<uint8_t>(byte) & 0xC0) != 0x80; });
}

}  // namespace

std::string random_id(std::string_view prefix) {
  thread_local std::random_device device;
  std::string id(prefix);
  for (int i = 0; i < 3; ++i) id += format_text("%08x", device());
  return id;
}

int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Json usage_json(const infer::Usage& usage) {
  Json details = Json::object();
  details["cached_tokens"] = usage.cached_tokens;
  Json json = Json::object();
  json["prompt_tokens"] = usage.prompt_tokens;
  json["completion_tokens"] = usage.completion_tokens;
  json["total_tokens"] = usage.prompt_tokens + usage.completion_tokens;
  json["prompt_tokens_details"] = std::move(details);
  return json;
}

const char* finish_word(infer::FinishReason reason) { return reason == infer::FinishReason::kLength ? "length" : "stop"; }

std::string token_name(const tokenizer::Tokenizer& tokenizer, int32_t id) {
  const std::string_view bytes = tokenizer.token_bytes_of(id);
  if (first_invalid_utf8(bytes) < 0) return std::string(bytes);
  std::string name = "bytes:";
  for (const char byte : bytes) name += format_text("\\x%02x", static_cast<unsigned>(static_cast<uint8_t>(byte)));
  return name;
}

double shown_log_prob(float log_prob) { return std::isfinite(log_prob) ? static_cast<double>(log_prob) : -9999.0; }

Json chat_log_prob(const tokenizer::Tokenizer& tokenizer, const infer::LogProb& log_prob) {
  Json top = Json::array();
  for (const auto& other : log_prob.top) top.push_back(entry_json(tokenizer, other.first, other.second));
  Json entry = entry_json(tokenizer, log_prob.token, log_prob.log_prob);
  entry["top_logprobs"] = std::move(top);
  return entry;
}

void CompletionLogProbs::clear() { offsets_ = tokens_ = log_probs_ = tops_ = Json::array(); }

void CompletionLogProbs::put(int32_t token, bool in_text, Json log_prob, Json top) {
  offsets_.push_back(offset_);
  if (in_text) offset_ += characters_begun(tokenizer_->token_bytes_of(token));
  tokens_.push_back(token_name(*tokenizer_, token));
  log_probs_.push_back(std::move(log_prob));
  tops_.push_back(std::move(top));
}

void CompletionLogProbs::add(const infer::LogProb& log_prob) {
  Json top = Json::object();
  for (const auto& other : log_prob.top) top[token_name(*tokenizer_, other.first)] = shown_log_prob(other.second);
  top[token_name(*tokenizer_, log_prob.token)] = shown_log_prob(log_prob.log_prob);
  put(log_prob.token, true, shown_log_prob(log_prob.log_prob), std::move(top));
}

void CompletionLogProbs::add_unknown(int32_t token, bool in_text) { put(token, in_text, Json(), Json()); }

Json CompletionLogProbs::take() {
  Json json = Json::object();
  json["text_offset"] = std::move(offsets_);
  json["tokens"] = std::move(tokens_);
  json["token_logprobs"] = std::move(log_probs_);
  json["top_logprobs"] = std::move(tops_);
  clear();
  return json;
}

}  // namespace lathe::serve
