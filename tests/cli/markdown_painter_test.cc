#include "cli/markdown_painter.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/rng.h"

namespace lathe::cli {
namespace {

// Styles by name, so that golden texts can be read.
std::string named(std::string text) {
  static const std::vector<std::pair<std::string, std::string>> names = {
      {"\x1b[1;36m", "{heading}"}, {"\x1b[0m", "{}"}, {"\x1b[1m", "{bold}"}, {"\x1b[2m", "{dim}"}, {"\x1b[3m", "{italic}"}, {"\x1b[9m", "{struck}"}, {"\x1b[33m", "{code}"}, {"\x1b[36m", "{mark}"}};
  for (const auto& [sequence, name] : names)
    for (size_t at; (at = text.find(sequence)) != std::string::npos;) text.replace(at, sequence.size(), name);
  return text;
}

std::string painted(std::string_view text, size_t piece = std::string::npos) {
  MarkdownPainter painter;
  std::string out;
  for (size_t at = 0; at < text.size(); at += std::min(piece, text.size() - at)) out += painter.push(text.substr(at, piece));
  return named(out + painter.flush());
}

TEST(MarkdownPainter, PaintsBlocks) {
  EXPECT_EQ(painted("# Title\ntext\n"), "{heading}# Title{}\ntext\n");
  EXPECT_EQ(painted("- one\n  * two\n12. three\n+ four\n"), "{mark}\xE2\x80\xA2{} one\n  {mark}\xE2\x80\xA2{} two\n{mark}12.{} three\n{mark}+{} four\n");
  EXPECT_EQ(painted("> said **so**\n"), "{mark}|{}{dim} said {bold}so{}{dim}{}\n");
  EXPECT_EQ(painted("---\n"), "{dim}---{}\n");
  EXPECT_EQ(painted("```py\nx = *y*\n```\nafter *it*"), "{dim}```py{}\n{code}x = *y*{}\n{dim}```{}\nafter {italic}it{}");
  EXPECT_EQ(painted("| *a* | b |\n|---|---|\n"), "| *a* | b |\n|---|---|\n");
  EXPECT_EQ(painted("#hash\n1.5 and -3\n-5\n"), "#hash\n1.5 and -3\n-5\n");
}

TEST(MarkdownPainter, PaintsSpans) {
  EXPECT_EQ(painted("a **bold** and *italic* `co*d*e` ~~gone~~."), "a {bold}bold{} and {italic}italic{} {code}co*d*e{} {struck}gone{}.");
  EXPECT_EQ(painted("**bold with *both* inside**"), "{bold}bold with {italic}both{}{bold} inside{}");
  EXPECT_EQ(painted("***x***\n"), "{bold}{italic}x{}{bold}{}\n");
  EXPECT_EQ(painted("# A `b`\n"), "{heading}# A {code}b{}{heading}{}\n");
}

TEST(MarkdownPainter, MarksThatAreNoneStayAsTheyCame) {
  for (const char* text : {"2 * 3 * 4 = 24", "snake_case_name and x_1", "a ** b", "5 < 6 ~ 7", "it's `open", "**never closed\nnext", "\\(x\\) \\\\ y", "*", "`", "", "\n\n"})
    EXPECT_EQ(painted(text), text);
  EXPECT_EQ(painted("\\*no\\*"), "*no*");
}

TEST(MarkdownPainter, ToolCallsAreDim) {
  EXPECT_EQ(painted("It is <|python_start|>12+30<|python_end|><|output_start|>42<|output_end|> *so*"), "It is {dim}<<12+30=42>>{} {italic}so{}");
  EXPECT_EQ(painted("<tool_call>{\"a_b\": \"*x*\"}</tool_call>ok"), "{dim}<tool_call>{\"a_b\": \"*x*\"}</tool_call>{}ok");
  EXPECT_EQ(painted("<|python_start|>1"), "{dim}<<1{}");
}

TEST(MarkdownPainter, TextStreamsWithoutWaitingForTheLine) {
  MarkdownPainter painter;
  EXPECT_EQ(painter.push("Hel"), "Hel");
  EXPECT_EQ(painter.push("lo *wor"), "lo ");
  EXPECT_EQ(named(painter.push("ld* again")), "{italic}world{} again");
  EXPECT_EQ(painter.push(" *" + std::string(MarkdownPainter::kLongestSpan, 'x')), " *" + std::string(MarkdownPainter::kLongestSpan, 'x'));
  EXPECT_EQ(painter.flush(), "");
}

TEST(MarkdownPainter, PiecesOfAnySizeGiveTheSame) {
  Rng rng(7, "test/markdown");
  const std::vector<std::string> parts = {"*", "**", "_", "`", "```", "~~", "#", "- ", "> ", "1. ", " ", "\n", "word", "\xC3\xA9", "|", "<|python_start|>", "<|output_end|>", "\\", "---", "<"};
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (uint64_t n = rng.below(60); n > 0; --n) text += parts[rng.below(parts.size())];
    const std::string whole = painted(text);
    for (const size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{7}}) ASSERT_EQ(painted(text, piece), whole) << text;
    ASSERT_EQ(whole.find('\x1b'), std::string::npos) << text;
    if (const size_t style = whole.rfind('{'); style != std::string::npos) {
      ASSERT_EQ(whole.substr(style, 2), "{}") << text;
    }
  }
}

}  // namespace
}  // namespace lathe::cli
