#include "tokenizer/tiktoken.h"

#include <fstream>

#include "tests/ref/testing.h"
#include "tokenizer/base64.h"
#include "tokenizer/byte_level.h"

namespace lathe::tokenizer {
namespace {

using testing::golden;
using testing::read_jsonl;
using testing::take;
using Ids = std::vector<int32_t>;

void write(const fs::path& path, std::string_view text) { std::ofstream(path, std::ios::binary) << text; }

Ids ids_of(const Json& array) {
  Ids ids;
  for (const Json& id : array.as_array()) ids.push_back(static_cast<int32_t>(id.as_int()));
  return ids;
}

std::string byte_ranks() {
  std::string ranks;
  for (int id = 0; id < 256; ++id)
    ranks += to_base64(std::string(1, static_cast<char>(id))) + " " + std::to_string(id) + "\n";
  return ranks;
}

// C-2.20: the first ranks of the public vocabularies, with tiktoken's ids of odd and multilingual strings
// (tests/golden/README.md).
TEST(Tiktoken, IdsOfCutDownPublicEncodings) {
  const fs::path folder = golden("tokenizer") / "public";
  LATHE_NEEDS(folder);
  const std::vector<Json> strings = read_jsonl(folder / "strings.jsonl");
  ASSERT_GT(strings.size(), 300u);
  for (const char* name : {"gpt2", "cl100k_base", "o200k_base"}) {
    const fs::path path = folder / (std::string(name) + ".ranks");
    const Tokenizer tokenizer =
        take(tiktoken_from_ranks(*find_tiktoken_encoding(name), take(read_file(path)), path.string()));
    const std::vector<Json> expected = read_jsonl(folder / (std::string(name) + ".jsonl"));
    ASSERT_EQ(expected.size(), strings.size());
    for (size_t i = 0; i < strings.size(); ++i) {
      const std::string& text = strings[i].at("s").as_string();
      const Ids ids = tokenizer.encode(text);
      ASSERT_EQ(ids, ids_of(expected[i])) << name << " " << ::testing::PrintToString(text);
      ASSERT_EQ(tokenizer.decode_bytes(ids), text);
    }
  }
}

// C-2.20
TEST(Tiktoken, SpecialTokensOfThePublicEncodings) {
  const Tokenizer cl100k = take(tiktoken_from_ranks(*find_tiktoken_encoding("cl100k_base"), byte_ranks(), "x"));
  EXPECT_EQ(cl100k.vocab_size(), 100277);
  EXPECT_EQ(cl100k.special_id("<|endofprompt|>"), 100276);
  EXPECT_EQ(cl100k.bos_id(), 100257) << "<|endoftext|> begins a text where there is no <|bos|>";
  EXPECT_TRUE(cl100k.is_special(100260));
  EXPECT_FALSE(cl100k.is_special(100261)) << "an id between special ones that nothing has";
  EXPECT_EQ(cl100k.decode(Ids{'a', 100261, 100257}), "a<|endoftext|>");
  EXPECT_EQ(cl100k.token_byte_lengths()[100257], 0);
  const std::string text = "a<|endoftext|>b";
  EXPECT_EQ(cl100k.encode(text).size(), text.size());
  EXPECT_EQ(cl100k.encode(text, {.recognise_special = true}), (Ids{'a', 100257, 'b'}));
  EXPECT_EQ(find_tiktoken_encoding("o200k_base")->special_tokens[1].id, 200018);
  EXPECT_EQ(find_tiktoken_encoding("p50k_edit")->special_tokens[3].id, 50283);
  EXPECT_EQ(find_tiktoken_encoding("gpt5"), nullptr);
}

// C-2.20: a rank may be missing only where the encoding has a special token.
TEST(Tiktoken, GapsInTheRanks) {
  const std::string ranks = byte_ranks() + "YWI= 257\n";
  const auto with_gap = parse_ranks(ranks, "x", {{"<|s|>", 256}});
  ASSERT_TRUE(with_gap.ok());
  EXPECT_EQ(with_gap.value().size(), 258u);
  EXPECT_EQ(with_gap.value()[256], "");
  const auto refused = parse_ranks(ranks, "x", {{"<|s|>", 255}});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().offset, static_cast<int64_t>(byte_ranks().size()));
  auto model = take(BpeModel::make(*find_split_name("gpt2"), BpeVocabulary{with_gap.value()}));
  const Tokenizer tokenizer = take(Tokenizer::from_added(model, {{"<|s|>", 256}}));
  EXPECT_EQ(tokenizer.vocab_size(), 258);
  EXPECT_TRUE(tokenizer.is_special(256));
  EXPECT_EQ(tokenizer.encode("ab<|s|>", {.recognise_special = true}), (Ids{257, 256}));
  EXPECT_FALSE(Tokenizer::from_added(model, {{"<|s|>", 257}}).ok()) << "the id of a token";
  // Saved and loaded, the gap is still there.
  const TemporaryFolder folder;
  testing::check(tokenizer.save(folder.path()));
  const Tokenizer again = take(Tokenizer::load(folder.path()));
  EXPECT_EQ(again.hash(), tokenizer.hash());
  EXPECT_EQ(again.added_tokens(), tokenizer.added_tokens());
  EXPECT_EQ(again.encode("ab<|s|>", {.recognise_special = true}), (Ids{257, 256}));
}

// C-2.20: a file that has a public encoding's name must be that encoding's.
TEST(Tiktoken, PublicNamesAreVerified) {
  const TemporaryFolder folder;
  write(folder.path() / "cl100k_base.tiktoken", byte_ranks());
  const auto refused = Tokenizer::load(folder.path() / "cl100k_base.tiktoken");
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("SHA-256"), std::string::npos) << refused.error().message;
}

// C-2.20: GPT-2's own two files.
TEST(Tiktoken, VocabularyOfGpt2) {
  const TemporaryFolder folder;
  Json ids = Json::object();
  for (int i = 0; i < 256; ++i) ids[to_byte_level(std::string(1, gpt2_byte(i)))] = i;
  ids["th"] = 256;
  ids["\u0120th"] = 257;
  ids["<|endoftext|>"] = 258;
  write(folder.path() / "encoder.json", ids.dump());
  write(folder.path() / "vocab.bpe", "#version: 0.2\nt h\n\u0120 th\n");
  const Tokenizer tokenizer = take(Tokenizer::load(folder.path()));
  EXPECT_EQ(tokenizer.vocab_size(), 259);
  EXPECT_EQ(tokenizer.bos_id(), 258);
  EXPECT_EQ(tokenizer.encode("th th!"), (Ids{256, 257, 0}));
  const auto refused = [&](const char* expected) {
    const auto result = Tokenizer::load(folder.path());
    ASSERT_FALSE(result.ok()) << expected;
    EXPECT_NE(result.error().message.find(expected), std::string::npos) << result.error().message;
  };
  write(folder.path() / "vocab.bpe", "#version: 0.2\nt h\n");
  refused("another id");
  write(folder.path() / "vocab.bpe", "t h\nbad\n");
  refused("line 2");
  write(folder.path() / "vocab.bpe", "t h\n\u0120 th\n");
  ids["<|endoftext|>"] = 300;
  write(folder.path() / "encoder.json", ids.dump());
  refused("not GPT-2's");
}

// C-2.21: the printable form of bytes.
TEST(ByteLevel, EveryByteHasALetterOfItsOwn) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const std::string text = to_byte_level(all);
  EXPECT_EQ(first_invalid_utf8(text), -1);
  EXPECT_EQ(count_code_points(text), 256);
  EXPECT_EQ(from_byte_level(text), all);
  EXPECT_EQ(to_byte_level(" \n!\xAD"), "\u0120\u010A!\u0143");
  EXPECT_EQ(from_byte_level(" "), std::nullopt);
  EXPECT_EQ(from_byte_level("\u0144"), std::nullopt);
  EXPECT_EQ(gpt2_byte(0), '!');
  EXPECT_EQ(static_cast<uint8_t>(gpt2_byte(188)), 0);
}

// C-2.20: what a rank file cannot say is not written.
TEST(Tiktoken, ExportedRanksReadBack) {
  BpeVocabulary vocabulary{take(parse_ranks(byte_ranks() + "YWI= 256\nYWJj 257\n", "x"))};
  const SplitPattern& split = *find_split_name("gpt2");
  const Tokenizer tokenizer = take(Tokenizer::from_added(take(BpeModel::make(split, vocabulary)), {}));
  EXPECT_EQ(take(to_tiktoken_ranks(tokenizer)), byte_ranks() + "YWI= 256\nYWJj 257\n");
  vocabulary.merges = {{'a', 'b'}};
  EXPECT_FALSE(to_tiktoken_ranks(take(Tokenizer::from_added(take(BpeModel::make(split, vocabulary)), {}))).ok());
  vocabulary.merges.clear();
  EXPECT_FALSE(to_tiktoken_ranks(take(Tokenizer::from_added(take(BpeModel::make(split, vocabulary, true)), {}))).ok());
}

}  // namespace
}  // namespace lathe::tokenizer
