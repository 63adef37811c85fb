#include "serve/chat_answer.h"

#include <utility>

#include "serve/answer_json.h"
#include "serve/api_endpoint.h"

namespace lathe::serve {
namespace {

Json call_json(const infer::ToolCall& call) {
  Json function = Json::object();
  function["name"] = call.name;
  function["arguments"] = call.arguments;
  Json json = Json::object();
  json["id"] = call.id;
  json["type"] = "function";
  json["function"] = std::move(function);
  return json;
}

Json log_probs_json(Json content) {
  Json json = Json::object();
  json["content"] = std::move(content);
  return json;
}

}  // namespace

ChatAnswer::ChatAnswer(Options options)
    : options_(std::move(options)), id_(random_id("chatcmpl-")), created_(unix_seconds()), rows_(static_cast<size_t>(options_.n)) {
  if (options_.tools.empty()) return;
  for (Row& row : rows_)
    row.reader = std::make_unique<infer::ChatFormat::Reader>(*options_.target.model->format, options_.tools, [] { return random_id("call_"); },
                                                             options_.is_call);
}

Json ChatAnswer::head(const char* object) const {
  Json json = Json::object();
  json["id"] = id_;
  json["object"] = object;
  json["created"] = created_;
  json["model"] = options_.model;
  return json;
}

void ChatAnswer::send_chunk(int64_t index, Json delta, Json log_probs, const char* finish) {
  Json choice = Json::object();
  choice["index"] = index;
  choice["delta"] = std::move(delta);
  choice["logprobs"] = std::move(log_probs);
  choice["finish_reason"] = finish ? Json(finish) : Json();
  Json chunk = head("chat.completion.chunk");
  chunk["seed"] = options_.seed;
  chunk["choices"] = Json(Json::Array{std::move(choice)});
  if (options_.include_usage) chunk["usage"] = Json();
  options_.reply->event(chunk);
}

void ChatAnswer::refused() { options_.reply->fail(queue_full()); }

void ChatAnswer::started(std::span<const infer::LogProb>) {
  if (!options_.stream) return;
  for (int64_t i = 0; i < options_.n; ++i) {
    Json delta = Json::object();
    delta["role"] = "assistant";
    delta["content"] = "";
    send_chunk(i, std::move(delta), Json(), nullptr);
  }
}

void ChatAnswer::put(int64_t index, infer::ChatFormat::Reader::Read read, Json log_probs) {
  Row& row = rows_[static_cast<size_t>(index)];
  if (!options_.stream) {
    row.text += read.text;
    for (const infer::ToolCall& call : read.calls) row.calls.push_back(call_json(call));
    for (Json& entry : log_probs.as_array()) row.log_probs.push_back(std::move(entry));
    return;
  }
  Json delta = Json::object();
  if (!read.text.empty() || read.calls.empty()) delta["content"] = std::move(read.text);
  if (!read.calls.empty()) {
    Json calls = Json::array();
    for (const infer::ToolCall& call : read.calls) {
      Json json = call_json(call);
      json["index"] = static_cast<int64_t>(row.calls.size());
      row.calls.push_back(Json());
      calls.push_back(std::move(json));
    }
    delta["tool_calls"] = std::move(calls);
  }
  send_chunk(index, std::move(delta), log_probs.size() > 0 ? log_probs_json(std::move(log_probs)) : Json(), nullptr);
}

void ChatAnswer::delta(const infer::Delta& delta) {
  options_.times.came(delta.index, delta.tokens.size());
  Row& row = rows_[static_cast<size_t>(delta.index)];
  infer::ChatFormat::Reader::Read read;
  if (row.reader)
    read = row.reader->push(delta.text);
  else
    read.text = delta.text;
  Json log_probs = Json::array();
  if (options_.log_probs)
    for (const infer::LogProb& log_prob : delta.log_probs) log_probs.push_back(chat_log_prob(options_.target.model->tokenizer, log_prob));
  if (read.text.empty() && read.calls.empty() && log_probs.size() == 0) return;
  put(delta.index, std::move(read), std::move(log_probs));
}

void ChatAnswer::finished(const infer::Finish& finish) {
  Row& row = rows_[static_cast<size_t>(finish.index)];
  if (row.reader) {
    infer::ChatFormat::Reader::Read rest = row.reader->finish();
    if (!rest.text.empty() || !rest.calls.empty()) put(finish.index, std::move(rest), Json::array());
  }
  const bool called = row.calls.size() > 0 && finish.reason == infer::FinishReason::kStop;
  row.finish = called ? "tool_calls" : finish_word(finish.reason);
  if (options_.stream) send_chunk(finish.index, Json::object(), Json(), row.finish);
}

void ChatAnswer::done(const Status& status, const infer::Usage& usage) {
  options_.times.done(usage);
  ApiReply& reply = *options_.reply;
  reply.note(usage);
  if (!status.ok()) return reply.fail(engine_fault(status));
  if (options_.stream) {
    if (options_.include_usage) {
      Json chunk = head("chat.completion.chunk");
      chunk["choices"] = Json::array();
      chunk["usage"] = usage_json(usage);
      reply.event(chunk);
    }
    reply.text_event("[DONE]");
    return reply.end();
  }
  Json choices = Json::array();
  for (Row& row : rows_) {
    Json message = Json::object();
    message["role"] = "assistant";
    const bool called = row.calls.size() > 0;
    message["content"] = called && row.text.empty() ? Json() : Json(std::move(row.text));
    if (called) message["tool_calls"] = std::move(row.calls);
    Json choice = Json::object();
    choice["index"] = static_cast<int64_t>(choices.size());
    choice["message"] = std::move(message);
    choice["logprobs"] = options_.log_probs ? log_probs_json(std::move(row.log_probs)) : Json();
    choice["finish_reason"] = row.finish ? row.finish : "stop";
    choices.push_back(std::move(choice));
  }
  Json body = head("chat.completion");
  body["seed"] = options_.seed;
  body["choices"] = std::move(choices);
  body["usage"] = usage_json(usage);
  reply.respond(body);
}

}  // namespace lathe::serve
