// The tokenizer against the original programs: tok512/, tokenizer/bpe_*/ and chat_render/ of the golden data. Exact.
#include <cstdlib>
#include <map>

#include "tests/ref/testing.h"
#include "tokenizer/bpe_trainer.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/render.h"

namespace lathe::tokenizer {
namespace {

using testing::golden;
using testing::read_json_or_fail;
using testing::read_jsonl;
using testing::take;

std::vector<int32_t> ids_of(const Json& array) {
  std::vector<int32_t> ids;
  for (const Json& id : array.as_array()) ids.push_back(static_cast<int32_t>(id.as_int()));
  return ids;
}

std::string hex_of(std::string_view bytes) {
  std::string hex;
  for (const char byte : bytes) hex += format_text("%02x", static_cast<unsigned>(static_cast<uint8_t>(byte)));
  return hex;
}

// A folder with ranks.tiktoken and tokenizer.json, and the text it was trained on.
struct Case {
  fs::path folder, training_text;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  if (fs::exists(golden("tok512"))) all.push_back({golden("tok512"), golden("tok512") / "train_docs.jsonl"});
  if (!fs::exists(golden("tokenizer"))) return all;
  for (const auto& entry : fs::directory_iterator(golden("tokenizer"))) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("bpe_")) continue;
    const std::string text = name.substr(4, name.rfind('_') - 4);
    all.push_back({entry.path(), golden("tokenizer") / "train" / (text + ".jsonl")});
  }
  return all;
}

// C-2.1, C-2.7, C-2.8
TEST(TokenizerGolden, TrainingGivesTheSameTokens) {
  LATHE_NEEDS(golden("tokenizer"));
  for (const auto& [folder, training_text] : cases()) {
    SCOPED_TRACE(folder.string());
    TrainSettings settings;
    settings.vocab_size = read_json_or_fail(folder / "tokenizer.json").at("vocab_size").as_int();
    settings.doc_cap = 1 << 30;
    const std::vector<Json> rows = read_jsonl(training_text);
    size_t at = 0;
    const Tokenizer trained = take(train_bpe(settings, [&](std::vector<std::string>& out) -> Status {
                                for (; at < rows.size() && out.size() < 100; ++at)
                                  out.push_back(rows[at].at("text").as_string());
                                return {};
                              })).tokenizer;
    const Tokenizer expected = take(Tokenizer::load(folder / "ranks.tiktoken"));
    ASSERT_EQ(trained.vocab_size(), expected.vocab_size());
    for (int32_t id = 0; id < expected.vocab_size(); ++id)
      ASSERT_EQ(trained.token_bytes_of(id), expected.token_bytes_of(id)) << "token " << id;
    EXPECT_EQ(trained.hash(), expected.hash());
  }
}

// C-2.8: the merges of a published course's reference trainer, which breaks ties by the greater bytes.
TEST(TokenizerGolden, TrainingGivesTheReferenceMergesOfAnotherTrainer) {
  const fs::path folder = testing::real_data("tokenizers/bpe_train_reference");
  LATHE_NEEDS(folder);
  TrainSettings settings;
  settings.vocab_size = 500;
  settings.special_tokens = {kEndOfText};
  settings.split = find_split_name("gpt2");
  settings.ties = Ties::kGreaterBytes;
  settings.doc_cap = 1 << 30;
  const std::vector<std::string> text = {take(read_file(folder / "corpus.en"))};
  const Tokenizer trained = take(train_bpe(settings, text)).tokenizer;
  std::vector<std::string> merges;
  for (const std::string& line : split_text(take(read_file(folder / "train-bpe-reference-merges.txt")), '\n'))
    if (!line.empty()) merges.push_back(line);
  ASSERT_EQ(merges.size(), 243u);
  ASSERT_EQ(trained.vocab_size(), 500);
  for (size_t i = 0; i < merges.size(); ++i) {
    std::string joined;
    for (const std::string& half : split_text(merges[i], ' ')) joined += from_byte_level(half).value();
    ASSERT_EQ(trained.token_bytes_of(static_cast<int32_t>(256 + i)), joined) << "merge " << i;
  }
}

// C-2.4, C-2.5, C-2.13
TEST(TokenizerGolden, SpecialIdsAndTokenBytes) {
  LATHE_NEEDS(golden("tokenizer"));
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.folder.string());
    const Tokenizer tokenizer = take(Tokenizer::load(one.folder / "ranks.tiktoken"));
    const Json file = read_json_or_fail(one.folder / "tokenizer.json");
    EXPECT_EQ(tokenizer.vocab_size(), file.at("vocab_size").as_int());
    ASSERT_EQ(tokenizer.special_tokens().size(), file.at("special_tokens").size());
    for (const auto& [name, id] : file.at("special_tokens").as_object())
      EXPECT_EQ(tokenizer.special_id(name), id.as_int());
    EXPECT_EQ(tokenizer.token_byte_lengths(TokenBytes::kReference), ids_of(file.at("token_bytes")));
    EXPECT_EQ(tokenizer.token_byte_lengths(TokenBytes::kRaw), ids_of(file.at("token_bytes_raw")));
  }
}

// C-2.3, C-2.16, C-2.17
TEST(TokenizerGolden, Encodings) {
  LATHE_NEEDS(golden("tokenizer"));
  std::map<int64_t, std::string> strings;
  for (const Json& row : read_jsonl(golden("tokenizer") / "strings.jsonl"))
    strings[row.at("i").as_int()] = row.at("s").as_string();
  size_t compared = 0;
  for (const Case& one : cases()) {
    if (!fs::exists(one.folder / "encodings.jsonl")) continue;
    SCOPED_TRACE(one.folder.string());
    const Tokenizer tokenizer = take(Tokenizer::load(one.folder / "ranks.tiktoken"));
    for (const Json& row : read_jsonl(one.folder / "encodings.jsonl")) {
      const std::string& text = strings.at(row.at("i").as_int());
      const std::vector<int32_t> ids = tokenizer.encode(text);
      ASSERT_EQ(ids, ids_of(row.at("ids"))) << ::testing::PrintToString(text);
      EXPECT_EQ(tokenizer.decode(ids), text);
      ++compared;
    }
  }
  EXPECT_GT(compared, 0u);
}

// C-2.18
TEST(TokenizerGolden, Decodings) {
  LATHE_NEEDS(golden("tokenizer"));
  size_t compared = 0;
  for (const Case& one : cases()) {
    if (!fs::exists(one.folder / "decode.jsonl")) continue;
    SCOPED_TRACE(one.folder.string());
    const Tokenizer tokenizer = take(Tokenizer::load(one.folder / "ranks.tiktoken"));
    for (const Json& row : read_jsonl(one.folder / "decode.jsonl")) {
      const std::vector<int32_t> ids = ids_of(row.at("ids"));
      EXPECT_EQ(hex_of(tokenizer.decode_bytes(ids)), row.at("bytes_hex").as_string());
      EXPECT_EQ(tokenizer.decode(ids), row.at("text").as_string());
      ++compared;
    }
  }
  EXPECT_GT(compared, 0u);
}

// C-2.20, C-2.21: a tokenizer.json that Hugging Face's library trained; it finds special names in text.
TEST(TokenizerGolden, HuggingFaceFile) {
  const fs::path folder = golden("tokenizer") / "hf";
  LATHE_NEEDS(folder);
  const Tokenizer tokenizer = take(Tokenizer::load(folder / "tokenizer.json"));
  std::map<int64_t, std::string> strings;
  for (const Json& row : read_jsonl(golden("tokenizer") / "strings.jsonl"))
    strings[row.at("i").as_int()] = row.at("s").as_string();
  size_t compared = 0;
  for (const Json& row : read_jsonl(folder / "encodings.jsonl")) {
    const std::string& text = strings.at(row.at("i").as_int());
    const std::vector<int32_t> ids = tokenizer.encode(text, {.recognise_special = true});
    ASSERT_EQ(ids, ids_of(row.at("ids"))) << ::testing::PrintToString(text);
    EXPECT_EQ(tokenizer.decode(ids), text);
    ++compared;
  }
  EXPECT_GT(compared, 100u);
}

// C-2.20: the public encodings whole, from their own files.
TEST(TokenizerGolden, PublicEncodings) {
  const fs::path expected = golden("tokenizer") / "known", files = testing::real_data("tokenizers");
  LATHE_NEEDS(expected);
  LATHE_NEEDS(files);
  const TemporaryFolder folder;
  const std::vector<Json> strings = read_jsonl(golden("tokenizer") / "strings.jsonl");
  for (const char* name : {"gpt2", "r50k_base", "p50k_base", "cl100k_base", "o200k_base"}) {
    SCOPED_TRACE(name);
    fs::path path = files / name;
    if (!fs::exists(path)) {
      path = folder.path() / (std::string(name) + ".tiktoken");
      const fs::path packed = files / (std::string(name) + ".tiktoken.zst");
      ASSERT_EQ(std::system(("zstd -dqf '" + packed.string() + "' -o '" + path.string() + "'").c_str()), 0);
    }
    const Tokenizer tokenizer = take(Tokenizer::load(path));
    const Json facts = read_json_or_fail(expected / "encodings.json").at(name);
    EXPECT_EQ(tokenizer.vocab_size(), facts.at("n_vocab").as_int());
    for (const auto& [special, id] : facts.at("special_tokens").as_object())
      EXPECT_EQ(tokenizer.special_id(special), id.as_int());
    size_t compared = 0;
    for (const Json& row : read_jsonl(expected / (std::string(name) + ".jsonl"))) {
      const Json& string = strings.at(static_cast<size_t>(row.at("i").as_int()));
      ASSERT_EQ(string.at("i"), row.at("i"));
      ASSERT_EQ(tokenizer.encode(string.at("s").as_string()), ids_of(row.at("ids"))) << string.dump();
      ++compared;
    }
    EXPECT_GT(compared, 100u);
  }
}

// C-2.23, C-2.24, C-2.28
TEST(RenderGolden, ConversationsToIdsAndMask) {
  LATHE_NEEDS(golden("chat_render"));
  const Tokenizer tokenizer = take(Tokenizer::load(golden("tok512") / "ranks.tiktoken"));
  const std::vector<Json> conversations = read_jsonl(golden("chat_render") / "conversations.jsonl");
  const std::vector<Json> expected = read_jsonl(golden("chat_render") / "rendered.jsonl");
  ASSERT_FALSE(expected.empty());
  for (const Json& row : expected) {
    SCOPED_TRACE(row.at("i").as_int());
    const Conversation conversation =
        take(conversation_from_json(conversations.at(static_cast<size_t>(row.at("i").as_int()))));
    const Rendered rendered = take(render_conversation(tokenizer, conversation));
    EXPECT_EQ(rendered.ids, ids_of(row.at("ids")));
    EXPECT_EQ(std::vector<int32_t>(rendered.mask.begin(), rendered.mask.end()), ids_of(row.at("mask")));
    for (const auto& [key, length] : row.as_object()) {
      if (!key.starts_with("len_max")) continue;
      const Rendered cut = take(render_conversation(tokenizer, conversation, std::stoll(key.substr(7))));
      ASSERT_EQ(static_cast<int64_t>(cut.ids.size()), length.as_int());
      EXPECT_TRUE(std::equal(cut.ids.begin(), cut.ids.end(), rendered.ids.begin()));
    }
    if (const Json* completion = row.find("completion_ids")) {
      EXPECT_EQ(take(render_for_completion(tokenizer, conversation)), ids_of(*completion));
    } else {
      EXPECT_FALSE(render_for_completion(tokenizer, conversation).ok());
    }
  }
}

// C-2.24, C-2.25, C-2.26
TEST(RenderGolden, InvalidConversationsAreRefused) {
  LATHE_NEEDS(golden("chat_render"));
  const Tokenizer tokenizer = take(Tokenizer::load(golden("tok512") / "ranks.tiktoken"));
  const std::vector<Json> rows = read_jsonl(golden("chat_render") / "invalid.jsonl");
  ASSERT_FALSE(rows.empty());
  for (const Json& row : rows) {
    const auto conversation = conversation_from_json(row);
    if (!conversation.ok()) continue;
    const bool accepted = row.get_bool("for_completion", false)
                              ? render_for_completion(tokenizer, conversation.value()).ok()
                              : render_conversation(tokenizer, conversation.value()).ok();
    EXPECT_FALSE(accepted) << row.dump();
  }
}

// C-2.4, C-2.29
TEST(RenderGolden, PromptOfTheToolTranscripts) {
  LATHE_NEEDS(golden("chat_render"));
  const Tokenizer tokenizer = take(Tokenizer::load(golden("tok512") / "ranks.tiktoken"));
  const Json meta = read_json_or_fail(golden("chat_render") / "meta.json");
  for (const auto& [name, id] : meta.at("special_tokens").as_object())
    EXPECT_EQ(tokenizer.special_id(name), id.as_int());
  const std::vector<int32_t> prompt = ids_of(meta.at("prompt"));
  ASSERT_GE(prompt.size(), 4u);
  const std::string question = tokenizer.decode(std::span(prompt).subspan(2, prompt.size() - 4));
  const Conversation conversation{{{Role::kUser, question}, {Role::kAssistant, ""}}};
  EXPECT_EQ(take(render_for_completion(tokenizer, conversation)), prompt);
}

}  // namespace
}  // namespace lathe::tokenizer
