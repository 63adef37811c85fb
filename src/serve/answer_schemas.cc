#include "serve/answer_schemas.h"

#include "serve/body_table.h"

namespace lathe::serve {
namespace {

Json usage() {
  return schema_of(R"({"type": "object", "required": ["prompt_tokens", "completion_tokens", "total_tokens"], "properties": {
    "prompt_tokens": {"type": "integer", "minimum": 0}, "completion_tokens": {"type": "integer", "minimum": 0},
    "total_tokens": {"type": "integer", "minimum": 0},
    "prompt_tokens_details": {"type": "object", "required": ["cached_tokens"], "properties": {"cached_tokens": {"type": "integer", "minimum": 0}}}}})");
}

Json with(Json schema, const char* name, Json property) {
  schema["properties"][name] = std::move(property);
  return schema;
}

Json with_choices(const char* object, const char* choice) {
  Json schema = schema_of(R"({"type": "object", "required": ["id", "object", "created", "model", "seed", "choices", "usage"], "properties": {
    "id": {"type": "string"}, "created": {"type": "integer"}, "model": {"type": "string"}, "seed": {"type": "integer", "minimum": 0}}})");
  Json constant = Json::object();
  constant["const"] = object;
  schema = with(std::move(schema), "object", std::move(constant));
  schema = with(std::move(schema), "usage", usage());
  return with(std::move(schema), "choices", list_schema(schema_of(choice), 1, 1024));
}

}  // namespace

Json chat_answer_schema() {
  return with_choices("chat.completion", R"({"type": "object", "required": ["index", "message", "logprobs", "finish_reason"], "properties": {
    "index": {"type": "integer", "minimum": 0}, "finish_reason": {"enum": ["stop", "length", "tool_calls"]},
    "message": {"type": "object", "required": ["role", "content"], "properties": {"role": {"const": "assistant"}, "content": {"type": ["string", "null"]},
      "tool_calls": {"type": "array", "items": {"type": "object", "required": ["id", "type", "function"], "properties": {"id": {"type": "string"},
        "type": {"const": "function"}, "function": {"type": "object", "required": ["name", "arguments"], "properties": {
          "name": {"type": "string"}, "arguments": {"type": "string"}}}}}}}},
    "logprobs": {"anyOf": [{"type": "null"}, {"type": "object", "required": ["content"], "properties": {"content": {"type": "array", "items": {
      "type": "object", "required": ["token", "logprob", "bytes", "top_logprobs"], "properties": {"token": {"type": "string"}, "logprob": {"type": "number"},
        "bytes": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}},
        "top_logprobs": {"type": "array", "items": {"type": "object", "required": ["token", "logprob", "bytes"]}}}}}}}]}}})");
}

Json completion_answer_schema() {
  return with_choices("text_completion", R"({"type": "object", "required": ["index", "text", "logprobs", "finish_reason"], "properties": {
    "index": {"type": "integer", "minimum": 0}, "text": {"type": "string"}, "finish_reason": {"enum": ["stop", "length"]},
    "logprobs": {"anyOf": [{"type": "null"}, {"type": "object", "required": ["text_offset", "tokens", "token_logprobs", "top_logprobs"], "properties": {
      "text_offset": {"type": "array", "items": {"type": "integer", "minimum": 0}}, "tokens": {"type": "array", "items": {"type": "string"}},
      "token_logprobs": {"type": "array", "items": {"type": ["number", "null"]}},
      "top_logprobs": {"type": "array", "items": {"anyOf": [{"type": "null"}, {"type": "object", "additionalProperties": {"type": "number"}}]}}}}]}}})");
}

Json embedding_answer_schema() {
  return schema_of(R"({"type": "object", "required": ["object", "data", "model", "usage"], "properties": {"object": {"const": "list"},
    "model": {"type": "string"}, "usage": {"type": "object", "required": ["prompt_tokens", "total_tokens"]},
    "data": {"type": "array", "items": {"type": "object", "required": ["object", "index", "embedding"], "properties": {"object": {"const": "embedding"},
      "index": {"type": "integer", "minimum": 0}, "embedding": {"anyOf": [{"type": "array", "items": {"type": "number"}}, {"type": "string"}]}}}}}})");
}

Json tokenize_answer_schema() {
  return schema_of(R"({"type": "object", "required": ["count", "max_model_len", "tokens"], "properties": {"count": {"type": "integer", "minimum": 0},
    "max_model_len": {"type": "integer", "minimum": 1}, "tokens": {"type": "array", "items": {"type": "integer", "minimum": 0}},
    "token_strs": {"type": ["array", "null"], "items": {"type": "string"}}}})");
}

Json detokenize_answer_schema() {
  return schema_of(R"({"type": "object", "required": ["prompt"], "properties": {"prompt": {"type": "string"}}})");
}

Json model_answer_schema() {
  return schema_of(R"({"type": "object", "required": ["id", "object", "created", "owned_by"], "properties": {"id": {"type": "string"},
    "object": {"const": "model"}, "created": {"type": "integer"}, "owned_by": {"type": "string"}, "root": {"type": "string"},
    "parent": {"type": ["string", "null"]}, "lathe": {"type": "object", "required": ["loaded"], "properties": {"loaded": {"type": "boolean"}}}}})");
}

Json models_answer_schema() {
  Json schema = schema_of(R"({"type": "object", "required": ["object", "data"], "properties": {"object": {"const": "list"}}})");
  return with(std::move(schema), "data", list_schema(model_answer_schema(), 0, 10000));
}

Json generate_answer_schema() {
  return with(schema_of(R"({"type": "object", "required": ["text", "model", "finish_reason", "usage"], "properties": {"text": {"type": "string"},
    "model": {"type": "string"}, "finish_reason": {"enum": ["stop", "length"]}}})"),
              "usage", usage());
}

Json health_answer_schema() {
  return schema_of(R"({"type": "object", "required": ["status", "ready", "num_gpus", "available_workers"], "properties": {
    "status": {"enum": ["ok", "error"]}, "ready": {"type": "boolean"}, "num_gpus": {"type": "integer"}, "available_workers": {"type": "integer"},
    "reason": {"type": "string"}}})");
}

Json stats_answer_schema() {
  return schema_of(R"({"type": "object", "required": ["total_workers", "available_workers", "busy_workers", "workers"], "properties": {
    "total_workers": {"type": "integer"}, "available_workers": {"type": "integer"}, "busy_workers": {"type": "integer"},
    "waiting_requests": {"type": "integer"}, "workers": {"type": "array", "items": {"type": "object", "required": ["gpu_id", "device"]}}}})");
}

Json origin_fault_schema() {
  return schema_of(R"({"type": "object", "required": ["detail"], "properties": {"detail": {"anyOf": [{"type": "string"}, {"type": "array", "items":
    {"type": "object", "required": ["type", "loc", "msg"]}}]}}})");
}

Json fault_schema() {
  return schema_of(R"({"type": "object", "required": ["error"], "properties": {"error": {"type": "object", "required": ["message", "type", "param", "code"],
    "properties": {"message": {"type": "string"}, "type": {"type": "string"}, "param": {"type": ["string", "null"]}, "code": {"type": ["string", "null"]}}}}})");
}

}  // namespace lathe::serve
