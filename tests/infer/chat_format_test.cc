// Prompts of every template, by what was published with their models.
#include "infer/chat_format.h"

#include <set>

#include "tests/infer/chat_format_cases.h"

namespace lathe::infer {
namespace {

using namespace testing;
using lathe::testing::take;

std::string text_of(const std::string& name, const std::vector<ChatTurn>& turns, const std::vector<ToolDefinition>& tools = {}, bool continues = false) {
  const tokenizer::Tokenizer& tokenizer = foreign_tokenizer();
  return tokenizer.decode(take(take(ChatFormat::find(name, tokenizer)).prompt(turns, tools, continues)).ids);
}

const std::vector<ChatTurn>& talk() {
  static const std::vector<ChatTurn> turns = {{"system", "Be brief."}, {"user", "hi"}, {"assistant", "yo"}, {"user", "more"}};
  return turns;
}

// L-10.7: the texts as the models were trained with them.
TEST(ChatFormat, WritesThePublishedTextsOfOtherPrograms) {
  EXPECT_EQ(text_of("llama3", talk()),
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nyo<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nmore<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
  EXPECT_EQ(text_of("llama3.1", {{"user", " hi "}}),
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n");
  EXPECT_EQ(text_of("mistral", talk()), "<s>[INST] hi[/INST] yo</s>[INST] Be brief.\n\nmore[/INST]");
  EXPECT_EQ(text_of("mistral_v1", talk()), "<s>[INST] Be brief.\n\nhi [/INST] yo</s>[INST] more [/INST]");
  EXPECT_EQ(text_of("llama2", talk()), "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nhi [/INST] yo </s><s>[INST] more [/INST]");
  EXPECT_EQ(text_of("llama2", {{"user", " hi "}}), "<s>[INST] hi [/INST]");
  // A text that is gone on with: the space before it is the model's own, and comes back with it.
  for (const char* name : {"llama2", "mistral_v1"})
    for (const char* begun : {"Once", " Once"}) EXPECT_EQ(text_of(name, {{"user", "hi"}, {"assistant", begun}}, {}, true), "<s>[INST] hi [/INST] Once") << name;
  EXPECT_EQ(text_of("gemma", talk()),
            "<bos><start_of_turn>user\nBe brief.\n\nhi<end_of_turn>\n<start_of_turn>model\nyo<end_of_turn>\n<start_of_turn>user\nmore<end_of_turn>\n"
            "<start_of_turn>model\n");
  EXPECT_EQ(text_of("zephyr", talk()), "<|system|>\nBe brief.</s>\n<|user|>\nhi</s>\n<|assistant|>\nyo</s>\n<|user|>\nmore</s>\n<|assistant|>\n");
  EXPECT_EQ(text_of("qwen2.5", {{"user", "hi"}}),
            "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n"
            "<|im_start|>assistant\n");
  EXPECT_EQ(text_of("hermes", {{"user", "hi"}}), "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n");
}

TEST(ChatFormat, DescribesToolsAndTheirAnswersInTheTemplatesOwnNotation) {
  const std::string list =
      R"({"type": "function", "function": {"name": "lookup", "description": "Look up one integer.", "parameters": {"type": "object", "properties": {"value": {"type": "integer"}}, "required": ["value"]}}})";
  const std::string described =
      "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with function signatures within <tools></tools> XML "
      "tags:\n<tools>\n" + list + "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
      "<tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call>";
  EXPECT_EQ(text_of("hermes", tool_talk(), {lookup()}),
            "<|im_start|>system\nBe brief.\n\n" + described + "<|im_end|>\n<|im_start|>user\nfirst<|im_end|>\n<|im_start|>assistant\n"
            "<tool_call>\n{\"name\": \"lookup\", \"arguments\": {\"value\": 1}}\n</tool_call><|im_end|>\n<|im_start|>user\n<tool_response>\n{\"result\":1}\n"
            "</tool_response><|im_end|>\n<|im_start|>assistant\ndone<|im_end|>\n<|im_start|>user\nagain<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(text_of("mistral", tool_talk(), {lookup()}),
            "<s>[INST] first[/INST][TOOL_CALLS] [{\"name\": \"lookup\", \"arguments\": {\"value\": 1}, \"id\": \"abc123456\"}]</s>"
            "[TOOL_RESULTS] {\"content\": {\"result\":1}, \"call_id\": \"abc123456\"}[/TOOL_RESULTS] done</s>[AVAILABLE_TOOLS] [" + list +
            "][/AVAILABLE_TOOLS][INST] Be brief.\n\nagain[/INST]");
  const std::string llama = text_of("llama3.1", tool_talk(), {lookup()});
  EXPECT_NE(llama.find("<|end_header_id|>\n\nEnvironment: ipython\nCutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\nBe brief.<|eot_id|>"), std::string::npos);
  EXPECT_NE(llama.find("argument name and its value}.Do not use variables.\n\n{\n    \"type\": \"function\",\n    \"function\": {\n        \"name\": \"lookup\""), std::string::npos);
  EXPECT_NE(llama.find("\n}\n\nfirst<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n{\"name\": \"lookup\", \"parameters\": {\"value\": 1}}<|eot_id|>"
                       "<|start_header_id|>ipython<|end_header_id|>\n\n\"{\\\"result\\\":1}\"<|eot_id|>"), std::string::npos) << llama;
  // Without a notation of its own: the words of the system, here in front of the first message.
  EXPECT_TRUE(text_of("gemma", tool_talk(), {lookup()}).starts_with("<bos><start_of_turn>user\nBe brief.\n\n" + described + "\n\nfirst<end_of_turn>\n"));
  EXPECT_TRUE(text_of("chat", tool_talk(), {lookup()}).starts_with("<|bos|><|user_start|>Be brief.\n\n" + described + "\n\nfirst<|user_end|>"));
  EXPECT_TRUE(text_of("instruct", tool_talk(), {lookup()}).starts_with("Be brief.\n\n" + described + "\n\n### Instruction:\nfirst\n\n### Response:\n<tool_call>"));
}

// L-7.6, L-10.7: what is served is what was trained, token by token.
TEST(ChatFormat, PromptsAreThoseOfTraining) {
  const tokenizer::Tokenizer& tokenizer = foreign_tokenizer();
  for (const std::string& name : tokenizer::ChatTemplate::all_names()) {
    SCOPED_TRACE(name);
    const auto form = take(tokenizer::ChatTemplate::find(name));
    tokenizer::Conversation conversation;
    std::vector<ChatTurn> turns;
    for (const ChatTurn& turn : talk()) {
      turns.push_back(turn);
      const auto role = turn.role == "system" ? tokenizer::Role::kSystem : turn.role == "user" ? tokenizer::Role::kUser : tokenizer::Role::kAssistant;
      conversation.messages.push_back({role, turn.text});
    }
    const std::vector<int32_t> ids = take(take(ChatFormat::find(name, tokenizer)).prompt(turns)).ids;
    EXPECT_EQ(tokenizer.decode(ids), tokenizer.decode(take(form.prompt(tokenizer, conversation))));
    EXPECT_EQ(ids, take(form.prompt(tokenizer, conversation)));
    // The answer follows, is learnt, and ends with a token that stops it.
    conversation.messages.push_back({tokenizer::Role::kAssistant, std::string("sure")});
    const tokenizer::Rendered rendered = take(form.render(tokenizer, conversation));
    ASSERT_GT(rendered.ids.size(), ids.size());
    EXPECT_TRUE(std::equal(ids.begin(), ids.end(), rendered.ids.begin()));
    std::vector<int32_t> learnt;
    for (size_t i = ids.size(); i < rendered.ids.size(); ++i)
      if (rendered.mask[i]) learnt.push_back(rendered.ids[i]);
    EXPECT_NE(tokenizer.decode(learnt).find("sure"), std::string::npos);
    const std::vector<int32_t> stops = form.stop_ids(tokenizer);
    EXPECT_NE(std::find(stops.begin(), stops.end(), learnt.back()), stops.end());
  }
}

// C-11.14: special tokens' names in a text are text, in every place a text can stand.
TEST(ChatFormat, TextsNeverBecomeSpecialTokens) {
  const tokenizer::Tokenizer& tokenizer = foreign_tokenizer();
  std::string all;
  for (const std::string& name : tokenizer.special_tokens()) all += name + "\x02\x03";
  const auto specials = [&](const std::string& name, const std::string& word) {
    ToolDefinition tool = lookup();
    tool.description = word;
    const std::vector<ChatTurn> turns = {{"system", word}, {"user", word}, {"assistant", word, {{"call_1", "lookup", Json(Json::Object{{"value", word}}).dump()}}},
                                         {"tool", word, {}, "call_1"}, {"user", word}, {"assistant", word}};
    std::vector<int32_t> out;
    for (const int32_t id : take(take(ChatFormat::find(name, tokenizer)).prompt(turns, std::vector<ToolDefinition>{tool}, true)).ids)
      if (tokenizer.is_special(id)) out.push_back(id);
    return out;
  };
  for (const std::string& name : tokenizer::ChatTemplate::all_names()) EXPECT_EQ(specials(name, all), specials(name, "x")) << name;
}

TEST(ChatFormat, TheLastAnswerCanBeLeftOpen) {
  EXPECT_TRUE(text_of("llama3", {{"user", "q"}, {"assistant", "The answer "}}, {}, true).ends_with("assistant<|end_header_id|>\n\nThe answer "));
  EXPECT_TRUE(text_of("chatml", {{"user", "q"}, {"assistant", "The"}}, {}, true).ends_with("<|im_start|>assistant\nThe"));
  EXPECT_EQ(text_of("chat", {{"user", "q"}, {"assistant", "The"}}, {}, true), "<|bos|><|user_start|>q<|user_end|><|assistant_start|>The");
  const ChatFormat format = take(ChatFormat::find("chat", foreign_tokenizer()));
  EXPECT_NE(format.prompt(std::vector<ChatTurn>{{"user", "q"}}, {}, true).error().to_string().find("messages[0]"), std::string::npos);
}

// C-11.18, C-2.29: the origin's rule for system messages; what has no place is refused by its index.
TEST(ChatFormat, SaysWhichMessageHasNoPlace) {
  EXPECT_EQ(text_of("chat", talk()),
            "<|bos|><|user_start|>Be brief.\n\nhi<|user_end|><|assistant_start|>yo<|assistant_end|><|user_start|>more<|user_end|><|assistant_start|>");
  const auto refused = [](const std::string& name, const std::vector<ChatTurn>& turns) {
    return take(ChatFormat::find(name, foreign_tokenizer())).prompt(turns).error().to_string();
  };
  EXPECT_NE(refused("chat", {{"user", "q"}, {"system", "late"}}).find("system message"), std::string::npos);
  EXPECT_NE(refused("hermes", {{"user", "q"}, {"pope", "x"}}).find("messages[1].role \"pope\""), std::string::npos);
  EXPECT_NE(refused("hermes", {{"tool", "x"}}).find("messages[0]"), std::string::npos);
  EXPECT_NE(refused("hermes", {{"user", "q", {{"", "f", "{}"}}}}).find("messages[0]: only the assistant"), std::string::npos);
  EXPECT_NE(refused("hermes", {{"user", "q"}, {"assistant", "", {{"", "f", "{"}}}}).find("messages[1].tool_calls[0]"), std::string::npos);
  EXPECT_NE(refused("hermes", {}).find("no message"), std::string::npos);
  EXPECT_FALSE(ChatFormat::find("nonsense", foreign_tokenizer()).ok());
  EXPECT_NE(ChatFormat::find("llama3", lathe::testing::take(tokenizer::Tokenizer::from_tokens(byte_tokens()))).error().to_string().find("<|eot_id|>"), std::string::npos);
}

TEST(ChatFormat, ASchemaForcesACall) {
  ToolDefinition nested = lookup();
  nested.name = "other";
  nested.parameters = take(parse_json(R"({"type":"object","$defs":{"n":{"type":"integer"}},"properties":{"a":{"$ref":"#/$defs/n"}}})"));
  const std::vector<ToolDefinition> tools = {lookup(), nested};
  const Json both = take(ChatFormat::call_schema(tools));
  ASSERT_EQ(both.at("anyOf").size(), 2u);
  EXPECT_EQ(both.at("anyOf").at(size_t{0}).at("properties").at("name").at("const"), Json("lookup"));
  EXPECT_EQ(both.at("anyOf").at(size_t{1}).at("properties").at("arguments").at("properties").at("a").at("$ref"), Json("#/anyOf/1/properties/arguments/$defs/n"));
  EXPECT_EQ(take(ChatFormat::call_schema(tools, "other")).at("properties").at("arguments").at("properties").at("a").at("$ref"), Json("#/properties/arguments/$defs/n"));
  EXPECT_NE(ChatFormat::call_schema(tools, "third").error().to_string().find("third"), std::string::npos);
  EXPECT_FALSE(ChatFormat::call_schema({}).ok());
}

// L-7.5, L-12.11: whatever ends a turn ends the answer.
TEST(ChatFormat, StopsAtTheEndOfATurnAndOfAText) {
  const auto stops = [](const char* name) {
    std::set<std::string> out;
    for (const int32_t id : take(ChatFormat::find(name, foreign_tokenizer())).stop_ids()) out.insert(std::string(foreign_tokenizer().token_bytes_of(id)));
    return out;
  };
  EXPECT_TRUE(stops("llama3").contains("<|eot_id|>") && stops("llama3").contains("</s>"));
  EXPECT_TRUE(stops("gemma").contains("<end_of_turn>"));
  EXPECT_TRUE(stops("qwen2.5").contains("<|im_end|>"));
  EXPECT_TRUE(stops("chat").contains("<|assistant_end|>"));
  EXPECT_TRUE(stops("zephyr").contains("</s>"));
}

}  // namespace
}  // namespace lathe::infer
