#include "tokenizer/hf_file.h"

#include <fstream>

#include "core/rng.h"
#include "tests/ref/testing.h"
#include "tokenizer/bpe_model.h"
#include "tokenizer/bpe_trainer.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/hf_merges.h"
#include "tokenizer/nfc.h"

namespace lathe::tokenizer {
namespace {

using testing::take;
using Ids = std::vector<int32_t>;

// A small file of the library's form: ids 0..255 are GPT-2's alphabet, then "ab", "abc" and two added tokens.
Json sample_file() {
  Json vocab = Json::object();
  for (int i = 0; i < 256; ++i) vocab[to_byte_level(std::string(1, gpt2_byte(i)))] = i;
  vocab["ab"] = 256;
  vocab["abc"] = 257;
  return take(parse_json(R"({"version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [
      {"id": 258, "content": "<|endoftext|>", "single_word": false, "lstrip": false, "rstrip": false,
       "normalized": false, "special": true},
      {"id": 260, "content": "<tool>", "single_word": false, "lstrip": false, "rstrip": true,
       "normalized": false, "special": false}],
    "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
    "post_processor": {"type": "ByteLevel"},
    "decoder": {"type": "ByteLevel", "add_prefix_space": true},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
              "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
              "vocab": )" +
                         vocab.dump() + R"(, "merges": ["a b", ["ab", "c"]]}})"));
}

int32_t byte_id(char c) {
  for (int i = 0; i < 256; ++i)
    if (gpt2_byte(i) == c) return i;
  return -1;
}

// C-2.20, C-2.21: added tokens that are not special are found in any text, special ones only on request.
TEST(HuggingFace, IdsMergesAndAddedTokens) {
  const Tokenizer tokenizer = take(from_hugging_face(sample_file(), "x"));
  EXPECT_EQ(tokenizer.vocab_size(), 261);
  EXPECT_EQ(tokenizer.bos_id(), 258);
  EXPECT_EQ(tokenizer.encode("abc"), (Ids{257}));
  EXPECT_EQ(tokenizer.encode("ab<tool>  c"), (Ids{256, 260, byte_id('c')})) << "rstrip takes the blanks";
  EXPECT_EQ(tokenizer.encode("a<|endoftext|>", {.recognise_special = true}), (Ids{byte_id('a'), 258}));
  EXPECT_EQ(tokenizer.encode("<|endoftext|>").size(), 13u);
  EXPECT_EQ(tokenizer.decode(Ids{257, 258, 260, 259}), "abc<|endoftext|><tool>");
  EXPECT_FALSE(tokenizer.is_special(260));
  EXPECT_TRUE(is_hugging_face(sample_file()));
}

// C-2.21: the library joins what its list names, in the list's order; only ignore_merges takes whole pieces.
TEST(HuggingFace, MergesGoByTheirList) {
  Json file = sample_file();
  file["model"]["vocab"]["bc"] = 259;
  file["model"]["merges"] = take(parse_json(R"([["b", "c"], ["a", "b"], ["ab", "c"]])"));
  const Tokenizer tokenizer = take(from_hugging_face(file, "x"));
  EXPECT_EQ(tokenizer.encode("abc"), (Ids{byte_id('a'), 259})) << "b c comes first, and a bc is no merge";
  file["model"]["ignore_merges"] = true;
  const Tokenizer whole = take(from_hugging_face(file, "x"));
  EXPECT_EQ(whole.encode("abc"), (Ids{257}));
  EXPECT_NE(whole.hash(), tokenizer.hash());
  // The order of the list survives lathe's own file.
  const TemporaryFolder folder;
  testing::check(tokenizer.save(folder.path()));
  const Tokenizer again = take(Tokenizer::load(folder.path()));
  EXPECT_EQ(again.hash(), tokenizer.hash());
  EXPECT_EQ(again.encode("abc<tool> "), tokenizer.encode("abc<tool> "));
}

// C-2.20: the split patterns and normalisers of the families.
TEST(HuggingFace, SplitPatternAndNormalizer) {
  Json file = sample_file();
  const auto with_split = [&](std::string_view name) {
    file["pre_tokenizer"] = take(parse_json(
        R"({"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "x"},
            "behavior": "Isolated", "invert": false},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false}]})"));
    file["pre_tokenizer"]["pretokenizers"].as_array()[0]["pattern"]["Regex"] = find_split_name(name)->portable;
    return take(from_hugging_face(file, "x"));
  };
  for (const SplitPattern& pattern : split_patterns()) {
    const Tokenizer tokenizer = with_split(pattern.name);
    EXPECT_EQ(&dynamic_cast<const BpeModel&>(tokenizer.model()).split(), &pattern);
  }
  file["normalizer"] = take(parse_json(R"({"type": "NFC"})"));
  const Tokenizer tokenizer = with_split("qwen2");
  EXPECT_EQ(tokenizer.decode_bytes(tokenizer.encode("e\u0301\xFF\u1112\u1161\u11ABx")), "\u00E9\xFF\uD55Cx");
  EXPECT_EQ(to_nfc("e\u0301"), "\u00E9");
  EXPECT_EQ(to_nfc("\xCC"
                   "e\xCC"),
            "\xCC"
            "e\xCC")
      << "bytes that are not valid UTF-8 stay";
}

// C-2.20: what would be done otherwise is refused, and the message names the field.
TEST(HuggingFace, UnsupportedFieldsAreRefusedByName) {
  struct Case {
    const char* change;  // a path of keys, then the value
    const char* value;
    const char* expected;
  };
  const std::vector<Case> cases = {
      {"truncation", R"({"max_length": 5})", "\"truncation\""},
      {"padding", R"({"length": 5})", "\"padding\""},
      {"normalizer", R"({"type": "Lowercase"})", "\"normalizer\" of type Lowercase"},
      {"normalizer", R"({"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Strip"}]})", "of type Strip"},
      {"pre_tokenizer", "null", "\"pre_tokenizer\""},
      {"pre_tokenizer", R"({"type": "Whitespace"})", "of type Whitespace"},
      {"pre_tokenizer", R"({"type": "ByteLevel", "add_prefix_space": 1})", "add_prefix_space"},
      {"pre_tokenizer", R"({"type": "Sequence", "pretokenizers": []})", "pre_tokenizer.pretokenizers"},
      {"pre_tokenizer", R"({"type": "Sequence", "pretokenizers": [{"type": "UnicodeScripts"}, {"type": "ByteLevel",
        "add_prefix_space": false, "use_regex": false}]})",
       "of type UnicodeScripts"},
      {"pre_tokenizer", R"({"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "(\\w"},
        "behavior": "Isolated"}, {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})",
       "does not compile"},
      {"pre_tokenizer", R"({"type": "Sequence", "pretokenizers": [{"type": "Sequence", "pretokenizers": []}]})",
       "of type Sequence"},
      {"decoder", R"({"type": "Metaspace"})", "\"decoder\""},
      {"model.type", R"("Unigram")", "\"model.type\" must be BPE"},
      {"model.dropout", "0.1", "\"model.dropout\""},
      {"model.continuing_subword_prefix", R"("##")", "continuing_subword_prefix"},
      {"model.end_of_word_suffix", R"("</w>")", "end_of_word_suffix"},
      {"model.ignore_merges", "1", "ignore_merges"},
      {"model.vocab", "[]", "\"model.vocab\""},
      {"model.vocab", R"({"a": -1})", "out of range"},
      {"model.vocab", R"({"a": 99999999})", "out of range"},
      {"model.vocab", R"({"a": 0, "b": 0})", "id 0 twice"},
      {"model.vocab", R"({"a b": 0})", "stands for no byte"},
      {"model.merges", "{}", "\"model.merges\""},
      {"model.merges", "[]", "\"model.merges\" is empty"},
      {"model.merges", R"(["ab"])", "merges[0]"},
      {"model.merges", R"([["a", "b"], ["a", "q"]])", "merges[1]\" makes"},
      {"model.merges", R"([["a", "zz"]])", "merges[0]\" joins"},
      {"model.merges", R"([["a", "b"], ["a", "b"]])", "repeats"},
      {"added_tokens", "5", "\"added_tokens\""},
      {"added_tokens", R"([{"id": 300}])", "added_tokens[0].content"},
      {"added_tokens", R"([{"id": -1, "content": "x"}])", "added_tokens[0].id"},
      {"added_tokens", R"([{"id": 300, "content": "x", "single_word": true}])", "added_tokens[0].single_word"},
      {"added_tokens", R"([{"id": 300, "content": "x", "special": 1}])", "added_tokens[0].special"},
      {"added_tokens", R"([{"id": 300, "content": "abc"}])", "the vocabulary 257"},
      {"added_tokens", R"([{"id": 257, "content": "abc", "special": true}])", "merges can make"},
      {"added_tokens", R"([{"id": 256, "content": "q?"}])", "of another token"},
      {"added_tokens", R"([{"id": 300, "content": "<x>"}, {"id": 301, "content": "<x>"}])", "listed twice"},
  };
  for (const Case& one : cases) {
    Json file = sample_file();
    Json* place = &file;
    for (const std::string& key : split_text(one.change, '.')) place = &(*place)[key];
    *place = take(parse_json(one.value));
    const auto result = from_hugging_face(file, "some.json");
    ASSERT_FALSE(result.ok()) << one.change << " = " << one.value;
    EXPECT_EQ(result.error().path, "some.json");
    EXPECT_NE(result.error().message.find(one.expected), std::string::npos) << result.error().message;
  }
  Json file = sample_file();
  file["normalizer"] = take(parse_json(R"({"type": "NFC"})"));
  file["added_tokens"].as_array()[1]["normalized"] = true;
  EXPECT_FALSE(from_hugging_face(file, "x").ok()) << "an added token that is looked for after normalising";
}

// C-2.20: a word that merges make may be an added token as well.
TEST(HuggingFace, AddedWordsMayBeInTheMerges) {
  Json file = sample_file();
  file["added_tokens"].push_back(take(parse_json(R"({"id": 256, "content": "ab", "special": false})")));
  const Tokenizer tokenizer = take(from_hugging_face(file, "x"));
  EXPECT_EQ(tokenizer.encode("abc"), (Ids{256, byte_id('c')})) << "the added token comes before the merges";
  EXPECT_EQ(tokenizer.decode(Ids{256}), "ab");
}

// C-2.20: the leftmost, then longest added token; white space on the sides that it takes.
TEST(AddedTokens, LeftmostLongest) {
  const AddedTokenFinder finder({{"<a>", 1}, {"<a>b", 2}, {" x", 3, true, true, true}});
  const auto match = finder.find("..<a>b<a>", 0);
  EXPECT_EQ(match.begin, 2u);
  EXPECT_EQ(match.end, 6u);
  EXPECT_EQ(match.id, 2);
  EXPECT_EQ(finder.find("..<a>b<a>", 6).id, 1);
  EXPECT_EQ(finder.find("..<a", 0).begin, std::string_view::npos);
  const auto stripped = finder.find("a\u3000\n x\t\u00A0z", 0);
  EXPECT_EQ(stripped.begin, 1u);
  EXPECT_EQ(stripped.end, std::string_view("a\u3000\n x\t\u00A0").size());
  EXPECT_TRUE(AddedTokenFinder().empty());
}

Tokenizer trained() {
  TrainSettings settings;
  settings.vocab_size = 330;
  bool given = false;
  return take(train_bpe(settings,
                        [&](std::vector<std::string>& out) -> Status {
                          if (!std::exchange(given, true))
                            out = {"the cat and the hat and then the other cat aaaaaaaa 你好 你好"};
                          return {};
                        }))
      .tokenizer;
}

// C-2.21: what is exported reads back as the same tokenizer, special tokens and hash included.
TEST(HuggingFace, ExportReadsBack) {
  const Tokenizer chat = trained();
  const Json file = take(to_hugging_face(chat));
  const Tokenizer again = take(from_hugging_face(take(parse_json(file.dump())), "x"));
  EXPECT_EQ(again.hash(), chat.hash());
  EXPECT_EQ(again.encode("the other hat"), chat.encode("the other hat"));
  EXPECT_EQ(file.at("model").at("vocab").at("\u0120the").as_int(), chat.encode(" the")[0]);
  EXPECT_EQ(file.at("added_tokens").size(), chat_special_tokens().size());
  EXPECT_EQ(file.at("pre_tokenizer").at("pretokenizers").at(size_t{0}).at("pattern").at("Regex").as_string(),
            chat_split().portable);
  EXPECT_TRUE(file.at("model").at("ignore_merges").as_bool());
  const Tokenizer foreign = take(from_hugging_face(sample_file(), "x"));
  const Tokenizer foreign_again = take(from_hugging_face(take(to_hugging_face(foreign)), "x"));
  EXPECT_EQ(foreign_again.hash(), foreign.hash());
  EXPECT_EQ(foreign_again.added_tokens(), foreign.added_tokens());
}

// C-2.21: merges by the id of their result, then of their parts.
TEST(HuggingFace, MergesOfRanks) {
  const std::vector<std::string> tokens = {"a", "b", "", "bb", "ab", "abb"};
  const std::vector<std::pair<int32_t, int32_t>> expected = {{1, 1}, {0, 1}, {0, 3}, {4, 1}};
  EXPECT_EQ(merges_of_ranks(tokens), expected);
}

// The kind of LLaMA-2: characters, byte tokens, U+2581 for a blank. Ids: <unk>, <s>, </s>, 256 bytes, then the rest.
Json text_file(const char* normalizer, const char* pre_tokenizer) {
  Json vocab = Json::object();
  for (const char* token : {"<unk>", "<s>", "</s>"}) vocab[token] = static_cast<int64_t>(vocab.size());
  for (unsigned byte = 0; byte < 256; ++byte) vocab[format_text("<0x%02X>", byte)] = static_cast<int64_t>(vocab.size());
  for (const char* token : {"\u2581", "a", "b", "\u00E9", "\u2581a", "ab", "\u2581ab"})
    vocab[token] = static_cast<int64_t>(vocab.size());
  Json file = take(parse_json(R"({"version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [
      {"id": 0, "content": "<unk>", "normalized": false, "special": true},
      {"id": 1, "content": "<s>", "normalized": false, "special": true},
      {"id": 2, "content": "</s>", "normalized": false, "special": true}],
    "decoder": {"type": "Sequence", "decoders": [
      {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
      {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
    "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
              "merges": ["\u2581 a", "a b", "\u2581a b", "\u2581 ab"]}})"));
  file["normalizer"] = take(parse_json(normalizer));
  file["pre_tokenizer"] = take(parse_json(pre_tokenizer));
  file["model"]["vocab"] = std::move(vocab);
  return file;
}
constexpr const char* kPrependAndReplace = R"({"type": "Sequence", "normalizers": [
  {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]})";

// C-2.20: byte fallback, the blank before each part, merges by their list; saved and loaded it is the same.
TEST(HuggingFaceText, ByteFallbackAndBlanks) {
  const Tokenizer tokenizer = take(from_hugging_face(text_file(kPrependAndReplace, "null"), "x"));
  const int32_t blank = 259, a = 260, e = 262, blank_a = 263, blank_ab = 265;
  EXPECT_EQ(tokenizer.encode("ab"), (Ids{blank_ab})) << "a blank is put before it";
  EXPECT_EQ(tokenizer.encode(" a\n"), (Ids{blank, blank_a, 3 + '\n'}));
  EXPECT_EQ(tokenizer.encode("\u00E9\u4E2D\xFF"), (Ids{blank, e, 3 + 0xE4, 3 + 0xB8, 3 + 0xAD, 3 + 0xFF}));
  EXPECT_EQ(tokenizer.encode("<s>a", {.recognise_special = true}), (Ids{1, blank_a}));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(" a  b\n")), " a  b\n");
  for (const char* text : {"a", " ", "\xFF\xFE a", "\u4E2D b<s>"})
    EXPECT_EQ(tokenizer.decode_bytes(tokenizer.encode(text)), text);
  const TemporaryFolder folder;
  testing::check(tokenizer.save(folder.path()));
  const Tokenizer again = take(Tokenizer::load(folder.path()));
  EXPECT_EQ(again.hash(), tokenizer.hash());
  EXPECT_EQ(again.encode(" a\n"), tokenizer.encode(" a\n"));
  const Tokenizer first = take(from_hugging_face(
      text_file("null", R"({"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": false})"),
      "x"));
  EXPECT_EQ(first.encode("a<s>a a", {.recognise_special = true}), (Ids{blank_a, 1, a, blank_a}));
  EXPECT_EQ(first.encode(" a"), (Ids{blank_a})) << "no second blank before a blank";
  EXPECT_NE(first.hash(), tokenizer.hash());
  EXPECT_EQ(tokenizer.token_bytes_of(blank_ab), " ab");
}

// C-2.21: back to that library's file and read again it is the same tokenizer, in every form of blanks; Gemma's files cut at
// blanks that the normaliser has already replaced.
TEST(HuggingFaceText, GoesBackToTheFile) {
  constexpr const char* kReplace = R"({"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"})";
  const struct {
    const char *normalizer, *pre;
  } forms[] = {{kPrependAndReplace, "null"},
               {kReplace, "null"},
               {kReplace, R"({"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false})"},
               {"null", R"({"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": false})"},
               {"null", R"({"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": true})"},
               {"null", R"({"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "never", "split": true})"}};
  for (const auto& form : forms) {
    const Tokenizer tokenizer = take(from_hugging_face(text_file(form.normalizer, form.pre), "x"));
    const Tokenizer again = take(from_hugging_face(take(to_hugging_face(tokenizer)), "y"));
    EXPECT_EQ(again.hash(), tokenizer.hash()) << form.normalizer << form.pre;
    for (const char* text : {"ab a", "  a b", "\u00E9\u4E2D\n<s>ab"}) EXPECT_EQ(again.encode(text), tokenizer.encode(text)) << text;
  }
  EXPECT_FALSE(from_hugging_face(text_file(kReplace, R"({"type": "Split", "pattern": {"String": "a"}})"), "x").ok());
}

// C-2.20
TEST(HuggingFaceText, UnsupportedFieldsAreRefusedByName) {
  const auto refused = [](const Json& file, const char* expected) {
    const auto result = from_hugging_face(file, "x");
    ASSERT_FALSE(result.ok()) << expected;
    EXPECT_NE(result.error().message.find(expected), std::string::npos) << result.error().message;
  };
  const Json good = text_file(kPrependAndReplace, "null");
  Json file = good;
  file["model"]["byte_fallback"] = false;
  refused(file, "model.byte_fallback");
  file = good;
  file["decoder"] = take(parse_json(R"({"type": "ByteFallback"})"));
  refused(file, "\"decoder\"");
  file = good;
  file["decoder"]["decoders"].as_array()[3]["start"] = "1";
  refused(file, "\"decoder\"");
  file = good;
  file["normalizer"]["normalizers"].as_array()[0]["type"] = "NFKC";
  refused(file, "of type NFKC");
  file = good;
  file["added_tokens"].as_array()[0]["normalized"] = true;
  refused(file, "added_tokens[0].normalized");
  file = good;
  std::erase_if(file["model"]["vocab"].as_object(), [](const Json::Member& m) { return m.first == "<0x41>"; });
  refused(file, "<0x41>");
  refused(text_file("null", R"({"type": "Metaspace", "replacement": "_"})"), "pre_tokenizer.replacement");
}

// C-2.20: damaged files are refused or still mean a whole tokenizer; none crashes, hangs or loses text.
TEST(HuggingFace, MutatedFilesNeverCrash) {
  const std::string good = sample_file().dump();
  Rng rng(21, "mutate");
  int refused = 0;
  for (int round = 0; round < 1500; ++round) {
    std::string bad = good;
    for (uint64_t n = 1 + rng.below(3); n > 0; --n) {
      const size_t at = rng.below(bad.size());
      switch (rng.below(4)) {
        case 0:
          bad[at] ^= static_cast<char>(1 + rng.below(255));
          break;
        case 1:
          bad.erase(at, 1 + rng.below(40));
          break;
        case 2:
          bad.insert(at, bad.substr(rng.below(bad.size()), rng.below(60)));
          break;
        default:
          bad[at] = "0123456789\"[]{},:-"[rng.below(18)];
      }
    }
    const auto file = parse_json(bad, "x");
    if (!file.ok()) continue;
    const auto result = from_hugging_face(file.value(), "x");
    refused += !result.ok();
    if (result.ok()) {
      EXPECT_EQ(result.value().decode_bytes(result.value().encode("abc \xFF\n")), "abc \xFF\n");
    }
  }
  EXPECT_GT(refused, 20) << "the mutations must reach the reader";
  std::string deep = R"({"model": {"type": "BPE"}, "pre_tokenizer": )";
  for (int i = 0; i < 90; ++i) deep += R"({"type": "Sequence", "pretokenizers": [)";
  for (int i = 0; i < 90; ++i) deep += "]}";
  const auto nested = parse_json(deep + "}", "x");
  EXPECT_FALSE(nested.ok() && from_hugging_face(nested.value(), "x").ok());
}

}  // namespace
}  // namespace lathe::tokenizer
