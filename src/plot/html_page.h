// One self-contained HTML page: no scripts, no outside files, follows the reader's light or dark preference.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lathe::plot {

class HtmlPage {
 public:
  explicit HtmlPage(std::string_view title, bool wide = false);

  void heading(int level, std::string_view text);  // 1 to 4
  void paragraph(std::string_view text);
  // Rows may be shorter than the header. Cells that are numbers stand to the right.
  void table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows);
  void picture(const std::string& svg);  // what charts.h gives
  // A heading of level 2 that stands in the list of contents at the top.
  void chapter(std::string_view text);
  // Pictures side by side where there is room; empty ones are left out.
  void pictures(const std::vector<std::string>& svgs);
  // Large figures with their names.
  void cards(const std::vector<std::pair<std::string, std::string>>& cards);
  // Text as it stands, e.g. a sample, below its name.
  void quote(std::string_view name, std::string_view text);
  // What comes between is hidden until its title is clicked.
  void open_fold(std::string_view title);
  void close_fold();
  // A part of Markdown: headings, "- " and "1. " lists, tables, fenced blocks, rules and paragraphs; `code` and **bold**
  // within lines. Everything else is text; markup in it is escaped.
  void markdown(std::string_view text);

  std::string finish() const;

 private:
  std::string title_, body_;
  bool wide_;
  std::vector<std::string> chapters_;
};

}  // namespace lathe::plot
