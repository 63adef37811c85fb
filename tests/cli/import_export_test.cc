// lathe import and lathe export --to hf on small folders.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/environment.h"
#include "core/manifest.h"
#include "core/sha256.h"
#include "real_verbs.h"
#include "tests/ref/small_hugging_face.h"
#include "tests/train/tiny_run.h"
#include "tokenizer/bpe_trainer.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/hf_file.h"

namespace lathe::cli {
namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class ImportExport : public ::testing::Test {
 protected:
  fs::path base() const { return folder_.path() / "base"; }
  fs::path source() const { return folder_.path() / "Tiny Model"; }
  Outcome lathe(std::vector<std::string> words) {
    words.insert(words.end(), {"--base-dir", base().string(), "--dtype", "fp32", "--json", "--quiet", "--threads", "1"});
    return run_lathe(std::move(words));
  }
  // A folder as that library writes it, with a few more rows than its tokenizer has tokens.
  void write_source(const tokenizer::Tokenizer& tokenizer, uint64_t more = 5) {
    fs::create_directories(source());
    model::PlainSize size = testing::small_plain(64, false);
    size.vocab_size = tokenizer.vocab_size() + static_cast<int64_t>(more);
    testing::write_foreign(source(), model::llama_config(size));
    testing::put_file(source() / "tokenizer.json", testing::take(tokenizer::to_hugging_face(tokenizer)).dump());
  }
  static tokenizer::Tokenizer plain_tokenizer() {
    std::vector<std::string> tokens;
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    for (const char* token : {"th", "the", " the"}) tokens.emplace_back(token);
    return testing::take(tokenizer::Tokenizer::from_tokens(tokens, {"<|endoftext|>"}));
  }
  std::string hash(const fs::path& file) { return testing::take(sha256_file(file)); }

  TemporaryFolder folder_;
};

TEST_F(ImportExport, AnImportedModelIsACheckpointOfEveryVerbAndComesBackByteForByte) {
  write_source(plain_tokenizer());
  const Outcome imported = lathe({"import", source().string()});
  ASSERT_EQ(imported.exit, Exit::kDone) << imported.err;
  EXPECT_EQ(imported.figures().get_string("tag", ""), "Tiny_Model");
  const fs::path run = base() / "base_checkpoints" / "Tiny_Model";
  const Manifest manifest = testing::take(read_manifest(run, "import", ""));
  testing::check(verify_outputs(run, manifest, ""));
  EXPECT_EQ(manifest.inputs.size(), 3u);
  for (const FileRecord& file : manifest.inputs) EXPECT_EQ(file.sha256, hash(file.path)) << file.path;

  // Used by tag, also after the base folder has moved.
  const Outcome said = lathe({"generate", "--tag", "Tiny_Model", "--prompt", "the", "--max-tokens", "12", "--temperature", "0"});
  ASSERT_EQ(said.exit, Exit::kDone) << said.err;
  const fs::path moved = folder_.path() / "moved";
  fs::rename(base(), moved);
  const Outcome again = run_lathe({"generate", "--tag", "Tiny_Model", "--prompt", "the", "--max-tokens", "12", "--temperature", "0", "--base-dir",
                                   moved.string(), "--dtype", "fp32", "--json", "--quiet", "--threads", "1"});
  ASSERT_EQ(again.exit, Exit::kDone) << again.err;
  EXPECT_EQ(again.figures().dump(), said.figures().dump());
  fs::rename(moved, base());

  const fs::path out = folder_.path() / "out";
  const Outcome exported = lathe({"export", out.string(), "--to", "hf", "--type", "fp32", "--tag", "Tiny_Model"});
  ASSERT_EQ(exported.exit, Exit::kDone) << exported.err;
  testing::check(verify_outputs(out, testing::take(read_manifest(out, "export", "")), ""));
  ASSERT_EQ(lathe({"import", out.string(), "--tag", "back"}).exit, Exit::kDone);
  for (const char* file : {"step_0/model.safetensors", "tokenizer/tokenizer.json"})
    EXPECT_EQ(hash(run / file), hash(base() / "base_checkpoints" / "back" / file)) << file;
  const Json before = testing::take(read_json(source() / "config.json")), after = testing::take(read_json(out / "config.json"));
  EXPECT_EQ(after.at("vocab_size"), before.at("vocab_size")) << "the rows without a token are there again";
}

TEST_F(ImportExport, ASecondImportIsNoWorkAndAnotherOneIsNotWrittenOver) {
  write_source(plain_tokenizer());
  ASSERT_EQ(lathe({"import", source().string(), "--tag", "a"}).exit, Exit::kDone);
  const fs::path weights = base() / "base_checkpoints" / "a" / "step_0" / "model.safetensors";
  const auto time = fs::last_write_time(weights);
  const Outcome second = lathe({"import", source().string(), "--tag", "a"});
  EXPECT_EQ(second.exit, Exit::kDone);
  EXPECT_TRUE(second.figures().get_bool("already_done", false)) << second.out;
  EXPECT_EQ(fs::last_write_time(weights), time);
  // Damage is seen, and mended by --force.
  std::string bytes = testing::take(read_file(weights));
  bytes[bytes.size() - 3] = static_cast<char>(bytes[bytes.size() - 3] ^ 1);
  testing::put_file(weights, bytes);
  EXPECT_TRUE(has(lathe({"import", source().string(), "--tag", "a"}).err, "--force"));
  EXPECT_EQ(lathe({"import", source().string(), "--tag", "a", "--force"}).exit, Exit::kDone);
  const auto tokenizer = testing::tiny_tokenizer();
  testing::save_tiny(base(), "base", "trained", 0, tokenizer);
  const Outcome trained = lathe({"import", source().string(), "--tag", "trained", "--force"});
  EXPECT_EQ(trained.exit, Exit::kBadInput);
  EXPECT_TRUE(has(trained.err, "trained here")) << trained.err;
  for (const char* tag : {"../x", "a b", ".x"}) EXPECT_EQ(lathe({"import", source().string(), "--tag", tag}).exit, Exit::kBadInput) << tag;
  EXPECT_TRUE(has(lathe({"import", (folder_.path() / "nothing").string()}).err, "does not exist"));
}

// A model without the marks of a chat says so, whatever its template asks for; a template is looked at, never run.
TEST_F(ImportExport, ChatTemplatesAreRecognisedOrNamed) {
  write_source(plain_tokenizer());
  const auto with_template = [&](const std::string& jinja, const char* tag, const char* as) {
    testing::put_file(source() / "tokenizer_config.json", Json(Json::Object{{"chat_template", jinja}}).dump());
    const Outcome outcome = lathe({"import", source().string(), "--tag", tag, "--as", as});
    EXPECT_EQ(outcome.exit, Exit::kDone) << outcome.err;
    const char* root = std::string(as) == "sft" ? "chatsft_checkpoints" : "base_checkpoints";
    return testing::take(read_json(base() / root / tag / "step_0" / "meta.json")).at("user_config");
  };
  EXPECT_EQ(with_template("{% for m in messages %}<|start_header_id|>{% endfor %}", "l3", "sft").get_string("foreign_chat_template", ""), "llama3");
  EXPECT_EQ(with_template("{{ raise('x') }}", "odd", "base").get_string("foreign_chat_template", ""), "unknown");
  const Outcome talk = lathe({"chat", "--source", "sft", "--tag", "l3", "--prompt", "Hello"});
  EXPECT_EQ(talk.exit, Exit::kBadInput);
  EXPECT_TRUE(has(talk.err, "cannot mark the turns of a chat")) << talk.err;

  write_source(testing::tiny_tokenizer(), 0);
  const auto chat = testing::take(tokenizer::ChatTemplate::find("chat"));
  EXPECT_EQ(with_template(chat.jinja(), "ours", "sft").get_string("chat_template", ""), "chat");
  EXPECT_EQ(lathe({"chat", "--source", "sft", "--tag", "ours", "--prompt", "Hello", "--max-tokens", "4"}).exit, Exit::kDone);
  const fs::path out = folder_.path() / "out";
  ASSERT_EQ(lathe({"export", out.string(), "--to", "hf", "--source", "sft", "--tag", "ours"}).exit, Exit::kDone);
  EXPECT_EQ(testing::take(read_json(out / "tokenizer_config.json")).get_string("chat_template", ""), chat.jinja());
  const Json generation = testing::take(read_json(out / "generation_config.json"));
  EXPECT_EQ(generation.at("eos_token_id").size(), 2u) << "the end of a turn and of a text";
}

TEST_F(ImportExport, WeightsThatAreNoNumbersAndPipesAreRefused) {
  write_source(plain_tokenizer());
  const fs::path weights = source() / "model.safetensors";
  std::string bytes = testing::take(read_file(weights));
  bytes.replace(bytes.size() - 4, 4, std::string("\x00\x00\xc0\x7f", 4));
  testing::put_file(weights, bytes);
  const Outcome damaged = lathe({"import", source().string(), "--tag", "a"});
  EXPECT_EQ(damaged.exit, Exit::kBadInput);
  EXPECT_TRUE(has(damaged.err, "NaN")) << damaged.err;
  fs::remove(weights);
  ASSERT_EQ(::mkfifo(weights.c_str(), 0600), 0);
  const Outcome pipe = lathe({"import", source().string(), "--tag", "a"});
  EXPECT_TRUE(has(pipe.err, "not a regular file")) << pipe.err;
  EXPECT_FALSE(fs::exists(base() / "base_checkpoints" / "a"));
}

// A file with more rows than its tokenizer has tokens is a checkpoint of every verb, too, and comes back byte for byte.
TEST_F(ImportExport, RowsWithoutATokenArePaddingInGgufFilesToo) {
  tokenizer::TrainSettings settings;
  settings.vocab_size = 300;
  settings.split = tokenizer::find_split_name("gpt2");
  write_source(testing::take(tokenizer::train_bpe(settings, std::vector<std::string>{"the theatre, the thing"})).tokenizer);
  ASSERT_EQ(lathe({"import", source().string(), "--tag", "a"}).exit, Exit::kDone);
  const fs::path file = folder_.path() / "a.gguf", again = folder_.path() / "again.gguf";
  ASSERT_EQ(lathe({"export", file.string(), "--to", "gguf", "--type", "f32", "--tag", "a"}).exit, Exit::kDone);
  ASSERT_EQ(lathe({"import", file.string(), "--tag", "a", "--as", "sft"}).exit, Exit::kDone);
  const std::vector<std::string> prompt = {"--tag", "a", "--prompt", "the", "--max-tokens", "12", "--temperature", "0"};
  std::vector<Json> said;
  for (const char* from : {"base", "sft"}) {
    std::vector<std::string> words = {"generate", "--source", from};
    words.insert(words.end(), prompt.begin(), prompt.end());
    const Outcome outcome = lathe(words);
    ASSERT_EQ(outcome.exit, Exit::kDone) << from << ": " << outcome.err;
    said.push_back(outcome.figures().at("texts"));
  }
  EXPECT_EQ(said[0], said[1]);
  ASSERT_EQ(lathe({"export", again.string(), "--to", "gguf", "--type", "f32", "--source", "sft", "--tag", "a"}).exit, Exit::kDone);
  EXPECT_EQ(hash(file), hash(again));

  // Nothing is written over unasked, and never the file that is read.
  const std::string before = hash(file);
  fs::create_symlink(file, folder_.path() / "link.gguf");
  EXPECT_TRUE(has(lathe({"quantize", file.string(), again.string(), "--type", "q8_0"}).err, "--force"));
  EXPECT_EQ(hash(again), before);
  for (const fs::path& same : {file, folder_.path() / "link.gguf"})
    EXPECT_TRUE(has(lathe({"quantize", file.string(), same.string(), "--type", "q8_0", "--force"}).err, "is what is read")) << same;
  EXPECT_EQ(hash(file), before);
  EXPECT_EQ(lathe({"quantize", file.string(), again.string(), "--type", "q8_0", "--force"}).exit, Exit::kDone);
  EXPECT_NE(hash(again), before);
}

TEST_F(ImportExport, TheChatFamilyStaysAtHome) {
  const auto tokenizer = testing::tiny_tokenizer();
  testing::check(tokenizer.save(base() / "tokenizer"));
  testing::save_tiny(base(), "base", "d2", 3, tokenizer);
  const fs::path out = folder_.path() / "out";
  const Outcome outcome = lathe({"export", out.string(), "--to", "hf", "--tag", "d2"});
  EXPECT_EQ(outcome.exit, Exit::kBadInput);
  EXPECT_TRUE(has(outcome.err, "chat family")) << outcome.err;
  EXPECT_FALSE(fs::exists(out));
}

// L-10.5, L-10.7: the template and the sampling of another program's model are recorded and used.
TEST_F(ImportExport, AModelOfAnotherProgramTalksInItsOwnTemplate) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  write_source(testing::take(tokenizer::Tokenizer::from_tokens(tokens, {"<|endoftext|>", "<|im_start|>", "<|im_end|>"})));
  const std::string jinja = testing::take(tokenizer::ChatTemplate::find("hermes")).jinja();
  testing::put_file(source() / "tokenizer_config.json", Json(Json::Object{{"chat_template", jinja}}).dump());
  testing::put_file(source() / "generation_config.json", R"({"temperature": 0.3, "top_k": 7, "do_sample": true})");
  const Outcome imported = lathe({"import", source().string(), "--tag", "talker", "--as", "sft"});
  ASSERT_EQ(imported.exit, Exit::kDone) << imported.err;
  const Json settings = testing::take(read_json(base() / "chatsft_checkpoints" / "talker" / "step_0" / "meta.json")).at("user_config");
  EXPECT_EQ(settings.get_string("chat_template", ""), "hermes");
  EXPECT_EQ(settings.at("generation").get_int("top_k", 0), 7);
  EXPECT_EQ(lathe({"chat", "--tag", "talker", "--prompt", "Hello", "--max-tokens", "4"}).exit, Exit::kDone);
  const Outcome other = lathe({"chat", "--tag", "talker", "--prompt", "Hello", "--max-tokens", "4", "--template", "chatml"});
  EXPECT_EQ(other.exit, Exit::kDone);
  const Outcome wrong = lathe({"chat", "--tag", "talker", "--prompt", "Hello", "--template", "llama3"});
  EXPECT_EQ(wrong.exit, Exit::kBadInput);
  EXPECT_TRUE(has(wrong.err, "<|eot_id|>")) << wrong.err;
}

}  // namespace
}  // namespace lathe::cli
