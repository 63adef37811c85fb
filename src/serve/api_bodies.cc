#include "serve/api_bodies.h"

#include <charconv>
#include <limits>

#include "core/text.h"
#include "serve/message_fields.h"
#include "serve/structure_fields.h"

namespace lathe::serve {
namespace {

constexpr int64_t kMaxStop = 1024, kMaxStopIds = 64, kMaxBias = 300, kMaxName = 256;
constexpr int64_t kMaxSeed = std::numeric_limits<int64_t>::max();

Wrong read_stop(const Json& value, const std::string& place, std::vector<std::string>& stop) {
  stop.clear();
  if (value.is_string()) return read_text(value, place, 0, kMaxStop, stop.emplace_back());
  if (!value.is_array()) return wrong_at(place, "must be a text or a list of texts");
  if (static_cast<int64_t>(value.size()) > kMaxStops) return wrong_at(place, join_text("must have at most ", kMaxStops, " entries, not ", value.size()));
  for (size_t i = 0; i < value.size(); ++i)
    if (Wrong wrong = read_text(value.at(i), join_text(place, "[", i, "]"), 0, kMaxStop, stop.emplace_back())) return wrong;
  return {};
}

Wrong read_bias(const Json& value, const std::string& place, std::vector<std::pair<int32_t, double>>& bias) {
  bias.clear();
  if (!value.is_object()) return wrong_at(place, "must be an object of numbers by token id");
  if (static_cast<int64_t>(value.size()) > kMaxBias) return wrong_at(place, join_text("must have at most ", kMaxBias, " entries, not ", value.size()));
  for (const Json::Member& member : value.as_object()) {
    const std::string& name = member.first;
    const std::string at = place + "." + repair_utf8(name.substr(0, 40));
    int32_t id = -1;
    const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (code != std::errc() || end != name.data() + name.size() || id < 0 || id > kMaxTokenId) return wrong_at(at, "is no token id");
    double amount = 0;
    if (Wrong wrong = read_number(member.second, at, -100, 100, amount)) return wrong;
    bias.emplace_back(id, amount);
  }
  return {};
}

Wrong read_stream_options(const Json& value, const std::string& place, bool& include_usage) {
  if (!value.is_object()) return wrong_at(place, "must be an object");
  const Json* given = value.find("include_usage");
  return given && !given->is_null() ? read_flag(*given, place + ".include_usage", include_usage) : Wrong();
}

void add_model(BodyTable& table, std::string& model) {
  table.text("model", &model, 0, kMaxName, "A name of /v1/models; omitted: the first one.");
}

void add_tools(BodyTable& table, std::vector<infer::ToolDefinition>& tools) {
  table.other("tools", tools_schema(), [&tools](const Json& value, const std::string& place) { return read_tools(value, place, tools); },
              "Functions that the model may call.");
}

void add_generation_fields(BodyTable& table, GenerationBody& body) {
  table.flag("stream", &body.stream, "Answer with server-sent events, piece by piece.");
  table.other("stream_options", schema_of(R"({"type": "object", "properties": {"include_usage": {"type": ["boolean", "null"]}}})"),
              [&body](const Json& value, const std::string& place) { return read_stream_options(value, place, body.include_usage); },
              "include_usage: one more event before the last tells the usage.");
  table.integer("min_tokens", &body.min_tokens, 0, kMaxTokensField, "No end of the answer before so many tokens.");
  table.number("temperature", &body.temperature, 0, 2, "0: always the most likely token.");
  table.number("top_p", &body.top_p, 0, 1, "Only the fewest most likely tokens that reach this probability; 1: all.");
  table.integer("top_k", &body.top_k, -1, kMaxTokensField, "Only so many of the most likely tokens; 0 or -1: all.");
  table.number("min_p", &body.min_p, 0, 1, "Only tokens at least so many times as likely as the best.");
  table.number("repetition_penalty", &body.repetition_penalty, 0.01, 10, "Scores of tokens already there are divided by it; 1: off.");
  table.number("presence_penalty", &body.presence_penalty, -2, 2, "Taken from the logit of tokens that the answer has already.");
  table.number("frequency_penalty", &body.frequency_penalty, -2, 2, "Taken from a token's logit for every time the answer has it.");
  table.other("logit_bias", schema_of(R"({"type": "object", "maxProperties": 300, "propertyNames": {"pattern": "^(0|[1-9][0-9]{0,8})$"},
                "additionalProperties": {"type": "number", "minimum": -100, "maximum": 100}})"),
              [&body](const Json& value, const std::string& place) { return read_bias(value, place, body.logit_bias); }, "Added to the logits of tokens, by id.");
  table.integer("seed", &body.seed, 0, kMaxSeed, "The same seed and request give the same answer; omitted: drawn, and told in the answer.");
  table.other("stop", either_schema({text_schema(0, kMaxStop), list_schema(text_schema(0, kMaxStop), 0, kMaxStops)}),
              [&body](const Json& value, const std::string& place) { return read_stop(value, place, body.stop); }, "The answer ends before the first of these texts.");
  table.integers("stop_token_ids", &body.stop_token_ids, kMaxStopIds, 0, kMaxTokenId, "The answer ends at these tokens, too.");
  table.integer("n", &body.n, 1, kMaxAnswers, "Number of answers.");
  table.flag("ignore_eos", &body.ignore_eos, "Go on to max_tokens, whatever the model says.");
  table.flag("calculator", &body.calculator, "The built-in calculator; omitted: as the model was trained.");
  table.text("user", &body.user, 0, kMaxName, "Who asks; taken and not used.");
  add_structure_fields(table, body.structure);
}

// A prompt either begins the assistant's turn or goes on with it.
Wrong check_generation_prompt(bool continues, const std::optional<bool>& begins) {
  if (continues && begins.value_or(false)) return wrong_at("add_generation_prompt", "cannot be combined with continue_final_message");
  if (!continues && !begins.value_or(true)) return wrong_at("add_generation_prompt", "must be true unless continue_final_message is");
  return {};
}

}  // namespace

BodyTable table_of(ChatBody& body) {
  BodyTable table;
  add_model(table, body.model);
  table.other("messages", turns_schema(), [&body](const Json& value, const std::string& place) { return read_turns(value, place, body.turns); },
              "The conversation so far.").must();
  table.integer("max_tokens", &body.max_tokens, 1, kMaxTokensField, "Most tokens of an answer.").alias("max_completion_tokens");
  add_generation_fields(table, body);
  table.flag("logprobs", &body.log_probs, "Tell the log-probability of every token.");
  table.integer("top_logprobs", &body.top_log_probs, 0, kMaxTopLogProbs, "With logprobs: so many most likely tokens beside each.");
  add_tools(table, body.tools);
  table.other("tool_choice", tool_choice_schema(), [&body](const Json& value, const std::string& place) { return read_tool_choice(value, place, body); },
              "Whether tools may or must be called; omitted: auto where there are tools.");
  table.flag("add_generation_prompt", &body.add_generation_prompt, "Begin the assistant's turn; omitted: unless continue_final_message.");
  table.flag("continue_final_message", &body.continue_final_message, "Go on with the last message, which is the assistant's.");
  return table;
}

Wrong check_body(ChatBody& body) {
  if (body.continue_final_message && body.turns.back().role != "assistant")
    return wrong_at("continue_final_message", "needs a last message of the assistant");
  if (Wrong wrong = check_generation_prompt(body.continue_final_message, body.add_generation_prompt)) return wrong;
  if (body.top_log_probs > 0 && !body.log_probs) return wrong_at("top_logprobs", "needs logprobs");
  using Choice = ChatBody::ToolChoice;
  const Choice choice = body.tool_choice.value_or(body.tools.empty() ? Choice::kNone : Choice::kAuto);
  if ((choice == Choice::kRequired || choice == Choice::kNamed) && body.tools.empty()) return wrong_at("tool_choice", "needs tools");
  if (choice == Choice::kNamed) {
    bool found = false;
    for (const infer::ToolDefinition& tool : body.tools) found = found || tool.name == body.tool_name;
    if (!found) return wrong_at("tool_choice", "names \"" + body.tool_name + "\", which is none of the tools");
  }
  body.tool_choice = choice;
  return {};
}

BodyTable table_of(CompletionBody& body) {
  BodyTable table;
  add_model(table, body.model);
  table.other("prompt", prompts_schema(), [&body](const Json& value, const std::string& place) { return read_prompts(value, place, body.prompts); },
              "A text, a list of texts, token ids, or a list of lists of ids.").must();
  table.integer("max_tokens", &body.max_tokens, 0, kMaxTokensField, "Most tokens of an answer; 0 with echo only.").alias("max_completion_tokens");
  add_generation_fields(table, body);
  table.flag("echo", &body.echo, "Tell the prompt before the answer, with logprobs those of its tokens, too.");
  table.integer("logprobs", &body.log_probs, 0, kMaxTopLogProbs, "Tell the log-probability of every token and so many most likely ones.");
  table.flag("add_special_tokens", &body.add_special_tokens, "Texts begin with the model's first token, as in training.");
  return table;
}

Wrong check_body(CompletionBody& body) {
  if (body.max_tokens && *body.max_tokens == 0 && !body.echo) return wrong_at("max_tokens", "must be at least 1 without echo");
  return {};
}

BodyTable table_of(EmbeddingBody& body) {
  BodyTable table;
  add_model(table, body.model);
  table.other("input", prompts_schema(), [&body](const Json& value, const std::string& place) { return read_prompts(value, place, body.inputs); },
              "A text, a list of texts, token ids, or a list of lists of ids.").must();
  table.other("encoding_format", schema_of(R"({"enum": ["float", "base64"]})"),
              [&body](const Json& value, const std::string& place) -> Wrong {
                if (!value.is_string() || (value.as_string() != "float" && value.as_string() != "base64")) return wrong_at(place, "must be float or base64");
                body.encoding_format = value.as_string();
                return {};
              },
              "base64: the bytes of little-endian 32-bit floats.");
  table.integer("dimensions", &body.dimensions, 1, kMaxTokensField, "Only so many first dimensions, normalised anew.");
  table.text("user", &body.user, 0, kMaxName, "Who asks; taken and not used.");
  return table;
}

Wrong check_body(EmbeddingBody& body) {
  for (size_t i = 0; i < body.inputs.size(); ++i)
    if (const std::string* text = std::get_if<std::string>(&body.inputs[i]); text && text->empty())
      return wrong_at(body.inputs.size() == 1 ? "input" : join_text("input[", i, "]"), "must not be empty");
  return {};
}

BodyTable table_of(TokenizeBody& body) {
  BodyTable table;
  add_model(table, body.model);
  table.other("prompt", text_schema(0, kMaxTextField),
              [&body](const Json& value, const std::string& place) { return read_text(value, place, 0, kMaxTextField, body.prompt.emplace()); }, "A text.");
  table.other("messages", turns_schema(), [&body](const Json& value, const std::string& place) { return read_turns(value, place, body.turns.emplace()); },
              "A conversation, in the place of prompt.");
  add_tools(table, body.tools);
  table.flag("add_special_tokens", &body.add_special_tokens, "Texts begin with the model's first token; omitted: true. Of no effect on conversations.");
  table.flag("add_generation_prompt", &body.add_generation_prompt, "Begin the assistant's turn; omitted: unless continue_final_message.");
  table.flag("continue_final_message", &body.continue_final_message, "Leave the assistant's last message open.");
  table.flag("return_token_strs", &body.return_token_strs, "Tell the tokens' texts, too.");
  return table;
}

Wrong check_body(TokenizeBody& body) {
  if (body.prompt.has_value() == body.turns.has_value()) return wrong_at("prompt", "prompt or messages must be given, and not both");
  if (body.turns && body.continue_final_message && body.turns->back().role != "assistant")
    return wrong_at("continue_final_message", "needs a last message of the assistant");
  if (body.turns) return check_generation_prompt(body.continue_final_message, body.add_generation_prompt);
  return {};
}

BodyTable table_of(DetokenizeBody& body) {
  BodyTable table;
  add_model(table, body.model);
  table.integers("tokens", &body.tokens, kMaxTextField, 0, kMaxTokenId, "Token ids.").must();
  return table;
}

Wrong check_body(DetokenizeBody&) { return {}; }

BodyTable table_of(GenerateBody& body) {
  BodyTable table;
  add_model(table, body.model);
  table.text("prompt", &body.prompt, 1, kMaxTextField, "What the model answers.").must();
  table.integer("max_new_tokens", &body.max_new_tokens, 1, kMaxTokensField, "Most tokens of the answer.");
  table.number("temperature", &body.temperature, 0, 2, "0: always the most likely token.");
  table.other("template", text_schema(0, kMaxName),
              [&body](const Json& value, const std::string& place) { return read_text(value, place, 0, kMaxName, body.chat_template.emplace()); },
              "The conversation's form; omitted: the model's own, or none for a base model; \"none\": the prompt is gone on with as it is.");
  return table;
}

Wrong check_body(GenerateBody&) { return {}; }

}  // namespace lathe::serve
