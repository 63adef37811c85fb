// Bodies of the API's requests: what is read, what is refused and how the refusal names the place.
#include "serve/api_bodies.h"

#include "tests/ref/testing.h"

namespace lathe::serve {
namespace {

using lathe::testing::take;

const std::string kTurn = R"("messages": [{"role": "user", "content": "hi"}])";

template <class Body>
Wrong read(const std::string& text, Body& body) { return read_body(text, body); }
template <class Body>
std::string param_of(const std::string& text) {
  Body body;
  const Wrong wrong = read_body(text, body);
  return wrong ? wrong->param + " | " + wrong->message : "accepted";
}
std::string chat_param(const std::string& field) { return param_of<ChatBody>("{" + kTurn + ", " + field + "}"); }

// C-11.10
TEST(ApiBodies, AChatIsReadWithAllItsFields) {
  ChatBody body;
  const Wrong wrong = read(R"({"model": "m", "messages": [{"role": "developer", "content": "be short"},
      {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
      {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
      {"role": "tool", "tool_call_id": "c1", "content": "4"}],
    "max_completion_tokens": 7, "temperature": 0.5, "top_p": 0.9, "top_k": -1, "min_p": 0.1, "repetition_penalty": 1.1, "presence_penalty": -2,
    "frequency_penalty": 2, "logit_bias": {"12": -100, "7": 1.5}, "seed": 9007199254740993, "stop": "end", "stop_token_ids": [1, 2], "n": 2,
    "logprobs": true, "top_logprobs": 20, "ignore_eos": true, "user": "u", "stream": true, "stream_options": {"include_usage": true},
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}}, "calculator": false, "min_tokens": 3, "a_field_of_tomorrow": {"x": [1]}})", body);
  ASSERT_FALSE(wrong) << wrong->message;
  ASSERT_EQ(body.turns.size(), 4u);
  EXPECT_EQ(body.turns[0].role, "system");
  EXPECT_EQ(body.turns[1].text, "ab");
  EXPECT_EQ(body.turns[2].tool_calls.at(0).name, "f");
  EXPECT_EQ(body.turns[3].tool_call_id, "c1");
  EXPECT_EQ(body.max_tokens, 7);
  EXPECT_EQ(body.temperature, 0.5);
  EXPECT_EQ(body.top_k, -1);
  EXPECT_EQ(body.seed, 9007199254740993);
  EXPECT_EQ(body.logit_bias, (std::vector<std::pair<int32_t, double>>{{12, -100}, {7, 1.5}}));
  EXPECT_EQ(body.stop, std::vector<std::string>{"end"});
  EXPECT_EQ(body.stop_token_ids, (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(body.tools.at(0).description, "d");
  EXPECT_EQ(body.tool_choice, ChatBody::ToolChoice::kNamed);
  EXPECT_EQ(body.calculator, false);
  EXPECT_TRUE(body.stream && body.include_usage && body.log_probs && body.ignore_eos);
}

TEST(ApiBodies, OmittedAndNullFieldsAreTheModelsBusiness) {
  ChatBody body;
  ASSERT_FALSE(read("{" + kTurn + R"(, "temperature": null, "stop": null, "n": null, "tools": null, "stream_options": null, "seed": null})", body));
  EXPECT_FALSE(body.temperature || body.max_tokens || body.seed || body.calculator);
  EXPECT_EQ(body.n, 1);
  EXPECT_EQ(body.tool_choice, ChatBody::ToolChoice::kNone);
}

// L-10.5: every number has bounds, and the refusal names them.
TEST(TrapS4, NumbersOutOfRangeAreRefusedByName) {
  const std::vector<std::pair<std::string, std::string>> bounds = {
      {"temperature", "-0.001 2.001"}, {"top_p", "-0.1 1.1"}, {"min_p", "-0.1 1.1"}, {"top_k", "-2 1048577 0.5"}, {"repetition_penalty", "0 10.5 -1"},
      {"presence_penalty", "-2.1 2.1"}, {"frequency_penalty", "-2.1 2.1"}, {"max_tokens", "0 -1 1048577 1.5"}, {"max_completion_tokens", "0 2e9"},
      {"min_tokens", "-1 1048577"}, {"n", "0 9 -3"}, {"seed", "-1 1.5"}, {"top_logprobs", "-1 21"}};
  for (const auto& field : bounds)
    for (const std::string& value : split_text(field.second + " 9223372036854775808 -9223372036854775809 1e300 true \"1\" [] {}", ' ')) {
      const std::string answer = chat_param("\"" + field.first + "\": " + value);
      EXPECT_TRUE(answer.starts_with(field.first + " | ")) << field.first << " = " << value << ": " << answer;
      EXPECT_NE(answer.find(" from "), std::string::npos) << answer;
    }
}

TEST(TrapS4, WhatIsNoJsonNumberIsRefused) {
  for (const char* value : {"NaN", "Infinity", "-Infinity", "1e999", "-1e999", "0x10", "01", "1.", ".5", "+1"}) {
    const std::string answer = chat_param(std::string("\"temperature\": ") + value);
    EXPECT_NE(answer, "accepted") << value;
  }
  EXPECT_EQ(chat_param("\"max_tokens\": 5.0"), "accepted");
  EXPECT_EQ(chat_param("\"seed\": 9223372036854775807"), "accepted");
}

// S8 belongs to the parser; here is the bound that bodies have.
TEST(TrapS8, DeepBodiesAreRefused) {
  const auto nested = [](int depth) { return "{\"x\": " + std::string(static_cast<size_t>(depth), '[') + std::string(static_cast<size_t>(depth), ']') + ", " + kTurn + "}"; };
  EXPECT_EQ(param_of<ChatBody>(nested(kMaxBodyDepth - 1)), "accepted");
  EXPECT_NE(param_of<ChatBody>(nested(kMaxBodyDepth + 1)), "accepted");
  EXPECT_NE(param_of<ChatBody>(nested(100000)), "accepted");
}

TEST(ApiBodies, WrongTypesNameTheirPlace) {
  const std::vector<std::pair<std::string, std::string>> bodies = {
      {R"({})", "messages"},
      {R"({"messages": 5})", "messages"},
      {R"({"messages": []})", "messages"},
      {R"({"messages": null})", "messages"},
      {R"({"messages": ["hi"]})", "messages[0]"},
      {R"({"messages": [{"role": "user"}]})", "messages[0].content"},
      {R"({"messages": [{"content": "x"}]})", "messages[0].role"},
      {R"({"messages": [{"role": "king", "content": "x"}]})", "messages[0].role"},
      {R"({"messages": [{"role": "user", "content": 7}]})", "messages[0].content"},
      {R"({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]})", "messages[0].content[0].type"},
      {R"({"messages": [{"role": "user", "content": [{"type": "text"}]}]})", "messages[0].content[0].text"},
      {R"({"messages": [{"role": "user", "content": "x", "tool_calls": []}]})", "messages[0].tool_calls"},
      {R"({"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "a b", "arguments": ""}}]}]})",
       "messages[0].tool_calls[0].function.name"}};
  for (const auto& body : bodies) EXPECT_TRUE(param_of<ChatBody>(body.first).starts_with(body.second + " | ")) << body.first << ": " << param_of<ChatBody>(body.first);
  const std::vector<std::pair<std::string, std::string>> fields = {
      {R"("stream": 1)", "stream"}, {R"("stream": "true")", "stream"}, {R"("stop": 5)", "stop"}, {R"("stop": ["a", 5])", "stop[1]"},
      {R"("stop": ["a", "a", "a", "a", "a", "a", "a", "a", "a"])", "stop"}, {R"("stop_token_ids": ["1"])", "stop_token_ids[0]"},
      {R"("stop_token_ids": [-1])", "stop_token_ids[0]"}, {R"("logit_bias": [1])", "logit_bias"}, {R"("logit_bias": {"a": 1})", "logit_bias.a"},
      {R"("logit_bias": {"5": 101})", "logit_bias.5"}, {R"("logit_bias": {"99999999999": 1})", "logit_bias.99999999999"},
      {R"("stream_options": 1)", "stream_options"}, {R"("stream_options": {"include_usage": 1})", "stream_options.include_usage"},
      {R"("tools": {})", "tools"}, {R"("tools": [{"type": "web"}])", "tools[0].type"}, {R"("tools": [{"type": "function"}])", "tools[0].function"},
      {R"("tools": [{"type": "function", "function": {"name": "f", "parameters": "x"}}])", "tools[0].function.parameters"},
      {R"("tool_choice": "perhaps")", "tool_choice"}, {R"("tool_choice": "required")", "tool_choice"}, {R"("top_logprobs": 3)", "top_logprobs"},
      {R"("continue_final_message": true)", "continue_final_message"}, {R"("add_generation_prompt": false)", "add_generation_prompt"},
      {R"("response_format": "json")", "response_format"}, {R"("response_format": {"type": "xml"})", "response_format.type"},
      {R"("response_format": {"type": "json_schema"})", "response_format.json_schema.schema"}, {R"("guided_json": "{")", "guided_json"},
      {R"("guided_json": 5)", "guided_json"}, {R"("guided_choice": [])", "guided_choice"}, {R"("guided_choice": ["a", 1])", "guided_choice[1]"},
      {R"("guided_regex": "a", "guided_choice": ["a"])", "guided_choice"}, {R"("structured_outputs": {"yaml": "a"})", "structured_outputs"},
      {R"("structured_outputs": {"regex": ""})", "structured_outputs.regex"}, {R"("model": 5)", "model"}};
  for (const auto& field : fields) EXPECT_TRUE(chat_param(field.first).starts_with(field.second + " | ")) << field.first << ": " << chat_param(field.first);
}

TEST(ApiBodies, BytesThatAreNoObjectAreRefused) {
  for (const std::string body : {"", " ", "[]", "5", "null", "\"x\"", "{", "{]", "{\"a\": 1,}", "// x\n{}", "{\"messages\": [{\"role\": \"user\", \"content\": \"\xFF\"}]}"})
    EXPECT_NE(param_of<ChatBody>(body), "accepted") << body;
}

TEST(ApiBodies, PromptsComeInFourForms) {
  const auto prompts = [](const std::string& value) {
    CompletionBody body;
    const Wrong wrong = read("{\"prompt\": " + value + "}", body);
    EXPECT_FALSE(wrong) << value << ": " << (wrong ? wrong->message : "");
    return body.prompts;
  };
  EXPECT_EQ(prompts("\"a\""), (std::vector<PromptText>{std::string("a")}));
  EXPECT_EQ(prompts("[\"a\", \"\"]"), (std::vector<PromptText>{std::string("a"), std::string()}));
  EXPECT_EQ(prompts("[1, 2]"), (std::vector<PromptText>{std::vector<int32_t>{1, 2}}));
  EXPECT_EQ(prompts("[[1], [2, 3]]"), (std::vector<PromptText>{std::vector<int32_t>{1}, std::vector<int32_t>{2, 3}}));
  for (const char* wrong : {"[]", "[[]]", "[1, \"a\"]", "[\"a\", 1]", "[[1], 2]", "[-1]", "[1.5]", "[null]", "{}", "5", "null", "[2147483648]"})
    EXPECT_TRUE(param_of<CompletionBody>(std::string("{\"prompt\": ") + wrong + "}").starts_with("prompt")) << wrong;
  EXPECT_TRUE(param_of<CompletionBody>("{}").starts_with("prompt | "));
}

TEST(ApiBodies, FieldsThatNeedEachOther) {
  EXPECT_TRUE(param_of<CompletionBody>(R"({"prompt": "a", "max_tokens": 0})").starts_with("max_tokens"));
  EXPECT_EQ(param_of<CompletionBody>(R"({"prompt": "a", "max_tokens": 0, "echo": true})"), "accepted");
  EXPECT_TRUE(param_of<TokenizeBody>("{}").starts_with("prompt"));
  EXPECT_TRUE(param_of<TokenizeBody>("{\"prompt\": \"a\", " + kTurn + "}").starts_with("prompt"));
  EXPECT_EQ(param_of<TokenizeBody>("{" + kTurn + "}"), "accepted");
  EXPECT_TRUE(param_of<EmbeddingBody>(R"({"input": ["a", ""]})").starts_with("input[1]"));
  EXPECT_TRUE(param_of<EmbeddingBody>(R"({"input": "a", "encoding_format": "int8"})").starts_with("encoding_format"));
  EXPECT_TRUE(param_of<EmbeddingBody>(R"({"input": "a", "dimensions": 0})").starts_with("dimensions"));
  EXPECT_TRUE(param_of<GenerateBody>(R"({"prompt": ""})").starts_with("prompt"));
  EXPECT_TRUE(param_of<GenerateBody>(R"({"prompt": "a", "max_new_tokens": 0})").starts_with("max_new_tokens"));
  EXPECT_TRUE(param_of<DetokenizeBody>(R"({"tokens": [1, -1]})").starts_with("tokens[1]"));
}

TEST(ApiBodies, TheSchemaSaysWhatIsEnforced) {
  const Json schema = body_schema<ChatBody>();
  EXPECT_EQ(schema.at("required").dump(), R"(["messages"])");
  const Json& n = schema.at("properties").at("n");
  EXPECT_EQ(n.at("anyOf").at(0).dump(), R"({"type": "integer", "minimum": 1, "maximum": 8})");
  EXPECT_EQ(n.at("default").as_int(), 1);
  EXPECT_TRUE(schema.at("properties").contains("max_completion_tokens"));
}

}  // namespace
}  // namespace lathe::serve
