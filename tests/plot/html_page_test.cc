#include "plot/html_page.h"

#include <gtest/gtest.h>

namespace lathe::plot {
namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string body_of(const std::string& markdown) {
  HtmlPage page("t");
  page.markdown(markdown);
  const std::string html = page.finish();
  const size_t begin = html.find("<body>\n") + 7;
  return html.substr(begin, html.find("</body>") - begin);
}

TEST(HtmlPage, IsOneFileWithoutScriptsOrOutsideParts) {
  HtmlPage page("A & B");
  page.heading(1, "A < B");
  page.paragraph("text");
  const std::string html = page.finish();
  EXPECT_TRUE(html.starts_with("<!DOCTYPE html>"));
  EXPECT_TRUE(has(html, "<title>A &amp; B</title>"));
  EXPECT_TRUE(has(html, "<h1>A &lt; B</h1>"));
  EXPECT_TRUE(has(html, "prefers-color-scheme:dark"));
  for (const char* outside : {"<script", "http://", "https://", "<link", "@import", "src="}) EXPECT_FALSE(has(html, outside)) << outside;
  EXPECT_THROW(page.heading(7, "x"), std::invalid_argument);
}

TEST(HtmlPage, TablesAlignNumbersToTheRight) {
  HtmlPage page("t");
  page.table({"task", "accuracy"}, {{"sums", "95.3 %"}, {"v1.0 <b>"}});
  const std::string html = page.finish();
  EXPECT_TRUE(has(html, "<th>task</th><th class=\"number\">accuracy</th>"));
  EXPECT_TRUE(has(html, "<td>sums</td><td class=\"number\">95.3 %</td>"));
  EXPECT_TRUE(has(html, "<tr><td>v1.0 &lt;b&gt;</td></tr>"));
}

TEST(HtmlPage, ReadsTheFormsThatReportsUse) {
  EXPECT_EQ(body_of("## Base model training\ntimestamp: now\n\n- depth: 4\n- run: <x>\n\n---\n"),
            "<h2>Base model training</h2>\n<p>timestamp: now</p>\n<ul>\n<li>depth: 4</li>\n<li>run: &lt;x&gt;</li>\n</ul>\n<hr>\n");
  EXPECT_EQ(body_of("1. one\n2. two"), "<ol>\n<li>one</li>\n<li>two</li>\n</ol>\n");
  EXPECT_EQ(body_of("| a | b |\n|---|--:|\n| x | 1 |\nafter"),
            "<div class=\"wide\"><table>\n<tr><th>a</th><th class=\"number\">b</th></tr>\n<tr><td>x</td><td class=\"number\">1</td></tr>\n</table></div>\n"
            "<p>after</p>\n");
  EXPECT_EQ(body_of("a `x<y` and **b**, 2 ** 3 and a ` alone"),
            "<p>a <code>x&lt;y</code> and <strong>b</strong>, 2 ** 3 and a ` alone</p>\n");
  EXPECT_EQ(body_of("one\ntwo"), "<p>one<br>\ntwo</p>\n");
}

TEST(HtmlPage, FencedBlocksAreTextUpToTheirEnd) {
  EXPECT_EQ(body_of("```\n# <|bos|>\n- no list\n\n```\nx"), "<pre># &lt;|bos|&gt;\n- no list\n\n</pre>\n<p>x</p>\n");
  EXPECT_EQ(body_of("```\nnever closed"), "<pre>never closed\n</pre>\n");
}

TEST(HtmlPage, AnyTextIsTakenAsText) {
  for (const char* odd : {"#", "|", "||", "-", "1.", "**", "`", "####### deep", "\xff\xfe", "|a|\n|b|", "<script>alert(1)</script>"}) {
    const std::string html = body_of(odd);
    EXPECT_FALSE(has(html, "<script")) << odd;
    EXPECT_TRUE(html.starts_with("<p>") && html.ends_with("</p>\n")) << odd << " gave " << html;
  }
}

}  // namespace
}  // namespace lathe::plot
