#include "cli/batch_file.h"

#include "core/rng.h"
#include "tests/infer/mock_model.h"

namespace lathe::cli {
namespace {

using namespace infer::testing;
using lathe::testing::check;
using lathe::testing::read_jsonl;
using lathe::testing::take;

// A model whose next token follows from all it has seen; answers end now and then.
struct Batch {
  TemporaryFolder folder;
  fs::path output = folder.path() / "out.jsonl";
  tokenizer::Tokenizer tokenizer = chat_tokenizer();
  int32_t end = tokenizer.special_id(tokenizer::kAssistantEnd);
  MockModel model{[this](int64_t, const std::vector<int32_t>& seen, std::span<float> logits) {
                    uint32_t sum = 1;
                    for (const int32_t id : seen) sum = sum * 31 + static_cast<uint32_t>(id);
                    for (uint32_t i = 0; i < 20; ++i) logits['a' + i] = static_cast<float>((sum >> (i % 16)) % 7);
                    if (sum % 11 == 0) logits[static_cast<size_t>(end)] = 20;
                  },
                  tokenizer.vocab_size()};
  BatchFileOptions options;

  Batch() {
    options.input_name = "in.jsonl";
    options.output = output;
    options.settings["temperature"] = 1.0;
  }
  std::shared_ptr<serve::ServedModel> served() {
    return std::make_shared<serve::ServedModel>(serve::ServedModel{"mock", tokenizer, take(infer::ChatFormat::find("chat", tokenizer)), std::make_unique<infer::GrammarCompiler>(tokenizer),
                                                                   {{}, 24}, model.context_limit(), model.vocab_size(), "cpu", {}, {}, {}});
  }
  Result<BatchFileFigures> run(std::string_view input, int64_t rows = 8, int64_t stop_after = -1) {
    infer::BatchEngineOptions engine_options;
    engine_options.max_rows = rows;
    engine_options.max_waiting = engine_options.max_waiting_per_client = 3 * rows;
    infer::BatchEngine engine(model, tokenizer, engine_options);
    int64_t done = 0;
    return answer_file(engine, served(), input, options, [&](int64_t lines, int64_t) { done = lines; }, [&] { return stop_after >= 0 && done >= stop_after; });
  }
  std::string bytes() { return take(read_file(output)); }
};

std::string many_lines() {
  std::string input;
  for (int i = 0; i < 60; ++i) {
    if (i % 3 == 0) input += join_text("{\"prompt\": \"text ", i, "\", \"max_tokens\": ", 1 + i % 9, "}\n");
    if (i % 3 == 1) input += join_text("{\"id\": \"m", i, "\", \"messages\": [{\"role\": \"user\", \"content\": \"q", i, "\"}], \"temperature\": 0, \"stop\": [\"ab\"]}\n");
    if (i % 3 == 2) input += join_text("{\"prompt\": [65, 66, ", i, "], \"seed\": ", i, ", \"top_k\": 3, \"logprobs\": 2}\n\n");
  }
  return input;
}

TEST(BatchFile, AnswersStandInTheOrderOfTheLines) {
  Batch batch;
  const BatchFileFigures figures = take(batch.run(many_lines()));
  EXPECT_EQ(figures.lines, 60);
  EXPECT_GT(figures.tokens, 60);
  const std::vector<Json> lines = read_jsonl(batch.output);
  ASSERT_EQ(lines.size(), 60u);
  for (size_t i = 0; i < lines.size(); ++i) {
    const Json id = i % 3 == 1 ? Json("m" + std::to_string(i)) : Json(static_cast<int64_t>(i + 1 + i / 3));  // empty lines count
    EXPECT_EQ(lines[i].at("id"), id);
    EXPECT_EQ(lines[i].contains("logprobs"), i % 3 == 2);
    const std::string reason = lines[i].at("finish_reason").as_string();
    EXPECT_TRUE(reason == "stop" || reason == "length") << reason;
    if (i % 3 == 0 && reason == "length") {
      EXPECT_EQ(lines[i].at("tokens").size(), 1 + i % 9);
    }
    if (i % 3 == 1) {
      EXPECT_EQ(lines[i].at("text").as_string().find("ab"), std::string::npos);
    }
  }
  const Json& logged = lines[2].at("logprobs");
  ASSERT_EQ(logged.size(), lines[2].at("tokens").size());
  EXPECT_EQ(logged.at(0).at("token").as_int(), lines[2].at("tokens").at(0).as_int());
  EXPECT_EQ(logged.at(0).at("top").size(), 2u);
}

// L-12.10
TEST(BatchFile, TheSizeOfTheBatchChangesNoByte) {
  Batch one, many;
  (void)take(one.run(many_lines(), 1));
  (void)take(many.run(many_lines(), 16));
  EXPECT_EQ(one.bytes(), many.bytes());
}

TEST(BatchFile, AStoppedRunGoesOnToTheSameBytes) {
  Batch whole;
  (void)take(whole.run(many_lines()));
  Batch broken;
  for (const int64_t stop : {7, 23, 24, 51}) EXPECT_TRUE(take(broken.run(many_lines(), 4, stop)).interrupted);
  const BatchFileFigures last = take(broken.run(many_lines(), 32));
  EXPECT_FALSE(last.interrupted);
  EXPECT_GE(last.resumed, 51);
  EXPECT_EQ(broken.bytes(), whole.bytes());
  const BatchFileFigures again = take(broken.run(many_lines()));
  EXPECT_EQ(again.resumed, 60);
  EXPECT_EQ(again.tokens, 0);
  EXPECT_EQ(broken.bytes(), whole.bytes());
}

TEST(BatchFile, ATornLineIsCutOffWhereverItIsTorn) {
  Batch whole;
  (void)take(whole.run(many_lines()));
  const std::string bytes = whole.bytes();
  Rng rng(3, "test/torn");
  for (int round = 0; round < 12; ++round) {
    check(write_file_atomic(whole.output, bytes.substr(0, rng.below(bytes.size()))));
    (void)take(whole.run(many_lines()));
    ASSERT_EQ(whole.bytes(), bytes);
  }
}

TEST(BatchFile, OtherSettingsOrAnotherInputAreRefused) {
  Batch batch;
  (void)take(batch.run(many_lines()));
  const std::string bytes = batch.bytes();
  Result<BatchFileFigures> other = batch.run(many_lines() + "{\"prompt\": \"x\"}\n");
  ASSERT_FALSE(other.ok());
  EXPECT_NE(other.error().to_string().find("input_sha256"), std::string::npos) << other.error().to_string();
  batch.options.settings["temperature"] = 0.5;
  other = batch.run(many_lines());
  ASSERT_FALSE(other.ok());
  EXPECT_NE(other.error().to_string().find("temperature was 1.0 and is 0.5"), std::string::npos) << other.error().to_string();
  EXPECT_EQ(batch.bytes(), bytes);
  fs::remove(batch.output.string() + ".settings.json");
  other = batch.run(many_lines());
  ASSERT_FALSE(other.ok());
  EXPECT_NE(other.error().to_string().find("remove"), std::string::npos);
}

// A text without a line feed looks like a torn first line.
TEST(BatchFile, AFileOfSomethingElseKeepsItsBytes) {
  for (const char* bytes : {"one line without an end", "a line\n", "a line\nand a half"}) {
    Batch batch;
    check(write_file_atomic(batch.output, bytes));
    const Result<BatchFileFigures> figures = batch.run("{\"prompt\": \"x\"}\n");
    ASSERT_FALSE(figures.ok()) << bytes;
    EXPECT_NE(figures.error().to_string().find("does not say what they rest on"), std::string::npos) << figures.error().to_string();
    EXPECT_EQ(batch.bytes(), bytes);
    EXPECT_FALSE(fs::exists(batch.output.string() + ".settings.json"));
  }
}

TEST(BatchFile, ABadLineIsNamedBeforeAnythingBegins) {
  const std::vector<std::pair<std::string, std::string>> bad = {{"{", "JSON"},
                                                                {"[]", "object"},
                                                                {"{}", "needs \"prompt\" or \"messages\""},
                                                                {R"({"prompt": "x", "messages": []})", "not both"},
                                                                {R"({"prompt": "x", "temperature": "hot"})", "temperature"},
                                                                {R"({"prompt": "x", "max_tokens": -1})", "max_tokens"},
                                                                {R"({"prompt": ["a", "b"]})", "prompt"},
                                                                {R"({"prompt": [99999999]})", "token"},
                                                                {R"({"prompt": "x", "n": 2})", "n:"},
                                                                {R"({"prompt": "x", "id": {}})", "id:"},
                                                                {R"({"messages": [{"role": "robot", "content": "x"}]})", "role"},
                                                                {"{\"prompt\": \"" + std::string(700, 'x') + "\"}", "70"},
                                                                {"\xFF\xFE", ""}};
  for (const auto& [line, part] : bad) {
    Batch batch;
    const Result<BatchFileFigures> result = batch.run("{\"prompt\": \"good\"}\n\n" + line + "\n");
    ASSERT_FALSE(result.ok()) << line;
    const std::string text = result.error().to_string();
    EXPECT_TRUE(text.starts_with("in.jsonl:3: ")) << text;
    EXPECT_NE(text.find(part), std::string::npos) << text;
    EXPECT_FALSE(fs::exists(batch.output));
  }
  Batch empty;
  EXPECT_FALSE(empty.run("\n\n").ok());
}

TEST(BatchFile, SkippedLinesLeaveAnErrorInTheirPlace) {
  Batch batch;
  batch.options.skip_bad_lines = true;
  const BatchFileFigures figures = take(batch.run("{\"prompt\": \"a\"}\n{\"prompt\": 3}\n{\"id\": \"last\", \"prompt\": \"b\"}\n"));
  EXPECT_EQ(figures.failed, 1);
  const std::vector<Json> lines = read_jsonl(batch.output);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_TRUE(lines[0].contains("text"));
  EXPECT_EQ(lines[1].at("id").as_int(), 2);
  EXPECT_TRUE(lines[1].at("error").as_string().starts_with("in.jsonl:2: prompt")) << lines[1].dump();
  EXPECT_EQ(lines[2].at("id").as_string(), "last");
}

TEST(BatchFile, AFileThatCannotBeWrittenIsNamed) {
  Batch batch;
  batch.options.output = batch.folder.path();
  const Result<BatchFileFigures> result = batch.run("{\"prompt\": \"a\"}\n");
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().to_string().find(batch.folder.path().string()), std::string::npos);
}

}  // namespace
}  // namespace lathe::cli
