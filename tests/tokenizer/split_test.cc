#include "tokenizer/split.h"

#include "core/machine.h"
#include "core/rng.h"
#include "tests/ref/testing.h"
#include "tests/tokenizer/mini_regex.h"

namespace lathe::tokenizer {
namespace {

using Pieces = std::vector<std::string>;

Pieces split(std::string_view text, const SplitPattern& pattern = chat_split()) {
  Pieces pieces;
  for_each_piece(pattern, text, [&](std::string_view piece) { pieces.emplace_back(piece); });
  return pieces;
}

Pieces split(const char* pattern, std::string_view text) { return split(text, *find_split_name(pattern)); }

std::string utf8_of(char32_t c) {
  utf8proc_uint8_t bytes[4];
  const auto n = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), bytes);
  return std::string(reinterpret_cast<const char*>(bytes), static_cast<size_t>(n));
}

Pieces split_by_regex(const testing::MiniRegex& regex, const std::u32string& text) {
  Pieces pieces;
  for (size_t begin = 0; begin < text.size();) {
    const int64_t end = regex.match(text, begin);
    if (end <= static_cast<int64_t>(begin)) return {"no match"};
    std::string piece;
    for (; begin < static_cast<size_t>(end); ++begin) piece += utf8_of(text[begin]);
    pieces.push_back(piece);
  }
  return pieces;
}

// C-2.2
TEST(Split, CutsWordsNumbersSignsAndWhiteSpace) {
  EXPECT_EQ(split("Hello world"), (Pieces{"Hello", " world"}));
  EXPECT_EQ(split("12345"), (Pieces{"12", "34", "5"}));
  EXPECT_EQ(split("a1b 22"), (Pieces{"a", "1", "b", " ", "22"}));
  EXPECT_EQ(split("don't we'll THEY'RE"), (Pieces{"don", "'t", " we", "'ll", " THEY", "'RE"}));
  EXPECT_EQ(split("'quoted'"), (Pieces{"'quoted", "'"}));
  EXPECT_EQ(split("x != y;\r\n\r\nz"), (Pieces{"x", " !=", " y", ";\r\n\r\n", "z"}));
  EXPECT_EQ(split("(a)"), (Pieces{"(a", ")"}));
}

// C-2.2, C-2.3: the fifth branch reaches the last newline of a run; the last blank before a word stays with the word.
TEST(Split, WhiteSpaceRuns) {
  EXPECT_EQ(split("a \n \n  b"), (Pieces{"a", " \n \n", " ", " b"}));
  EXPECT_EQ(split("a   "), (Pieces{"a", "   "}));
  EXPECT_EQ(split("a   1"), (Pieces{"a", "  ", " ", "1"}));
  EXPECT_EQ(split("a\t\tb"), (Pieces{"a", "\t", "\tb"}));
  EXPECT_EQ(split("\n\nb"), (Pieces{"\n\n", "b"}));
  EXPECT_EQ(split("a  ."), (Pieces{"a", " ", " ."}));
}

// C-2.3
TEST(Split, UnicodeClasses) {
  EXPECT_EQ(split("it'\u017Fx"), (Pieces{"it", "'\u017F", "x"})) << "the long s folds to s";
  EXPECT_EQ(split("a\u00A0\u3000b"), (Pieces{"a", "\u00A0", "\u3000b"})) << "no-break and ideographic space";
  EXPECT_EQ(split("a\u200B\u200Bb"), (Pieces{"a", "\u200B\u200B", "b"})) << "zero-width space is a sign";
  EXPECT_EQ(split("a\x1C\x1C"), (Pieces{"a", "\x1C\x1C"})) << "file separator is a sign";
  EXPECT_EQ(split("\u2167\u00BD\u0663"), (Pieces{"\u2167\u00BD", "\u0663"})) << "Nl, No and Nd are numbers";
}

int of_category(char32_t c) {
  switch (testing::mini_regex::category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LT:
      return kUpper;
    case UTF8PROC_CATEGORY_LL:
      return kLower;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      return kMark;
    default:
      return 0;
  }
}

// C-2.3: every code point's class against the Unicode tables.
TEST(Split, ClassOfEveryCodePoint) {
  const CharTable& table = CharTable::get();
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    const int expected =
        (testing::mini_regex::is_letter(c) ? kLetter : 0) | (testing::mini_regex::is_number(c) ? kNumber : 0) |
        (testing::mini_regex::is_space(c) ? kSpace : 0) | (c == '\r' || c == '\n' ? kNewline : 0) | of_category(c);
    ASSERT_EQ(table.at(c), expected) << "U+" << std::hex << static_cast<uint32_t>(c);
  }
}

// C-2.2, C-2.3, C-2.20: the scanners and the published patterns in both spellings, run by an independent matcher, agree
// on random strings.
TEST(Split, EqualsTheRegularExpression) {
  const std::u32string alphabet =
      U"'''sSdDmMtTlLvVeErRaZ\u017F\u212A 1\uFF12\u2167\u00BD   "
      U"\t\n\n\r\u00A0\u2028\u0085\u001C\u200B\u3000.!-_/\u00E9\u0301\u0300\u02B0\u01C5"
      U"\u4E2D\U0001F600\u0378\uFFFD";
  ASSERT_EQ(split_patterns().size(), 8u);
  for (const SplitPattern& pattern : split_patterns()) {
    SCOPED_TRACE(pattern.name);
    std::vector<std::unique_ptr<testing::MiniRegex>> regexes;
    regexes.push_back(std::make_unique<testing::MiniRegex>(std::string(pattern.regex)));
    if (pattern.portable != pattern.regex)
      regexes.push_back(std::make_unique<testing::MiniRegex>(std::string(pattern.portable)));
    Rng rng(1, "split");
    for (int round = 0; round < 100000; ++round) {
      std::u32string text(1 + rng.below(12), U' ');
      std::string bytes;
      for (char32_t& c : text) bytes += utf8_of(c = alphabet[rng.below(alphabet.size())]);
      const Pieces found = split(bytes, pattern);
      for (const auto& regex : regexes)
        ASSERT_EQ(found, split_by_regex(*regex, text)) << ::testing::PrintToString(bytes);
    }
  }
}

// The windows of 64 bytes cut as the scanner does, which the test above compares with the regular expression.
// C-2.2, C-2.20
TEST(Split, WindowsEqualTheScanner) {
  const CharTable& table = CharTable::get();
  const std::vector<std::string> units = {"a",  "b",  "Z",  "word", "Word", "s",  "ll",  "1",  "22", "333", "7777", " ", " ", " ", "  ",
                                          "\t", "\n", "\r\n", "\n\n", "\v", ".",  ",",   "-",  "!!", "'",   "'",    "'s", "'LL", "'re", "/",
                                          "//", "_",  "\x1C", "\x7F", "('",  "\"", "[",   "{"};
  const std::vector<std::string> rare = {"\u00E9", "\u017F", "\u2019", "\u4E2D", "\u00A0", "\u0301", "\x80", "\U0001F600"};
  Rng rng(3, "windows");
  for (int round = 0; round < 20000; ++round) {
    const uint64_t kinds = 1 + rng.below(units.size()), every = round % 3 == 0 ? 0 : 1 + rng.below(60);
    std::vector<std::string> few;
    for (uint64_t i = 0; i < kinds; ++i) few.push_back(units[rng.below(units.size())]);
    std::string text;
    for (uint64_t n = rng.below(200); n > 0; --n)
      text += every > 0 && rng.below(every) == 0 ? rare[rng.below(rare.size())] : few[rng.below(few.size())];
    for (const SplitPattern& pattern : split_patterns()) {
      std::vector<size_t> expected, found;
      for (size_t at = 0; at < text.size();) expected.push_back(at = pattern.piece_end(table, text, at));
      size_t end = 0;
      for_each_piece(pattern, text, [&](std::string_view piece) { found.push_back(end += piece.size()); });
      ASSERT_EQ(found, expected) << pattern.name << ": " << ::testing::PrintToString(text);
    }
  }
}

// C-2.20: where the public patterns differ from each other.
TEST(Split, PublicPatterns) {
  EXPECT_EQ(split("gpt2", "I'M don't 12345 a\n \n b  "),
            (Pieces{"I", "'", "M", " don", "'t", " 12345", " a", "\n \n", " b", "  "}));
  EXPECT_EQ(split("cl100k", "I'M 12345 a\n \n b\n "),
            (Pieces{"I", "'M", " ", "123", "45", " a", "\n \n", " b", "\n "}));
  EXPECT_EQ(split("llama3", "I'M 12345 b\n "), (Pieces{"I", "'M", " ", "123", "45", " b", "\n", " "}));
  EXPECT_EQ(split("qwen2", "12 e\u0301x"), (Pieces{"1", "2", " e", "\u0301x"}));
  EXPECT_EQ(split("qwen3.5", "12 e\u0301x ..\u0301"), (Pieces{"1", "2", " e\u0301x", " ..", "\u0301"}));
  EXPECT_EQ(split("o200k", "HTMLParser's McDonald //\n/x"), (Pieces{"HTMLParser's", " Mc", "Donald", " //\n/", "x"}));
  EXPECT_EQ(split("tekken", "Ab's 12"), (Pieces{"Ab", "'s", " ", "1", "2"}));
}

// C-2.20: files name a pattern by either spelling.
TEST(Split, PatternsAreFoundByTheirRegularExpressions) {
  for (const SplitPattern& pattern : split_patterns()) {
    EXPECT_EQ(find_split(pattern.regex), &pattern) << pattern.name;
    EXPECT_EQ(find_split(pattern.portable), &pattern) << pattern.name;
    EXPECT_EQ(find_split_name(pattern.name), &pattern);
  }
  EXPECT_EQ(find_split("\\w+"), nullptr);
  EXPECT_EQ(find_split_name("gpt5"), nullptr);
}

TEST(TrapT5, CodePointsAreReadStrictly) {
  Rng rng(14, "utf8");
  constexpr std::string_view kEdges =
      "\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0\xC1\xC2\xDF\xE0\xE1\xEC\xED\xEE\xEF\xF0\xF1\xF3\xF4\xF5\xFF";
  int valid = 0;
  for (int round = 0; round < 200000; ++round) {
    std::string bytes;
    for (uint64_t n = 1 + rng.below(5); n > 0; --n) bytes += kEdges[rng.below(kEdges.size())];
    utf8proc_int32_t expected = 0;
    const auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(bytes.data()),
                                         static_cast<utf8proc_ssize_t>(bytes.size()), &expected);
    const CodePoint point = read_code_point(bytes, 0);
    ASSERT_EQ(point.value, length > 0 ? static_cast<char32_t>(expected) : kInvalidByte)
        << ::testing::PrintToString(bytes);
    ASSERT_EQ(point.length, length > 0 ? static_cast<size_t>(length) : 1);
    valid += length > 1;
  }
  EXPECT_GT(valid, 1000);
}

TEST(TrapT5, InvalidBytesActAsOneSignEachAndNoneIsLost) {
  Rng rng(2, "split");
  const std::vector<std::string> parts = {"a",
                                          " ",
                                          "1",
                                          "\n",
                                          ".",
                                          "\xC3\xA9",
                                          "\xFF",
                                          "\xC3",
                                          "\xE4\xB8",
                                          "\x80",
                                          "\xED\xA0\x80",
                                          "\xF4\x90\x80\x80",
                                          "\xC0\x80",
                                          "\xF0\x9F\x98"};
  for (int round = 0; round < 5000; ++round) {
    std::string text;
    for (uint64_t i = rng.below(10); i > 0; --i) text += parts[rng.below(parts.size())];
    std::string joined;
    for (const std::string& piece : split(text)) joined += piece;
    ASSERT_EQ(joined, text);
    // With every invalid byte replaced by a valid sign of its own the cuts are the same.
    std::vector<size_t> cuts, sign_cuts;
    std::string signs;
    for (size_t i = 0; i < text.size();) {
      const CodePoint point = read_code_point(text, i);
      signs += point.value == kInvalidByte ? "\x01" : text.substr(i, point.length);
      i += point.length;
    }
    size_t at = 0;
    for (const std::string& piece : split(text)) cuts.push_back(at += piece.size());
    at = 0;
    for (const std::string& piece : split(signs)) sign_cuts.push_back(at += piece.size());
    ASSERT_EQ(cuts, sign_cuts);
  }
}

TEST(TrapT3, UnsplittableTextIsScannedInLinearTime) {
  const double start = process_cpu_seconds();
  for (const SplitPattern& pattern : split_patterns())
    for (const char* unit : {"a", " ", "\n ", ".", "\xE3\x80\x80", " \t", "\x80", "'", "A", "\xCC\x81",
                             "\xCC\x81"
                             "A",
                             "\xE4\xB8\xAD"
                             "A",
                             "a\xCC\x81'"}) {
      std::string text;
      while (text.size() < 300'000) text += unit;
      size_t bytes = 0;
      for_each_piece(pattern, text, [&](std::string_view piece) { bytes += piece.size(); });
      EXPECT_EQ(bytes, text.size());
    }
  EXPECT_LT(process_cpu_seconds() - start, 10) << "a quadratic scan takes minutes";
}

}  // namespace
}  // namespace lathe::tokenizer
