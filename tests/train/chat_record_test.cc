#include "train/chat_record.h"

#include "tests/ref/small_hugging_face.h"
#include "tests/ref/testing.h"
#include "tests/train/tiny_run.h"
#include "tokenizer/chat_template.h"
#include "train/open_model.h"

namespace lathe::train {
namespace {

tokenizer::Tokenizer bytes_with(const std::vector<std::string>& special) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  return testing::take(tokenizer::Tokenizer::from_tokens(tokens, special));
}

Json noted(const std::string& jinja, const std::vector<std::string>& special) {
  Json settings = Json::object();
  note_chat_template(jinja, bytes_with(special), settings);
  return settings;
}

// L-10.7
TEST(ChatRecord, ATemplateIsNamedByItsMarksAndItsTokenizer) {
  const std::vector<std::string> llama = {"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|end_of_text|>"};
  const std::string jinja = "{{ '<|start_header_id|>' }}";
  EXPECT_EQ(noted(jinja, llama).get_string("chat_template", ""), "llama3");
  EXPECT_EQ(noted(jinja, {"</s>"}).get_string("foreign_chat_template", ""), "llama3") << "its tokenizer lacks the marks";
  EXPECT_EQ(noted("{{ raise_exception('x') }}", llama).get_string("foreign_chat_template", ""), "unknown");
  EXPECT_EQ(noted("", llama).size(), 0u);
}

// L-10.5, L-10.7
TEST(ChatRecord, FilesBesideTheWeightsSayHowAModelTalks) {
  TemporaryFolder folder;
  const fs::path path = folder.path();
  const tokenizer::Tokenizer tokenizer = bytes_with({"<|im_start|>", "<|im_end|>", "<|endoftext|>"});
  const auto read = [&] {
    Json settings = Json::object();
    note_chat_files(path, tokenizer, settings);
    return settings;
  };
  EXPECT_EQ(read().size(), 0u);
  testing::put_file(path / "tokenizer_config.json", R"({"chat_template": [{"name": "default", "template": "<|im_start|><|im_end|>"}, {"name": "rag", "template": "[INST]"}]})");
  testing::put_file(path / "generation_config.json", R"({"temperature": 0.6, "top_p": 0.9})");
  EXPECT_EQ(read().get_string("chat_template", ""), "chatml_strict");
  EXPECT_EQ(read().at("generation").get_double("top_p", 0), 0.9);
  testing::put_file(path / "chat_template.jinja", "<|im_start|><|im_end|><tool_call>");
  EXPECT_EQ(read().get_string("chat_template", ""), "hermes") << "the file of its own comes first";
  // What is broken is passed over.
  testing::put_file(path / "generation_config.json", "{");
  EXPECT_FALSE(read().contains("generation"));
}

LoadedModel model_with(const Json& settings, const std::string& stage, const std::vector<std::string>& special) {
  LoadedModel loaded{nullptr, {}, bytes_with(special), {}, {}, "m", {}, 16};
  model::PlainSize size = testing::small_plain(16, false);
  loaded.model = std::make_unique<model::Transformer>(model::llama_config(size), DType::kFloat32);
  loaded.meta.stage = stage;
  loaded.meta.user_config = settings;
  return loaded;
}

// L-10.5
TEST(ChatRecord, SamplingComesFromTheRecordWithinItsRange) {
  const ChatRecord generation = chat_record(model_with(testing::take(parse_json(
      R"({"temperature": 9, "generation": {"temperature": 0.6, "top_p": 7, "top_k": 40, "repetition_penalty": 1.1, "max_new_tokens": 99}})")), "sft", {"</s>"}));
  EXPECT_EQ(generation.temperature, 0.6);
  EXPECT_FALSE(generation.top_p.has_value()) << "7 is no share";
  EXPECT_EQ(generation.top_k, 40);
  EXPECT_EQ(generation.repetition_penalty, 1.1);
  EXPECT_EQ(generation.max_tokens, 99);
  EXPECT_EQ(chat_record(model_with(testing::take(parse_json(R"({"generation": {"do_sample": false, "temperature": 0.6}})")), "sft", {"</s>"})).temperature, 0);
  // The lab's settings hold them beside the others.
  EXPECT_EQ(chat_record(model_with(testing::take(parse_json(R"({"temperature": 0.7, "top_k": 50})")), "sft", {"</s>"})).top_k, 50);
}

// L-10.7
TEST(ChatRecord, WithoutARecordSpecialTokensDecide) {
  const Json none = Json::object();
  EXPECT_EQ(chat_record(model_with(none, "base", tokenizer::chat_special_tokens())).chat_template, "chat");
  const std::vector<std::string> chatml = {"<|im_start|>", "<|im_end|>", "<|endoftext|>"};
  EXPECT_EQ(chat_record(model_with(none, "sft", chatml)).chat_template, "chatml");
  EXPECT_TRUE(chat_record(model_with(none, "sft", chatml)).guessed);
  EXPECT_EQ(chat_record(model_with(none, "base", chatml)).chat_template, "");
  const Json recorded = testing::take(parse_json(R"({"chat_template": "instruct"})"));
  EXPECT_EQ(chat_record(model_with(recorded, "sft", chatml)).chat_template, "instruct");
  EXPECT_FALSE(chat_record(model_with(recorded, "sft", chatml)).guessed);
  EXPECT_EQ(chat_record(model_with(testing::take(parse_json(R"({"foreign_chat_template": "phi3"})")), "sft", chatml)).chat_template, "");
}

}  // namespace
}  // namespace lathe::train
