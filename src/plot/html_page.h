// One self-contained HTML page: no scripts, no outside files, follows the reader's light or dark preference.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lathe::plot {

class HtmlPage {
 public:
  explicit HtmlPage(std::string_view title);

  void heading(int level, std::string_view text);  // 1 to 4
  void paragraph(std::string_view text);
  // Rows may be shorter than the header. Cells that are numbers stand to the right.
  void table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);
  void picture(const std::string& svg);  // what charts.h gives
  // A part of Markdown: headings, "- " and "1. " lists, tables, fenced blocks, rules and paragraphs; `code` and **bold**
  // within lines. Everything else is text; markup in it is escaped.
  void markdown(std::string_view text);

  std::string finish() const;

 private:
  std::string title_, body_;
};

}  // namespace lathe::plot
