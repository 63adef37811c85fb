#include "tokenizer/quality_report.h"

#include "tests/ref/testing.h"
#include "tokenizer/bpe_merges.h"

namespace lathe::tokenizer {
namespace {

using testing::take;

// Tokens: the bytes, "ab" (256), "abc" (257), and é, whose bytes are C3 A9 (258).
Tokenizer small() { return take(Tokenizer::from_tokens(tokens_of_merges({{'a', 'b'}, {256, 'c'}, {0xC3, 0xA9}}))); }

// L-3.8
TEST(QualityReport, FiguresPerSourceAndInTotal) {
  QualityMeter meter(small());
  meter.add("first", std::vector<std::string>{"abc ab", "abc"});
  meter.add("second", std::vector<std::string>{"\u00E9\u00E8\n"});
  meter.add("first", std::vector<std::string>{"  "});
  ASSERT_EQ(meter.sources().size(), 2u);
  const QualityFigures& first = meter.sources()[0].figures;
  EXPECT_EQ(meter.sources()[0].name, "first");
  EXPECT_EQ(first.documents, 3);
  EXPECT_EQ(first.bytes, 11);
  EXPECT_EQ(first.characters, 11);
  EXPECT_EQ(first.words, 3);
  EXPECT_EQ(first.tokens, 6);  // abc, blank, ab; abc; two blanks
  EXPECT_DOUBLE_EQ(first.chars_per_token(), 11.0 / 6);
  EXPECT_DOUBLE_EQ(first.fertility(), 2.0);
  EXPECT_DOUBLE_EQ(first.coverage(), 1.0);
  const QualityFigures& second = meter.sources()[1].figures;
  EXPECT_EQ(second.characters, 3);
  EXPECT_EQ(second.bytes, 5);
  EXPECT_EQ(second.words, 1);
  EXPECT_EQ(second.tokens, 4);  // one token for é, two bytes for è, the newline
  EXPECT_DOUBLE_EQ(second.coverage(), 2.0 / 3);
  const QualityFigures total = meter.total();
  EXPECT_EQ(total.tokens, 10);
  EXPECT_EQ(total.documents, 4);
  EXPECT_DOUBLE_EQ(total.bytes_per_token(), 1.6);
}

// L-3.8
TEST(QualityReport, UnknownTokensAreCountedAndCoverNothing) {
  QualityMeter meter(small(), int32_t{'z'});
  meter.add("text", std::vector<std::string>{"abzz"});
  EXPECT_EQ(meter.total().unknown, 2);
  EXPECT_DOUBLE_EQ(meter.total().unknown_rate(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(meter.total().coverage(), 0.5);
}

// L-3.8
TEST(QualityReport, TopPiecesByCountThenId) {
  QualityMeter meter(small());
  meter.add("text", std::vector<std::string>{"z abc x y abc"});
  const std::vector<PieceUse> top = meter.top_pieces(3);
  ASSERT_EQ(top.size(), 3u);
  EXPECT_EQ(top[0].bytes, " ");
  EXPECT_EQ(top[0].count, 4);
  EXPECT_EQ(top[1].bytes, "abc");
  EXPECT_EQ(top[2].bytes, "x");
  EXPECT_EQ(meter.pieces_used(), 5);
  EXPECT_EQ(meter.top_pieces(100).size(), 5u) << "tokens that never occurred are not listed";
}

TEST(QualityReport, NothingMeasuredGivesZeros) {
  const QualityMeter meter(small());
  EXPECT_EQ(meter.total().chars_per_token(), 0);
  EXPECT_EQ(meter.total().coverage(), 0);
  EXPECT_TRUE(meter.top_pieces(5).empty());
}

// L-3.8
TEST(QualityReport, JsonAndMarkdownHoldEverySourceAndPiece) {
  QualityMeter meter(small());
  meter.add("books", std::vector<std::string>{"abc abc"});
  meter.add("code", std::vector<std::string>{"a|b"});
  const Json json = quality_json(meter, 2);
  EXPECT_EQ(json.at("sources").at("books").at("tokens").as_int(), 3);
  EXPECT_EQ(json.at("total").at("documents").as_int(), 2);
  EXPECT_EQ(json.at("top_pieces").size(), 2u);
  const std::string text = quality_markdown(meter);
  EXPECT_NE(text.find("| books | 1 | 3 | 2.33 | 1.50 | 100.000 % | 0.000 % |"), std::string::npos) << text;
  EXPECT_NE(text.find("| all | 2 |"), std::string::npos);
  EXPECT_NE(text.find("| `abc` | 257 | 2 |"), std::string::npos);
  EXPECT_NE(text.find("`\\|`"), std::string::npos) << "a bar would end the table's cell";
}

TEST(QualityReport, PiecesAreShownOnOneLine) {
  EXPECT_EQ(show_piece(" a\n\t\x01"), "\u2423a\\n\\t\\x01");
  EXPECT_EQ(show_piece("\xFF\u00E9"), "\\xFF\u00E9");
}

}  // namespace
}  // namespace lathe::tokenizer
