// Damaged tokenizer files of every form: an error with the file's name, or a tokenizer that works; never a crash.
#include <gtest/gtest.h>

#include "core/rng.h"
#include "tests/ref/fuzz.h"
#include "tests/ref/testing.h"
#include "tests/tokenizer/pickled.h"
#include "tests/tokenizer/small_spm.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/char_model.h"
#include "tokenizer/hf_file.h"
#include "tokenizer/split.h"
#include "tokenizer/spm_proto.h"
#include "tokenizer/tiktoken.h"
#include "tokenizer/tokenizer_file.h"

namespace lathe::tokenizer {
namespace {

using testing::check;
using testing::real_data;
using testing::take;

constexpr const char* kProbe = "The caf\xC3\xA9 \xEF\xAC\x81 ㌀ 12\n\xF0\x9F\x98\x80 <|bos|> \xFF";

struct Tally {
  int refused = 0, loaded = 0;
};

// `loaded` is the file to load when it is not the damaged one.
void try_file(const fs::path& path, const std::string& bytes, Tally& tally, const fs::path& loaded = {}) {
  testing::put_file(path, bytes);
  const auto tokenizer = Tokenizer::load(loaded.empty() ? path : loaded);
  if (!tokenizer.ok()) {
    EXPECT_NE(tokenizer.error().to_string().find(path.parent_path().string()), std::string::npos) << tokenizer.error().to_string();
    ++tally.refused;
    return;
  }
  const std::vector<int32_t> ids = tokenizer.value().encode(kProbe);
  for (const int32_t id : ids) EXPECT_LT(id, tokenizer.value().vocab_size());
  (void)tokenizer.value().decode(ids);
  ++tally.loaded;
}

// Flipped bits, cut ends, doubled and overwritten stretches, all by a fixed seed.
Tally fuzz(const std::string& name, const std::string& whole, int rounds, const std::pair<std::string, std::string>& companion = {},
           const std::string& loaded = "") {
  const TemporaryFolder folder;
  if (!companion.first.empty()) testing::put_file(folder.path() / companion.first, companion.second);
  Tally tally;
  Rng rng(5, name);
  for (int i = 0; i < testing::fuzz_rounds(rounds); ++i) {
    std::string bytes = whole;
    switch (i % 4) {
      case 0:
        for (uint64_t n = 1 + rng.below(3); n > 0; --n) {
          const size_t at = rng.below(bytes.size());
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.below(8)));
        }
        break;
      case 1: bytes.resize(rng.below(bytes.size())); break;
      case 2: {
        const size_t at = rng.below(bytes.size()), length = rng.below(64);
        for (size_t k = at; k < std::min(bytes.size(), at + length); ++k) bytes[k] = static_cast<char>(rng.below(256));
        break;
      }
      default: {
        const size_t at = rng.below(bytes.size()), from = rng.below(bytes.size());
        bytes.insert(at, bytes.substr(from, rng.below(200)));
      }
    }
    try_file(folder.path() / name, bytes, tally, loaded.empty() ? fs::path() : folder.path() / loaded);
  }
  return tally;
}

std::string saved(const Tokenizer& tokenizer) {
  const TemporaryFolder folder;
  check(tokenizer.save(folder.path()));
  return take(read_file(folder.path() / kTokenizerFile));
}

Tokenizer small_bpe() {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  for (const char* token : {"th", "the", " c", " ca", "caf", "\xC3\xA9"}) tokens.emplace_back(token);
  return take(Tokenizer::from_tokens(tokens));
}

// L-3.10
TEST(LoaderFuzz, SentencePieceFiles) {
  const auto& model = dynamic_cast<const SpmModel&>(small_spm().model());
  const Tally tally = fuzz("spm.model", model.file_bytes(), 400);
  EXPECT_GT(tally.refused, 100);
  SpmSettings settings = small_spm_settings();
  settings.normalization_rule = "nmt_nfkc";
  settings.model_type = "bpe";
  settings.vocab_size = 380;
  const auto nfkc = take(train_spm(settings, small_spm_text()));
  EXPECT_GT(fuzz("nfkc.model", nfkc->file_bytes(), 60).refused, 10);
}

// L-3.10
TEST(LoaderFuzz, RealSentencePieceFilesCutAnywhere) {
  const fs::path folder = real_data("tokenizers") / "sentencepiece";
  LATHE_NEEDS(folder);
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string whole = take(read_file(entry.path()));
    Rng rng(9, entry.path().filename().string());
    Tally tally;
    const TemporaryFolder copy;
    for (int i = 0; i < 12; ++i) {
      std::string bytes = whole.substr(0, rng.below(whole.size()));
      if (i % 2 == 1) {
        bytes = whole;
        for (int k = 0; k < 8; ++k) {
          const size_t at = rng.below(bytes.size());
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.below(8)));
        }
      }
      try_file(copy.path() / "x.model", bytes, tally);
    }
    EXPECT_GT(tally.refused, 0) << entry.path();
  }
}

// L-3.10
TEST(SpmProto, NormaliserTablesStayInsideThemselves) {
  const auto table = [](const std::vector<uint32_t>& units, const std::string& texts) {
    const auto bytes = static_cast<uint32_t>(units.size() * 4);
    std::string blob(reinterpret_cast<const char*>(&bytes), 4);
    blob.append(reinterpret_cast<const char*>(units.data()), bytes);
    return blob + texts;
  };
  const std::string text("a\0", 2);
  std::vector<uint32_t> units(768);
  // Unused units have a label that no walk arrives with.
  for (size_t unit = 0; unit < 768; ++unit) units[unit] = static_cast<uint32_t>(~unit & 0xff);
  units[0] = 256u << 10;                   // children of the root at 256 ^ label
  EXPECT_TRUE(check_charsmap(table(units, text)).ok());
  std::vector<uint32_t> outside = units;
  outside[0] = 4096u << 10;
  EXPECT_FALSE(check_charsmap(table(outside, text)).ok());
  std::vector<uint32_t> loop = units;
  loop[256 ^ 'x'] = 'x' | ((256u ^ 'x') << 10);  // its children are the root's
  EXPECT_FALSE(check_charsmap(table(loop, text)).ok());
  std::vector<uint32_t> rule = units;
  rule[256 ^ 'x'] = 'x' | (1u << 8) | ((256u ^ 'x' ^ 512u) << 10);  // a leaf whose value stands at unit 512
  rule[512] = 0x80000000u;
  EXPECT_TRUE(check_charsmap(table(rule, text)).ok()) << check_charsmap(table(rule, text)).error().message;
  rule[512] = 0x80000000u | 77;
  EXPECT_FALSE(check_charsmap(table(rule, text)).ok());
  EXPECT_FALSE(check_charsmap(table(units, "a")).ok()) << "texts without an end";
  EXPECT_FALSE(check_charsmap(std::string(3, '\0')).ok());
  EXPECT_FALSE(check_charsmap(table(units, "")).ok());
}

// L-3.10
TEST(SpmProto, NamesWhatItRefuses) {
  const auto message = [](const std::string& bytes) {
    const auto proto = read_spm_proto(bytes, "some.model");
    return proto.ok() ? std::string() : proto.error().to_string();
  };
  const auto piece = [](const std::string& text, char type) {
    std::string body = std::string("\x0A") + static_cast<char>(text.size()) + text + "\x18" + type;
    return std::string("\x0A") + static_cast<char>(body.size()) + body;
  };
  EXPECT_NE(message("").find("no pieces"), std::string::npos);
  EXPECT_NE(message(piece("a", 1)).find("unknown pieces"), std::string::npos);
  EXPECT_EQ(message(piece("<unk>", 2) + piece("a", 1)), "");
  EXPECT_NE(message(piece("<unk>", 2) + piece("a", 1) + piece("a", 1)).find("twice"), std::string::npos);
  EXPECT_NE(message(piece("<unk>", 2) + piece("a", 9)).find("type"), std::string::npos);
  EXPECT_NE(message(piece("<unk>", 2) + piece("<0x41>", 6)).find("byte"), std::string::npos);
  EXPECT_NE(message(piece("<unk>", 2) + piece("\xFF", 1)).find("UTF-8"), std::string::npos);
  EXPECT_NE(message(piece("<unk>", 2) + "\x12\x02\x18\x04").find("type 4"), std::string::npos);
  EXPECT_NE(message("\x0A\x7F").find("cut short"), std::string::npos);
  EXPECT_NE(message("plain text").find("some.model"), std::string::npos);
}

// C-2.20, L-3.10
TEST(LoaderFuzz, TokenizerJsonOfEveryKind) {
  CharCounter counter;
  check(counter.add("The caf\xC3\xA9 of many words"));
  EXPECT_GT(fuzz("bpe.json", saved(small_bpe()), 300).refused, 100);
  EXPECT_GT(fuzz("spm.json", saved(small_spm()), 200).refused, 100);
  EXPECT_GT(fuzz("char.json", saved(take(Tokenizer::from_model(take(CharModel::make(counter.tokens())), {kBos}))), 300).refused, 100);
  EXPECT_GT(fuzz("hf.json", take(to_hugging_face(small_bpe())).dump(2), 200).refused, 50);
}

// C-2.21
TEST(LoaderFuzz, RankFiles) {
  EXPECT_GT(fuzz("small.tiktoken", take(to_tiktoken_ranks(small_bpe())), 400).refused, 100);
}

// C-2.12
TEST(LoaderFuzz, PicklesOfTheChatOrigin) {
  EXPECT_GT(fuzz("tokenizer.pkl", pickled(small_bpe(), std::string(chat_split().regex)), 600).refused, 100);
}

// C-2.20
TEST(LoaderFuzz, VocabularyAndMergesOfGpt2) {
  Json vocabulary = Json::object();
  for (int32_t id = 0; id < 256; ++id) vocabulary[to_byte_level(std::string(1, static_cast<char>(id)))] = int64_t{id};
  std::string merges = "#version: 0.2\n";
  int64_t next = 256;
  for (const auto& [left, right] : {std::pair{"t", "h"}, {"th", "e"}, {"c", "a"}, {"ca", "f"}}) {
    vocabulary[join_text(left, right)] = next++;
    merges += join_text(left, " ", right, "\n");
  }
  vocabulary[kEndOfText] = next;
  EXPECT_GT(fuzz("encoder.json", vocabulary.dump(), 200, {"vocab.bpe", merges}).refused, 50);
  EXPECT_GT(fuzz("vocab.bpe", merges, 200, {"encoder.json", vocabulary.dump()}, "encoder.json").refused, 20);
}

}  // namespace
}  // namespace lathe::tokenizer
