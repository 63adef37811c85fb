// The bodies of the API's requests as plain structs, and the tables that read and describe them. Fields are OpenAI's and vLLM's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/json.h"
#include "infer/chat_format.h"
#include "serve/body_table.h"

namespace lathe::serve {

inline constexpr int64_t kMaxAnswers = 8;          // n
inline constexpr int64_t kMaxStops = 8;            // stop texts
inline constexpr int64_t kMaxTopLogProbs = 20;
inline constexpr int64_t kMaxPrompts = 128;        // of one request
inline constexpr int64_t kMaxTokensField = 1 << 20;
inline constexpr int64_t kMaxTokenId = (1 << 30) - 1;
inline constexpr int64_t kMaxTextField = 1 << 20;  // characters; the server's limit of the body is what counts
inline constexpr int64_t kMaxTurns = 1024;
inline constexpr int64_t kMaxTools = 128;

// What an answer has to look like.
struct Structure {
  enum class Kind { kNone, kAnyObject, kSchema, kRegex, kChoice, kGrammar };
  Kind kind = Kind::kNone;
  std::string place;  // the field that asked for it, for faults
  Json schema;
  std::string text;   // regex, grammar
  std::vector<std::string> choices;
};

// Fields of chat/completions and completions alike. Absent optional ones take the model's defaults (row L-10.5).
struct GenerationBody {
  std::string model, user;
  bool stream = false, include_usage = false;
  std::optional<int64_t> max_tokens, top_k, seed;
  int64_t min_tokens = 0, n = 1;
  std::optional<double> temperature, top_p, min_p, repetition_penalty;
  double presence_penalty = 0, frequency_penalty = 0;
  std::vector<std::pair<int32_t, double>> logit_bias;
  std::vector<std::string> stop;
  std::vector<int32_t> stop_token_ids;
  bool ignore_eos = false;
  std::optional<bool> calculator;
  Structure structure;
};

struct ChatBody : GenerationBody {
  std::vector<infer::ChatTurn> turns;
  std::vector<infer::ToolDefinition> tools;
  enum class ToolChoice { kAuto, kNone, kRequired, kNamed };
  std::optional<ToolChoice> tool_choice;
  std::string tool_name;  // with kNamed
  bool log_probs = false;
  int64_t top_log_probs = 0;
  std::optional<bool> add_generation_prompt;
  bool continue_final_message = false;
};

// A text, or ids.
using PromptText = std::variant<std::string, std::vector<int32_t>>;

struct CompletionBody : GenerationBody {
  std::vector<PromptText> prompts;
  bool echo = false, add_special_tokens = true;
  std::optional<int64_t> log_probs;
};

struct EmbeddingBody {
  std::string model, encoding_format = "float", user;
  std::vector<PromptText> inputs;
  std::optional<int64_t> dimensions;
};

struct TokenizeBody {
  std::string model;
  std::optional<std::string> prompt;
  std::optional<std::vector<infer::ChatTurn>> turns;
  std::vector<infer::ToolDefinition> tools;
  std::optional<bool> add_special_tokens, add_generation_prompt;
  bool continue_final_message = false, return_token_strs = false;
};

struct DetokenizeBody {
  std::string model;
  std::vector<int32_t> tokens;
};

// Row L-10.3.
struct GenerateBody {
  std::string model, prompt;
  int64_t max_new_tokens = 150;
  double temperature = 0.7;
  std::optional<std::string> chat_template;
};

// The structs must outlive the tables.
BodyTable table_of(ChatBody& body);
BodyTable table_of(CompletionBody& body);
BodyTable table_of(EmbeddingBody& body);
BodyTable table_of(TokenizeBody& body);
BodyTable table_of(DetokenizeBody& body);
BodyTable table_of(GenerateBody& body);

// Rules between fields, after the table has read them.
Wrong check_body(ChatBody& body);
Wrong check_body(CompletionBody& body);
Wrong check_body(EmbeddingBody& body);
Wrong check_body(TokenizeBody& body);
Wrong check_body(DetokenizeBody& body);
Wrong check_body(GenerateBody& body);

// The whole way from bytes.
template <class Body>
Wrong read_body(std::string_view text, Body& body) {
  Json json;
  if (Wrong wrong = parse_body(text, json)) return wrong;
  if (Wrong wrong = table_of(body).read(json)) return wrong;
  return check_body(body);
}
template <class Body>
Json body_schema() {
  Body body;
  return table_of(body).schema();
}

}  // namespace lathe::serve
