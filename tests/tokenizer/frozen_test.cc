#include "tokenizer/frozen.h"

#include <algorithm>

#include "core/json.h"
#include "core/sha256.h"
#include "tests/ref/testing.h"
#include "tests/tokenizer/small_spm.h"
#include "tokenizer/char_model.h"
#include "tokenizer/render.h"
#include "tokenizer/tokenizer_file.h"

namespace lathe::tokenizer {
namespace {

using testing::check;
using testing::take;

// The folder that training writes.
void write_frozen(const fs::path& folder, const Tokenizer& tokenizer) {
  const auto& model = dynamic_cast<const SpmModel&>(tokenizer.model());
  check(write_file_atomic(folder / kSpmFile, model.file_bytes()));
  check(write_tokenizer_config(folder, tokenizer, "lathe test", Json::object()));
}

void flip_byte(const fs::path& path, size_t at) {
  std::string bytes = take(read_file(path));
  bytes.at(at) = static_cast<char>(bytes.at(at) ^ 1);
  check(write_file_atomic(path, bytes));
}

// L-3.17, L-3.18
TEST(Frozen, HashIsOverTheModelAndTheSpecialTokens) {
  const TemporaryFolder folder;
  write_frozen(folder.path(), small_spm());
  const Json config = take(read_json(folder.path() / kTokenizerConfigFile));
  std::vector<std::pair<std::string, int64_t>> specials;
  for (const auto& [name, id] : config.at("special_tokens").as_object()) specials.emplace_back(name, id.as_int());
  std::sort(specials.begin(), specials.end());
  std::string canonical = take(read_file(folder.path() / kSpmFile)) + "{";
  for (const auto& [name, id] : specials)
    canonical += (canonical.back() == '{' && specials[0].first == name ? "\"" : ",\"") + name + "\":" + std::to_string(id);
  EXPECT_EQ(config.at("sha256_hash").as_string(), sha256_hex(canonical + "}"));
  EXPECT_EQ(take(load_frozen(folder.path())).hash, config.at("sha256_hash").as_string());
}

// L-3.19, L-1.34
TEST(Frozen, AChangedFileIsRefusedAtEveryLoad) {
  const TemporaryFolder folder;
  write_frozen(folder.path(), small_spm());
  ASSERT_TRUE(load_frozen(folder.path()).ok());
  Json config = take(read_json(folder.path() / kTokenizerConfigFile));
  const std::string model = take(read_file(folder.path() / kSpmFile));
  // Score bytes: the model stays well-formed, so only the hash tells.
  const size_t piece = model.find("the");
  ASSERT_NE(piece, std::string::npos);
  flip_byte(folder.path() / kSpmFile, piece + 4);
  const auto loaded = load_frozen(folder.path());
  ASSERT_FALSE(loaded.ok());
  EXPECT_NE(loaded.error().to_string().find(kSpmFile), std::string::npos);
  EXPECT_FALSE(Tokenizer::load(folder.path()).ok());
  check(write_file_atomic(folder.path() / kSpmFile, model));
  config["sha256_hash"] = std::string(64, 'a');
  check(write_json_atomic(folder.path() / kTokenizerConfigFile, config));
  EXPECT_FALSE(load_frozen(folder.path()).ok());
}

// L-3.24
TEST(Frozen, FolderOrAFileInItIsTheSameTokenizer) {
  const TemporaryFolder folder;
  write_frozen(folder.path(), small_spm());
  check(write_file_atomic(folder.path() / "spm.vocab", "x"));
  for (const fs::path& path : {folder.path(), folder.path() / kSpmFile, folder.path() / kTokenizerConfigFile, folder.path() / "spm.vocab"})
    EXPECT_EQ(take(load_frozen(path)).hash, small_spm().hash()) << path;
}

// L-1.13
TEST(Frozen, AbsentItNamesTheCommandAndNothingStandsInForIt) {
  const TemporaryFolder empty;
  for (const fs::path& path : {empty.path(), empty.path() / "spm_32k"}) {
    const auto absent = load_frozen(path);
    ASSERT_FALSE(absent.ok());
    EXPECT_NE(absent.error().message.find("No tokenizer found"), std::string::npos);
    EXPECT_NE(absent.error().message.find("lathe 20_train_tokenizer --config config/pretrain/tokenizer/spm32k.json --output-dir " + path.string()),
              std::string::npos);
  }
}

// L-3.16, L-3.11
TEST(Frozen, SpecialIdsComeFromTheTokenizer) {
  const TemporaryFolder folder;
  write_frozen(folder.path(), small_spm());
  const FrozenTokenizer frozen = take(load_frozen(folder.path()));
  EXPECT_EQ(frozen.unk, 0);
  EXPECT_EQ(frozen.bos, 1);
  EXPECT_EQ(frozen.eos, 2);
  EXPECT_EQ(frozen.pad, 3);
  EXPECT_EQ(frozen.created_by, "lathe test");
  EXPECT_EQ(frozen.tokenizer.bos_id(), 1);
}

// L-3.23
TEST(TrapT1, SameSizeOtherContentIsAnotherTokenizer) {
  SpmSettings settings = small_spm_settings();
  settings.character_coverage = 0.98;
  const auto model = take(train_spm(settings, small_spm_text()));
  const Tokenizer other = take(Tokenizer::from_added(model, model->added_tokens()));
  ASSERT_EQ(other.vocab_size(), small_spm().vocab_size());
  EXPECT_NE(other.hash(), small_spm().hash());
  // The same model with another name for one special token.
  std::vector<AddedToken> added = small_spm().added_tokens();
  added.back().text = "<|renamed|>";
  EXPECT_NE(take(Tokenizer::from_added(small_spm().shared_model(), added)).hash(), small_spm().hash());
}

// L-3.20, L-3.21
TEST(Frozen, MismatchTableNamesTheOddOneOut) {
  const std::string a(64, 'a'), b(64, 'b');
  EXPECT_TRUE(check_same({}).ok());
  EXPECT_TRUE(check_same({{"one", a, "", ""}, {"two", a, "", ""}}).ok());
  const Status status = check_same({{"data/models/tokenizers/spm_32k", a, "lathe 1", ""},
                                    {"data/processed/c4_1024", a, "lathe 1", ""},
                                    {"data/processed/old", b, "lathe 0", ""},
                                    {"data/processed/blank", "", "", "make it again"}});
  ASSERT_FALSE(status.ok());
  const std::string text = status.error().message;
  EXPECT_TRUE(text.starts_with("Tokenizer mismatch between datasets\n"));
  for (const std::string& part : {a, b, std::string("created by"), std::string("lathe 0"), std::string("data/processed/old  "),
                                  std::string("repair data/processed/old: lathe pack"), std::string("--tokenizer-dir data/models/tokenizers/spm_32k"),
                                  std::string("repair data/processed/blank: make it again")})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  EXPECT_EQ(text.find("repair data/processed/c4_1024"), std::string::npos);
  EXPECT_FALSE(check_same({{"one", "", "", ""}}).ok()) << "no record is no agreement";
}

// L-1.29
TEST(Frozen, DependantsAreFoundByTheHashTheyName) {
  const TemporaryFolder folder;
  const std::string hash(64, 'c');
  check(write_json_atomic(folder.path() / "processed/c4/manifest.json", Json(Json::Object{{"tokenizer_config_hash", hash}})));
  check(write_json_atomic(folder.path() / "checkpoints/d4/meta_10.json", Json(Json::Object{{"tokenizer_hash", hash}})));
  check(write_json_atomic(folder.path() / "processed/other/manifest.json", Json(Json::Object{{"tokenizer_config_hash", std::string(64, 'd')}})));
  check(write_json_atomic(folder.path() / "tokenizers/own/tokenizer_config.json", Json(Json::Object{{"sha256_hash", hash}})));
  const auto found = find_dependants({folder.path(), folder.path() / "processed", folder.path() / "absent"}, hash, folder.path() / "tokenizers/own");
  EXPECT_EQ(found, (std::vector<fs::path>{folder.path() / "checkpoints/d4", folder.path() / "processed/c4"}));
}

// L-3.27
TEST(Frozen, SavedInAnyFolderItIsTheSameTokenizer) {
  const TemporaryFolder folder;
  check(small_spm().save(folder.path()));
  const Tokenizer loaded = take(Tokenizer::load(folder.path()));
  EXPECT_EQ(loaded.hash(), small_spm().hash());
  EXPECT_EQ(loaded.encode("the cat\n"), small_spm().encode("the cat\n"));
  EXPECT_EQ(take(load_frozen(folder.path())).eos, 2);
}

// L-3.12, L-3.15
TEST(Frozen, TheChatMarkersRenderConversations) {
  Conversation conversation;
  conversation.messages.push_back({Role::kUser, "the <|user_end|> cat\n"});
  conversation.messages.push_back({Role::kAssistant, "sat"});
  const auto rendered = render_conversation(small_spm(), conversation);
  ASSERT_TRUE(rendered.ok()) << rendered.error().message;
  const std::vector<int32_t>& ids = rendered.value().ids;
  EXPECT_EQ(ids.front(), small_spm().bos_id());
  EXPECT_EQ(std::count(ids.begin(), ids.end(), small_spm().special_id(kUserEnd)), 1) << "the typed one is text";
  EXPECT_EQ(ids.back(), small_spm().special_id(kAssistantEnd));
}

// L-3.25, L-3.27
TEST(CharModel, VocabularyIsTheSortedSetOfCodePoints) {
  CharCounter counter;
  check(counter.add("hello\n"));
  check(counter.add("wörld \xF0\x9F\x98\x80"));
  EXPECT_EQ(counter.tokens(), (std::vector<std::string>{"\n", " ", "d", "e", "h", "l", "o", "r", "w", "ö", "\xF0\x9F\x98\x80"}));
  const Tokenizer tokenizer = take(Tokenizer::from_model(take(CharModel::make(counter.tokens())), {kBos}));
  EXPECT_EQ(tokenizer.encode("hello"), (std::vector<int32_t>{4, 3, 5, 5, 6}));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("wörld\n\xF0\x9F\x98\x80")), "wörld\n\xF0\x9F\x98\x80");
  const TemporaryFolder folder;
  check(tokenizer.save(folder.path()));
  const Tokenizer loaded = take(Tokenizer::load(folder.path()));
  EXPECT_EQ(loaded.hash(), tokenizer.hash());
  EXPECT_EQ(loaded.encode("hello"), tokenizer.encode("hello"));
  EXPECT_FALSE(counter.add("\xFF").ok());
}

// L-3.25
TEST(CharModel, UnseenCharactersAreAnErrorInTrainingAndSkippedInPrompts) {
  const auto model = take(CharModel::make({"a", "b"}));
  const Tokenizer tokenizer = take(Tokenizer::from_model(model, {}));
  EXPECT_TRUE(tokenizer.model().check("abba").ok());
  const Status unseen = tokenizer.model().check("ab\xC3\xA9");
  ASSERT_FALSE(unseen.ok());
  EXPECT_NE(unseen.error().message.find("U+00E9"), std::string::npos);
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(tokenizer.encode("aéxb\xFF"), (std::vector<int32_t>{0, 1}));
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find("3 characters"), std::string::npos) << log;
  EXPECT_NE(log.find("U+00E9"), std::string::npos) << log;
}

}  // namespace
}  // namespace lathe::tokenizer
