#include <fstream>

#include "core/rng.h"
#include "core/sha256.h"
#include "tests/ref/testing.h"
#include "tests/tokenizer/pickled.h"
#include "tokenizer/base64.h"
#include "tokenizer/bpe_trainer.h"
#include "tokenizer/split.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {
namespace {

using testing::check;
using testing::take;

Tokenizer sample() { return take(Tokenizer::from_tokens(tokens_of_merges({{'t', 'h'}, {256, 'e'}, {0xE4, 0xBD}}))); }

void write(const fs::path& path, std::string_view text) { std::ofstream(path, std::ios::binary) << text; }

// C-2.12, C-2.33
TEST(TokenizerFile, SavedAndLoadedIsTheSame) {
  const TemporaryFolder base;
  const Tokenizer before = sample();
  check(before.save(base.path() / "tokenizer"));
  for (const auto& after : {Tokenizer::load_base(base.path()), Tokenizer::load(base.path() / "tokenizer"),
                            Tokenizer::load(base.path() / "tokenizer" / "tokenizer.json")}) {
    ASSERT_TRUE(after.ok()) << after.error().to_string();
    EXPECT_EQ(after.value().hash(), before.hash());
    EXPECT_EQ(after.value().vocab_size(), before.vocab_size());
    EXPECT_EQ(after.value().special_tokens(), before.special_tokens());
    for (int32_t id = 0; id < before.vocab_size(); ++id)
      ASSERT_EQ(after.value().token_bytes_of(id), before.token_bytes_of(id));
    EXPECT_EQ(after.value().encode("the 你"), before.encode("the 你"));
  }
}

// C-2.33
TEST(TokenizerFile, MissingFileNamesPathAndCommand) {
  const TemporaryFolder base;
  const auto result = Tokenizer::load_base(base.path());
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().path, (base.path() / "tokenizer" / "tokenizer.json").string());
  EXPECT_NE(result.error().message.find("lathe tokenizer train"), std::string::npos);
}

TEST(TrapT1, TokenizersOfEqualSizeHaveDifferentHashes) {
  std::vector<std::string> hashes;
  hashes.push_back(take(Tokenizer::from_tokens(tokens_of_merges({{'a', 'b'}, {'c', 'd'}}))).hash());
  hashes.push_back(take(Tokenizer::from_tokens(tokens_of_merges({{'c', 'd'}, {'a', 'b'}}))).hash());
  hashes.push_back(take(Tokenizer::from_tokens(tokens_of_merges({{'a', 'b'}, {'c', 'e'}}))).hash());
  std::vector<std::string> specials = chat_special_tokens();
  std::swap(specials[2], specials[4]);
  hashes.push_back(take(Tokenizer::from_tokens(tokens_of_merges({{'a', 'b'}, {'c', 'd'}}), specials)).hash());
  specials[0] = "<|bot|>";
  hashes.push_back(take(Tokenizer::from_tokens(tokens_of_merges({{'a', 'b'}, {'c', 'd'}}), specials)).hash());
  for (size_t i = 0; i < hashes.size(); ++i) {
    EXPECT_EQ(hashes[i].size(), 64u);
    for (size_t j = 0; j < i; ++j) EXPECT_NE(hashes[i], hashes[j]) << i << " and " << j;
  }
}

// The definition in docs/formats/tokenizer.md, computed here from its words.
TEST(TrapT1, HashFollowsTheDocumentedBytes) {
  const Tokenizer tokenizer = take(Tokenizer::from_tokens(tokens_of_merges({{'t', 'h'}}), {"<|z|>", "<|a|>"}));
  std::string bytes = "bpe\n" + std::string(chat_split().regex) + "\n";
  for (int32_t id = 0; id < 257; ++id)
    bytes += to_base64(tokenizer.token_bytes_of(id)) + " " + std::to_string(id) + "\n";
  EXPECT_EQ(tokenizer.hash(), sha256_hex(bytes + R"({"<|a|>":258,"<|z|>":257})"));
}

TEST(TrapT1, HashIsThatOfTheContentWhateverTheFile) {
  const TemporaryFolder folder;
  const Tokenizer tokenizer = sample();
  std::string ranks;
  for (int32_t id = 0; id < tokenizer.bos_id(); ++id)
    ranks += to_base64(tokenizer.token_bytes_of(id)) + " " + std::to_string(id) + "\n";
  write(folder.path() / "ranks.tiktoken", ranks);
  const Tokenizer from_ranks = take(Tokenizer::load(folder.path() / "ranks.tiktoken"));
  EXPECT_EQ(from_ranks.hash(), tokenizer.hash());
  // The formatting of tokenizer.json does not matter either.
  check(tokenizer.save(folder.path()));
  const Json file = take(read_json(folder.path() / "tokenizer.json"));
  write(folder.path() / "other.json", file.dump());
  EXPECT_EQ(take(Tokenizer::load(folder.path() / "other.json")).hash(), tokenizer.hash());
}

// One changed value in each run; nothing may load, nothing may crash.
TEST(TokenizerFile, DamagedFilesAreRefusedWithAReason) {
  const TemporaryFolder folder;
  check(sample().save(folder.path()));
  const fs::path path = folder.path() / "tokenizer.json";
  const Json good = take(read_json(path));
  struct Case {
    const char* key;
    Json value;
    const char* expected;
  };
  const auto with_token = [&](size_t index, const char* text) {
    Json tokens = good.at("tokens");
    tokens.as_array()[index] = Json(text);
    return tokens;
  };
  Json short_list = good.at("tokens");
  short_list.as_array().resize(200);
  const std::vector<Case> cases = {
      {"format", "other", "not a lathe tokenizer"},
      {"version", 2, "version"},
      {"kind", "wordpiece", "kind"},
      {"split", "(\\w+", "does not compile"},
      {"split", 5, "split"},
      {"tokens", "x", "tokens"},
      {"tokens", short_list, "single byte 200"},
      {"tokens", with_token(256, "dGg"), "base64"},
      {"tokens", with_token(256, "dGi="), "base64"},
      {"tokens", with_token(256, ""), "empty"},
      {"tokens", with_token(257, "dGg="), "repeats"},
      {"tokens", with_token(257, "dGhh"), "damaged or edited"},
      {"special_tokens", "x", "special_tokens"},
      {"special_tokens", Json(Json::Array{Json(1)}), "special_tokens"},
      {"special_tokens", Json(Json::Array{Json("<|a|>"), Json("<|a|>")}), "listed twice"},
      {"special_tokens", Json(Json::Array{Json("<|a|>")}), "damaged or edited"},
      {"sha256", "00", "sha256"},
      {"sha256", std::string(64, '0'), "damaged or edited"},
  };
  for (const Case& one : cases) {
    Json bad = good;
    bad[one.key] = one.value;
    write(path, bad.dump());
    const auto result = Tokenizer::load(path);
    ASSERT_FALSE(result.ok()) << one.key << " = " << one.value.dump();
    EXPECT_EQ(result.error().path, path.string());
    EXPECT_NE(result.error().message.find(one.expected), std::string::npos) << result.error().message;
  }
  for (const Json::Member& member : good.as_object()) {
    Json bad = good;
    std::erase_if(bad.as_object(), [&](const Json::Member& other) { return other.first == member.first; });
    write(path, bad.dump());
    EXPECT_FALSE(Tokenizer::load(path).ok()) << "without " << member.first;
  }
  const std::string text = good.dump();
  for (size_t length = 0; length < text.size(); length += 97) {
    write(path, text.substr(0, length));
    EXPECT_FALSE(Tokenizer::load(path).ok()) << "cut to " << length << " bytes";
  }
  Rng rng(10, "damage");
  for (int round = 0; round < 200; ++round) {
    std::string bad = text;
    bad[rng.below(bad.size())] ^= static_cast<char>(1 + rng.below(255));
    write(path, bad);
    const auto result = Tokenizer::load(path);
    EXPECT_TRUE(!result.ok() || result.value().hash() == sample().hash());
  }
}

TEST(TokenizerFile, DamagedRankFilesNameTheByte) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "x.tiktoken";
  std::string ranks;
  for (int id = 0; id < 256; ++id)
    ranks += to_base64(std::string(1, static_cast<char>(id))) + " " + std::to_string(id) + "\n";
  write(path, ranks);
  EXPECT_EQ(take(Tokenizer::load(path)).vocab_size(), 265);
  const auto offset_of_error = [&](const std::string& line) {
    write(path, ranks + line);
    const auto result = Tokenizer::load(path);
    return result.ok() ? int64_t{-2} : result.error().offset;
  };
  const auto end = static_cast<int64_t>(ranks.size());
  EXPECT_EQ(offset_of_error("dGg=\n"), end);
  EXPECT_EQ(offset_of_error("d=== 256\n"), end);
  EXPECT_EQ(offset_of_error("dGg= 257\n"), end);
  EXPECT_EQ(offset_of_error("dGg= 256x\n"), end);
  EXPECT_EQ(offset_of_error("dGg= \n"), end);
  EXPECT_EQ(offset_of_error("QQ== 256\n"), -1) << "a repeated token";
  EXPECT_EQ(offset_of_error("dGg= 256\r\n\n"), -2) << "this one is right";
}

// C-2.12
TEST(TokenizerFile, TheOriginsPickleIsReadWithoutRunningIt) {
  const TemporaryFolder folder;
  const Tokenizer tokenizer = sample();
  const fs::path path = folder.path() / "tokenizer.pkl";
  write(path, pickled(tokenizer, std::string(chat_split().regex)));
  EXPECT_EQ(take(Tokenizer::load(path)).hash(), tokenizer.hash());
  EXPECT_EQ(take(Tokenizer::load(folder.path())).hash(), tokenizer.hash()) << "the folder as the origin leaves it";
  const auto refused = [&](const std::string& bytes, const char* expected) {
    write(path, bytes);
    const auto result = Tokenizer::load(folder.path());
    ASSERT_FALSE(result.ok()) << expected;
    EXPECT_NE(result.error().message.find(expected), std::string::npos) << result.error().message;
  };
  const std::string good = pickled(tokenizer, std::string(chat_split().regex));
  refused(pickled(tokenizer, "(other"), "does not compile");
  refused(pickled(tokenizer, std::string(chat_split().regex), 1), "out of range");
  refused(good.substr(0, good.size() / 2), "");
  refused("cos\nsystem\n(X\x04" + std::string(3, '\0') + "truetR.", "not a pickled tiktoken encoding");
  check(tokenizer.save(folder.path()));
  EXPECT_EQ(take(Tokenizer::load(folder.path())).hash(), tokenizer.hash()) << "tokenizer.json comes first";
}

TEST(Base64, RoundTripAndStrictness) {
  Rng rng(11, "base64");
  for (int round = 0; round < 300; ++round) {
    std::string bytes;
    for (uint64_t n = rng.below(12); n > 0; --n) bytes += static_cast<char>(rng.below(256));
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
  }
  EXPECT_EQ(to_base64("foob"), "Zm9vYg==");
  EXPECT_EQ(to_base64("fooba"), "Zm9vYmE=");
  for (const char* bad : {"Zg", "Zg=", "Z===", "====", "Zh==", "Zg==Zg==", "Zm9v\n", "Zm9*", "Zm=v"})
    EXPECT_EQ(from_base64(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace lathe::tokenizer
