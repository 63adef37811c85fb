// Foreign split patterns: pieces of Hugging Face's tokenizers 0.23.3 for rows of pre-tokenizers, and what must be refused.
#include "tokenizer/foreign_split.h"

#include <stdexcept>

#include "core/rng.h"
#include "tests/ref/testing.h"
#include "tokenizer/bpe_model.h"
#include "tokenizer/byte_level.h"
#include "tokenizer/hf_file.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {
namespace {

using testing::take;
using Pieces = std::vector<std::string>;

Pieces pieces_of(const SplitPattern& split, std::string_view text) {
  Pieces pieces;
  for_each_piece(split, text, [&](std::string_view piece) { pieces.emplace_back(piece); });
  return pieces;
}

// C-2.20
TEST(ForeignSplit, RowsOfPreTokenizersCutAsTheLibraryDoes) {
  const Pieces texts = {"Hello, world! 123 don't  stop\n\n  ok", "a1b22 c333", "x-y--z",
                        "\u00e9t\u00e9 \u4e2d\u6587 e\u0301_x \u0663\u2167", "  two  blanks "};
  struct Case {
    const char* steps;
    std::vector<Pieces> expected;
  };
  const std::vector<Case> cases = {
      {R"j([{"type":"Split","pattern":{"Regex":"\\w+"},"behavior":"Isolated","invert":false}])j",
       {{"Hello", ", ", "world", "! ", "123", " ", "don", "'", "t", "  ", "stop", "\012\012  ", "ok"},
        {"a1b22", " ", "c333"},
        {"x", "-", "y", "--", "z"},
        {"\303\251t\303\251", " ", "\344\270\255\346\226\207", " ", "e\314\201_x", " ", "\331\243\342\205\247"},
        {"  ", "two", "  ", "blanks", " "}}},
      {R"j([{"type":"Split","pattern":{"String":"-"},"behavior":"MergedWithPrevious","invert":false}])j",
       {{"Hello, world! 123 don't  stop\012\012  ok"},
        {"a1b22 c333"},
        {"x-", "y-", "-", "z"},
        {"\303\251t\303\251 \344\270\255\346\226\207 e\314\201_x \331\243\342\205\247"},
        {"  two  blanks "}}},
      {R"j([{"type":"Split","pattern":{"String":"-"},"behavior":"MergedWithNext","invert":false}])j",
       {{"Hello, world! 123 don't  stop\012\012  ok"},
        {"a1b22 c333"},
        {"x", "-y", "-", "-z"},
        {"\303\251t\303\251 \344\270\255\346\226\207 e\314\201_x \331\243\342\205\247"},
        {"  two  blanks "}}},
      {R"j([{"type":"Split","pattern":{"String":"-"},"behavior":"Contiguous","invert":false}])j",
       {{"Hello, world! 123 don't  stop\012\012  ok"},
        {"a1b22 c333"},
        {"x", "-", "y", "--", "z"},
        {"\303\251t\303\251 \344\270\255\346\226\207 e\314\201_x \331\243\342\205\247"},
        {"  two  blanks "}}},
      {R"j([{"type":"Split","pattern":{"Regex":" "},"behavior":"Removed","invert":false}])j",
       {{"Hello,", "world!", "123", "don't", "stop\012\012", "ok"},
        {"a1b22", "c333"},
        {"x-y--z"},
        {"\303\251t\303\251", "\344\270\255\346\226\207", "e\314\201_x", "\331\243\342\205\247"},
        {"two", "blanks"}}},
      {R"j([{"type":"Split","pattern":{"Regex":"[a-z]+"},"behavior":"MergedWithPrevious","invert":true}])j",
       {{"H", "ello, ", "world! 123 ", "don'", "t  ", "stop\012\012  ", "ok"},
        {"a1", "b22 ", "c333"},
        {"x-", "y--", "z"},
        {"\303\251", "t\303\251 \344\270\255\346\226\207 ", "e\314\201_", "x \331\243\342\205\247"},
        {"  ", "two  ", "blanks "}}},
      {R"j([{"type":"Split","pattern":{"Regex":"(?=[0-9])"},"behavior":"Isolated","invert":false}])j",
       {{"Hello, world! ", "1", "2", "3 don't  stop\012\012  ok"},
        {"a", "1b", "2", "2 c", "3", "3", "3"},
        {"x-y--z"},
        {"\303\251t\303\251 \344\270\255\346\226\207 e\314\201_x \331\243\342\205\247"},
        {"  two  blanks "}}},
      {R"j([{"type":"Split","pattern":{"Regex":"^ +| +$"},"behavior":"Isolated","invert":false}])j",
       {{"Hello, world! 123 don't  stop\012\012", "  ", "ok"},
        {"a1b22 c333"},
        {"x-y--z"},
        {"\303\251t\303\251 \344\270\255\346\226\207 e\314\201_x \331\243\342\205\247"},
        {"  ", "two  blanks", " "}}},
      {R"j([{"type":"Digits","individual_digits":true}])j",
       {{"Hello, world! ", "1", "2", "3", " don't  stop\012\012  ok"},
        {"a", "1", "b", "2", "2", " c", "3", "3", "3"},
        {"x-y--z"},
        {"\303\251t\303\251 \344\270\255\346\226\207 e\314\201_x ", "\331\243", "\342\205\247"},
        {"  two  blanks "}}},
      {R"j([{"type":"Digits","individual_digits":false}])j",
       {{"Hello, world! ", "123", " don't  stop\012\012  ok"},
        {"a", "1", "b", "22", " c", "333"},
        {"x-y--z"},
        {"\303\251t\303\251 \344\270\255\346\226\207 e\314\201_x ", "\331\243\342\205\247"},
        {"  two  blanks "}}},
      {R"j([{"type":"Whitespace"}])j",
       {{"Hello", ",", "world", "!", "123", "don", "'", "t", "stop", "ok"},
        {"a1b22", "c333"},
        {"x", "-", "y", "--", "z"},
        {"\303\251t\303\251", "\344\270\255\346\226\207", "e\314\201_x", "\331\243\342\205\247"},
        {"two", "blanks"}}},
      {R"j([{"type":"WhitespaceSplit"}])j",
       {{"Hello,", "world!", "123", "don't", "stop", "ok"},
        {"a1b22", "c333"},
        {"x-y--z"},
        {"\303\251t\303\251", "\344\270\255\346\226\207", "e\314\201_x", "\331\243\342\205\247"},
        {"two", "blanks"}}},
      {R"j([{"type":"Punctuation","behavior":"Contiguous"}])j",
       {{"Hello", ",", " world", "!", " 123 don", "'", "t  stop\012\012  ok"},
        {"a1b22 c333"},
        {"x", "-", "y", "--", "z"},
        {"\303\251t\303\251 \344\270\255\346\226\207 e\314\201", "_", "x \331\243\342\205\247"},
        {"  two  blanks "}}},
      {R"j([{"type":"Digits","individual_digits":true},{"type":"Split","pattern":{"Regex":"\\s+"},"behavior":"MergedWithNext","invert":false}])j",
       {{"Hello,", " world!", " ", "1", "2", "3", " don't", "  stop", "\012\012  ok"},
        {"a", "1", "b", "2", "2", " c", "3", "3", "3"},
        {"x-y--z"},
        {"\303\251t\303\251", " \344\270\255\346\226\207", " e\314\201_x", " ", "\331\243", "\342\205\247"},
        {"  two", "  blanks", " "}}},
  };
  for (const Case& one : cases) {
    const SplitPattern& split = *take(sequence_split(take(parse_json(one.steps))));
    ASSERT_EQ(one.expected.size(), texts.size());
    for (size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(pieces_of(split, texts[i]), one.expected[i]) << one.steps;
  }
}

// C-2.20: a blank before each part, once.
TEST(ForeignSplit, PrefixSpace) {
  const SplitPattern& split = *take(sequence_split(
      take(parse_json(R"([{"type": "ByteLevel", "add_prefix_space": true, "use_regex": true}])"))));
  EXPECT_EQ(pieces_of(split, "it's 12"), (Pieces{" it", "'s", " 12"}));
  EXPECT_EQ(pieces_of(split, " it"), (Pieces{" it"}));
  EXPECT_EQ(pieces_of(split, ""), Pieces{});
}

// The published patterns given to the library cut as the scanners do: what a file of another program asks for that only
// differs in its spelling gets the same pieces.
// C-2.20
TEST(ForeignSplit, TheLibraryCutsThePublishedPatternsAsTheScannersDo) {
  Rng rng(6, "foreign");
  const std::vector<std::string> units = {"word", "Word", "S",  "'s",     "'LL",    "12",     "3456", " ", "  ", "\n", "\r\n",
                                          "\t",   ".",    "--", "\u00E9", "\u4E2D", "\u0301", "/",    "'", "\u00A0"};
  for (const char* name : {"gpt2", "llama3", "qwen2", "o200k", "tekken", "qwen3.5"}) {
    const SplitPattern& known = *find_split_name(name);
    const SplitPattern& foreign = *take(regex_split("(?:" + std::string(known.portable) + ")"));
    ASSERT_NE(foreign.foreign, nullptr);
    for (int round = 0; round < 1500; ++round) {
      std::string text;
      for (uint64_t n = rng.below(30); n > 0; --n) text += units[rng.below(units.size())];
      ASSERT_EQ(pieces_of(foreign, text), pieces_of(known, text)) << name << ": " << ::testing::PrintToString(text);
    }
  }
}

TEST(TrapT5, ForeignPatternsKeepBytesThatAreNotUtf8) {
  const SplitPattern& split = *take(regex_split("\\p{L}+|."));
  EXPECT_EQ(pieces_of(split, "ab\xFF\xC3"), (Pieces{"ab", "\xFF", "\xC3"}));
  Rng rng(7, "bytes");
  for (int round = 0; round < 2000; ++round) {
    std::string text, joined;
    for (uint64_t n = rng.below(40); n > 0; --n) text += static_cast<char>(rng.chance(0.5) ? rng.below(256) : 'a' + rng.below(3));
    for (const std::string& piece : pieces_of(split, text)) joined += piece;
    ASSERT_EQ(joined, text);
  }
}

TEST(ForeignSplit, BadExpressionsAreRefused) {
  EXPECT_NE(regex_split("(a").error().message.find("does not compile"), std::string::npos);
  EXPECT_NE(regex_split("\\p{L}{1,3}+x").error().message.find("counted repetition"), std::string::npos);
  EXPECT_FALSE(regex_split("\xFF").ok());
  for (const char* steps :
       {R"({})", R"([{"type": "Metaspace"}])", R"([{"type": "Split"}])", R"([{"type": "Split", "pattern": {"String": ""}}])",
        R"([{"type": "Split", "pattern": {"Regex": "a"}, "behavior": "Doubled"}])",
        R"([{"type": "Digits", "individual_digits": 1}])", R"([5])"})
    EXPECT_FALSE(sequence_split(take(parse_json(steps))).ok()) << steps;
}

// A hostile expression ends with an error instead of hanging, on any thread, and the tokenizer serves on.
TEST(TrapT3, HostileExpressionsEnd) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  const Tokenizer tokenizer = take(Tokenizer::from_model(
      take(BpeModel::make(*take(regex_split("(?:a|aa)+(?![a-c])")), BpeVocabulary{tokens})), {}));
  const std::vector<std::string> texts = {"xyz", std::string(5000, 'a') + "c", "b"};
  try {
    tokenizer.encode_batch(texts);
    FAIL() << "millions of steps must be an error";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("gives up on a text at byte 0"), std::string::npos) << error.what();
  }
  EXPECT_EQ(tokenizer.encode("xyz").size(), 3u);
}

// A long text without a match, and one of long matches: linear.
TEST(TrapT3, ForeignPatternsAreLinearOnLongTexts) {
  const SplitPattern& split = *take(regex_split("\\s+(?!\\S)|\\s+|[a-z]+"));
  for (const char unit : {'a', ' ', 'X', '\n'}) {
    const std::string text(1'000'000, unit);
    EXPECT_LE(pieces_of(split, text).size(), 2u);
  }
}

// C-2.20, C-2.21: such a tokenizer is written and read back in both forms.
TEST(ForeignSplit, FilesKeepThePattern) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  tokens.push_back("ab");
  const TemporaryFolder folder;
  for (const SplitPattern* split :
       {take(regex_split("[a-z]+|\\d")),
        take(sequence_split(take(parse_json(
            R"([{"type": "Digits", "individual_digits": true}, {"type": "ByteLevel", "add_prefix_space": true}])"))))}) {
    const Tokenizer one = take(Tokenizer::from_model(take(BpeModel::make(*split, BpeVocabulary{tokens})), {"<|endoftext|>"}));
    ASSERT_TRUE(one.save(folder.path()).ok());
    const Tokenizer two = take(Tokenizer::load(folder.path()));
    EXPECT_EQ(two.hash(), one.hash());
    const Tokenizer three = take(from_hugging_face(take(to_hugging_face(one)), "x"));
    for (const char* text : {"ab12 ab", "  x", "\xFFq"}) {
      EXPECT_EQ(two.encode(text), one.encode(text));
      EXPECT_EQ(three.encode(text), one.encode(text));
    }
  }
}

}  // namespace
}  // namespace lathe::tokenizer
