#include <gtest/gtest.h>
#include <utf8proc.h>

#include <cstdlib>

#include "core/json.h"
#include "core/machine.h"
#include "core/text.h"
#include "corpus/code_blocks.h"
#include "corpus/code_points.h"
#include "corpus/mojibake.h"
#include "corpus/nfc.h"
#include "corpus/urls.h"
#include "corpus/whitespace.h"
#include "tests/corpus/odd_text.h"

namespace lathe::corpus {
namespace {

template <class Step>
std::string applied(Step step, std::string_view text) {
  std::string out = "stale";
  return step(text, out) > 0 ? out : std::string(text);
}

// What a reader that takes UTF-8 for Latin-1 (or Windows-1252, where that has a character) makes of a text.
std::string misread(std::string_view text, bool windows) {
  static const char32_t kWindows[32] = {0x20AC, 0x81,   0x201A, 0x192,  0x201E, 0x2026, 0x2020, 0x2021,
                                        0x2C6,  0x2030, 0x160,  0x2039, 0x152,  0x8D,   0x17D,  0x8F,
                                        0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                        0x2DC,  0x2122, 0x161,  0x203A, 0x153,  0x9D,   0x17E,  0x178};
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    append_code_point(out, windows && byte >= 0x80 && byte < 0xA0 ? kWindows[byte - 0x80] : byte);
  }
  return out;
}

// L-2.10
TEST(Mojibake, IsRepairedAfterOneOrTwoWrongReadings) {
  for (const std::string text :
       {"It\u2019s \u201Cquoted\u201D \u2013 and\u2026", "caf\u00E9 na\u00EFve \u00FCber \u00C9t\u00E9 \u00E0 la",
        "\u00A9 2020 \u00AE 20\u00B0 \u00A320", "10\u20AC \u2122 \u2022", "smile \U0001F600!",
        "\u0142\u00F3d\u017A \u010Desky", "a\u00A0b"}) {
    for (const bool windows : {false, true}) {
      const std::string once = misread(text, windows);
      EXPECT_EQ(applied(repair_mojibake, once), text);
      EXPECT_EQ(applied(repair_mojibake, misread(once, windows)), text);
      EXPECT_EQ(applied(repair_mojibake, misread(misread(once, windows), windows)), text);
    }
  }
  EXPECT_EQ(applied(repair_mojibake, misread("\u043F\u0440\u0438\u0432\u0435\u0442 \u043C\u0438\u0440", true)),
            "\u043F\u0440\u0438\u0432\u0435\u0442 \u043C\u0438\u0440");
}

// L-2.10
TEST(Mojibake, CorrectTextIsLeftAlone) {
  for (const std::string text : {"\u00AB\u00A0gr\u00E2ce \u00E0\u00A0\u00BB il \u00E9tait l\u00E0\u2026\u00BB",
                                 "CAF\u00C9\u00BB", "IRM\u00C3\u00BB", "\u00C3 \u00A9", "S\u00C3O",
                                 "d\u00E9j\u00E0\u2026\u201D dit-il", "\u00CEle \u00D1a\u00F1o \u00DF\u00A7",
                                 "ma\u00DFvoll \u201E\u00C4pfel\u201C", "\u00E2me\u2014", "\u00E9\u2014\u00BB", ""})
    EXPECT_EQ(applied(repair_mojibake, text), text);
}

// L-2.10
TEST(Mojibake, BytesThatAreNoUtf8StayAsTheyAre) {
  // Overlong, surrogate, above U+10FFFF, cut short.
  for (const std::string text :
       {"\u00E0\u0080\u0080x", "\u00ED\u00A0\u0080", "\u00F4\u0090\u0080\u0080", "\u00E2\u20AC", "\u00E2\u20ACx"})
    EXPECT_EQ(applied(repair_mojibake, text), text);
}

std::string white(std::string_view text) {
  std::string out;
  return clean_whitespace(text, {}, out).any() ? out : std::string(text);
}

// L-2.10
TEST(Whitespace, LineEndsBecomeLf) {
  EXPECT_EQ(white("a\r\nb\rc\vd\fe\u0085f\u2028g\u2029h"), "a\nb\nc\nd\ne\nf\ng\nh");
}

// L-2.10
TEST(Whitespace, RunsOfBlanksAndBlankLinesAreShortened) {
  EXPECT_EQ(white("  a \t b\u00A0\u2003c \n \n\t\n\n  d\n"), "a b c\n\n d");
  EXPECT_EQ(white("a\tb\u00A0c"), "a\tb\u00A0c");
  EXPECT_EQ(white(" \n "), "");
  EXPECT_EQ(white(""), "");
}

// L-2.10
TEST(Whitespace, ControlCharactersGoButNotTheirNeighbours) {
  std::string all = "x";
  for (char c = 1; c < 0x20; ++c)
    if (c != '\t' && c != '\n' && c != '\v' && c != '\f' && c != '\r') all += c;
  all += std::string(1, '\0') + "\x7F\u0080\u009F\uFEFFy";
  EXPECT_EQ(white(all), "xy");
  EXPECT_EQ(white("\u00A1\u2018\u3001\uFF01\u1681"), "\u00A1\u2018\u3001\uFF01\u1681");
}

// L-2.11
TEST(Nfc, EqualsUtf8procOnRandomTextAndOnEveryCodePoint) {
  const auto expect_equal = [](const std::string& text) {
    utf8proc_uint8_t* result = nullptr;
    const auto size =
        utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                     &result, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    ASSERT_GE(size, 0);
    const std::string expected(reinterpret_cast<char*>(result), static_cast<size_t>(size));
    std::free(result);
    ASSERT_EQ(applied(to_nfc, text), expected) << Json(text).dump();
  };
  for (uint64_t i = 0; i < 20000; ++i) {
    Rng rng(3, "nfc", i);
    expect_equal(testing::odd_text(rng, 30, true));
  }
  for (char32_t c = 1; c < 0x30000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    append_code_point(text, 'e'), append_code_point(text, c), append_code_point(text, 0x301),
        append_code_point(text, c);
    append_code_point(text, 0x3B1), append_code_point(text, 0x1100), append_code_point(text, c);
    expect_equal(text);
  }
}

// L-2.11
TEST(Nfc, ManyMarksOnOneLetterTakeNoSquareOfTime) {
  std::string text = "a";
  for (int i = 0; i < 200000; ++i) text += i % 2 ? "\u0323" : "\u0301";
  const double begin = process_cpu_seconds();
  const std::string normal = applied(to_nfc, text);
  EXPECT_LT(process_cpu_seconds() - begin, 5);
  EXPECT_EQ(applied(to_nfc, normal), normal);
  EXPECT_EQ(normal.substr(0, 3), "\u1EA1");  // a with dot below
}

// L-2.10
TEST(CodeBlocks, FencedBlocksGoWithTheirFences) {
  EXPECT_EQ(applied(remove_code_blocks, "a\n```cpp\nint x;\n```\nb"), "a\nb");
  EXPECT_EQ(applied(remove_code_blocks, "a\n  ~~~\n```\n~~~~  \nb\n"), "a\nb\n");
  EXPECT_EQ(applied(remove_code_blocks, "```\n````\nx"), "x");
  EXPECT_EQ(applied(remove_code_blocks, "````\n```\nx\n```\n````\ny\n```\nz\n```"), "y\n");
}

// L-2.10
TEST(CodeBlocks, WhatIsNoBlockStays) {
  for (const std::string text :
       {"a\n```\nnever closed", "    ```\nx\n    ```", "``\nx\n``", "see ```x``` here", "a\n~~~\nx\n```"})
    EXPECT_EQ(applied(remove_code_blocks, text), text);
  EXPECT_EQ(applied(remove_code_blocks, "````\nopen\n```\nx\n```\ny"), "````\nopen\ny");
}

// L-2.10
TEST(CodeBlocks, InlineCodeGoesWithinItsLine) {
  EXPECT_EQ(applied(remove_inline_code, "use `a` and ``b ` c``."), "use  and .");
  for (const std::string text : {"`open\nclose`", "``a`", "it's", "`"})
    EXPECT_EQ(applied(remove_inline_code, text), text);
}

// L-2.10
TEST(Urls, AddressesGoAndPunctuationStays) {
  EXPECT_EQ(applied(remove_urls, "See http://a.org/x?y=1&z#q. And"), "See . And");
  EXPECT_EQ(applied(remove_urls, "(see HTTPS://a.org/b_(c), ftp://x)"), "(see , )");
  EXPECT_EQ(applied(remove_urls, "[text](https://a.org) <www.b.org> WWW.C.ORG!"), "[text]  !");
  EXPECT_EQ(applied(remove_urls, "\u201Chttp://a.org/\u00FC\u201D"), "\u201C\u201D");
  EXPECT_EQ(applied(remove_urls, "a(http://b)c"), "a c");
}

// L-2.10
TEST(Urls, WhatIsNoAddressStays) {
  for (const std::string text :
       {"http:// x", "www.", "www. x", "xhttp://y", "awww.b", "a://b", "std::vector", "http", "www..."})
    EXPECT_EQ(applied(remove_urls, text), text);
}

// L-2.10
TEST(CleanSteps, StayLinearOnNestedMarks) {
  std::string inline_marks, openings;
  for (int i = 0; i < 200000; ++i) {
    inline_marks += i % 2 ? "` `` " : "``` ";
    openings += "www.(http://(";
  }
  std::string fences;
  for (int i = 0; i < 200000; ++i) fences += i % 2 ? "~~~x\n" : "```x\n";
  const double begin = process_cpu_seconds();
  applied(remove_inline_code, inline_marks);
  applied(remove_inline_code, "`" + std::string(300000, ' ') + "``");
  EXPECT_EQ(applied(remove_urls, openings), openings);
  EXPECT_EQ(applied(remove_code_blocks, fences), fences);
  EXPECT_LT(process_cpu_seconds() - begin, 5);
}

}  // namespace
}  // namespace lathe::corpus
