#include "plot/html_page.h"

#include <algorithm>

#include "core/check.h"
#include "core/text.h"
#include "plot/svg.h"

namespace lathe::plot {
namespace {

constexpr const char* kStyle = R"(:root{color-scheme:light dark;--ground:#fff;--text:#1b202b;--soft:#5b6474;--rule:#dfe3ea;--panel:#f5f6f9}
@media (prefers-color-scheme:dark){:root{--ground:#14171d;--text:#e6e9ef;--soft:#a3abba;--rule:#2d333f;--panel:#1c2028}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:860px;padding:32px 24px 64px;background:var(--ground);color:var(--text);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 .6em}h2{font-size:1.25rem;margin:2.2em 0 .6em;padding-top:.8em;border-top:1px solid var(--rule)}
h3{font-size:1.05rem;margin:1.6em 0 .4em}h4{font-size:1rem;margin:1.2em 0 .3em}
p{margin:.6em 0}ul,ol{margin:.5em 0;padding-left:1.4em}li{overflow-wrap:anywhere}
.wide{overflow-x:auto}table{border-collapse:collapse;margin:.8em 0;font-variant-numeric:tabular-nums}
th,td{padding:.32em .9em .32em 0;border-bottom:1px solid var(--rule);text-align:left;vertical-align:top}
th{color:var(--soft);font-weight:600}td.number,th.number{text-align:right;white-space:nowrap}
pre{background:var(--panel);padding:12px 14px;border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85rem}
code{background:var(--panel);padding:.1em .3em;border-radius:4px;font-size:.9em}pre code{padding:0;background:none}
hr{border:0;border-top:1px solid var(--rule);margin:1.6em 0}
svg.chart{display:block;max-width:100%;height:auto;margin:1em 0}
body.broad{max-width:1120px;padding-top:8px}.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:14px;margin:1em 0;align-items:start}
.pictures svg.chart{width:100%;margin:0;padding:6px;border:1px solid var(--rule);border-radius:10px;background:var(--ground)}
.pictures>svg.chart:only-child{max-width:560px}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:12px;margin:1.2em 0}
.cards div{background:var(--panel);border-radius:10px;padding:12px 14px}.cards b{display:block;font-size:1.35rem;font-weight:650;letter-spacing:-.01em;overflow-wrap:anywhere}
.cards span{color:var(--soft);font-size:.85rem}
nav{position:sticky;top:0;z-index:1;display:flex;flex-wrap:wrap;gap:4px 18px;white-space:nowrap;margin:0 -24px 20px;padding:10px 24px;background:var(--ground);border-bottom:1px solid var(--rule);font-size:.9rem}
nav a{color:var(--soft);text-decoration:none}nav a:hover{color:var(--text);text-decoration:underline}h2[id]{scroll-margin-top:48px}
details{margin:.8em 0;border:1px solid var(--rule);border-radius:10px;padding:.55em 14px}summary{cursor:pointer;font-weight:600}details h2{border:0;margin:.8em 0 .2em;padding:0}
figure{margin:1em 0}figcaption{color:var(--soft);font-size:.85rem;margin-bottom:.2em}figure pre{margin:0}
@media (max-width:720px){body{padding:8px 14px 48px}nav{margin:0 -14px 16px;padding:10px 14px;flex-wrap:nowrap;overflow-x:auto;scrollbar-width:none}nav::-webkit-scrollbar{display:none}table{font-size:.88rem}}
)";

bool is_number(std::string_view cell) {
  const bool digit = std::any_of(cell.begin(), cell.end(), [](char c) { return c >= '0' && c <= '9'; });
  const bool begins = !cell.empty() && (cell[0] != 'e');  // 1e+12 is one, too
  return digit && begins && cell.find_first_not_of("0123456789.,+-%e ") == std::string_view::npos;
}

// `code` and **bold** of one line, the rest escaped.
std::string inline_markup(std::string_view line) {
  std::string out;
  while (!line.empty()) {
    const size_t code = line.find('`'), bold = line.find("**");
    const size_t at = std::min(code, bold);
    if (at == std::string_view::npos) break;
    const std::string_view mark = code < bold ? "`" : "**";
    const size_t end = line.find(mark, at + mark.size());
    if (end == std::string_view::npos) break;
    const char* tag = code < bold ? "code" : "strong";
    out += escape_markup(line.substr(0, at)) + "<" + tag + ">" +
           escape_markup(line.substr(at + mark.size(), end - at - mark.size())) + "</" + tag + ">";
    line.remove_prefix(end + mark.size());
  }
  return out + escape_markup(line);
}

std::vector<std::string> table_cells(std::string_view line) {
  line = trim_text(line);
  line.remove_prefix(1);
  if (line.ends_with('|')) line.remove_suffix(1);
  std::vector<std::string> cells;
  for (const std::string& cell : split_text(line, '|')) cells.emplace_back(trim_text(cell));
  return cells;
}

bool is_table_rule(std::string_view line) {
  return line.starts_with('|') && line.find('-') != std::string_view::npos && line.find_first_not_of("|-: ") == std::string_view::npos;
}

// Length of "- " or "12. " at the start of a line; 0 when it is no item.
size_t item_mark(std::string_view line) {
  if (line.starts_with("- ") || line.starts_with("* ")) return 2;
  size_t digits = 0;
  while (digits < line.size() && line[digits] >= '0' && line[digits] <= '9') ++digits;
  return digits > 0 && line.substr(digits).starts_with(". ") ? digits + 2 : 0;
}

}  // namespace

HtmlPage::HtmlPage(std::string_view title, bool wide) : title_(title), wide_(wide) {}

void HtmlPage::heading(int level, std::string_view text) {
  require(level >= 1 && level <= 4, "[html_page] heading of level ", level);
  const std::string tag = "h" + std::to_string(level);
  body_ += "<" + tag + ">" + inline_markup(text) + "</" + tag + ">\n";
}

void HtmlPage::paragraph(std::string_view text) { body_ += "<p>" + inline_markup(text) + "</p>\n"; }

void HtmlPage::table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
  body_ += "<div class=\"wide\"><table>\n<tr>";
  for (size_t column = 0; column < header.size(); ++column) {  // over numbers it stands to the right as they do
    const bool number = std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return column < row.size() && is_number(row[column]); });
    body_ += (number ? "<th class=\"number\">" : "<th>") + inline_markup(header[column]) + "</th>";
  }
  body_ += "</tr>\n";
  for (const auto& row : rows) {
    body_ += "<tr>";
    for (const std::string& cell : row) body_ += (is_number(cell) ? "<td class=\"number\">" : "<td>") + inline_markup(cell) + "</td>";
    body_ += "</tr>\n";
  }
  body_ += "</table></div>\n";
}

void HtmlPage::picture(const std::string& svg) { body_ += svg; }

void HtmlPage::chapter(std::string_view text) {
  chapters_.emplace_back(text);
  body_ += join_text("<h2 id=\"c", chapters_.size(), "\">", inline_markup(text), "</h2>\n");
}

void HtmlPage::pictures(const std::vector<std::string>& svgs) {
  std::string all;
  for (const std::string& svg : svgs) all += svg;
  if (!all.empty()) body_ += "<div class=\"pictures\">\n" + all + "</div>\n";
}

void HtmlPage::cards(const std::vector<std::pair<std::string, std::string>>& cards) {
  if (cards.empty()) return;
  body_ += "<div class=\"cards\">\n";
  for (const auto& [name, value] : cards) body_ += join_text("<div><b>", escape_markup(value), "</b><span>", escape_markup(name), "</span></div>\n");
  body_ += "</div>\n";
}

void HtmlPage::quote(std::string_view name, std::string_view text) {
  body_ += join_text("<figure><figcaption>", escape_markup(name), "</figcaption><pre>", escape_markup(text), "</pre></figure>\n");
}

void HtmlPage::open_fold(std::string_view title) { body_ += join_text("<details><summary>", escape_markup(title), "</summary>\n"); }

void HtmlPage::close_fold() { body_ += "</details>\n"; }

void HtmlPage::markdown(std::string_view text) {
  const std::vector<std::string> lines = split_text(text, '\n');
  std::string open;  // "p", "ul", "ol" or nothing
  const auto close = [&] {
    if (!open.empty()) body_ += "</" + open + ">\n";
    open.clear();
  };
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = trim_text(lines[i]);
    const size_t level = line.find_first_not_of('#');
    if (line.starts_with("```")) {
      close();
      body_ += "<pre>";
      while (++i < lines.size() && !trim_text(lines[i]).starts_with("```")) body_ += escape_markup(lines[i]) + "\n";
      body_ += "</pre>\n";
    } else if (line.empty()) {
      close();
    } else if (level != std::string_view::npos && level >= 1 && level <= 4 && line[level] == ' ') {
      close();
      heading(static_cast<int>(level), line.substr(level + 1));
    } else if (line.size() >= 3 && line.find_first_not_of('-') == std::string_view::npos) {
      close();
      body_ += "<hr>\n";
    } else if (line.starts_with('|') && i + 1 < lines.size() && is_table_rule(trim_text(lines[i + 1]))) {
      close();
      const std::vector<std::string> header = table_cells(line);
      std::vector<std::vector<std::string>> rows;
      for (i += 2; i < lines.size() && trim_text(lines[i]).starts_with('|'); ++i) rows.push_back(table_cells(lines[i]));
      --i;
      table(header, rows);
    } else if (const size_t mark = item_mark(line); mark > 0) {
      const std::string list = line[0] == '-' || line[0] == '*' ? "ul" : "ol";
      if (open != list) {
        close();
        body_ += "<" + list + ">\n";
        open = list;
      }
      body_ += "<li>" + inline_markup(line.substr(mark)) + "</li>\n";
    } else {
      if (open != "p") {
        close();
        body_ += "<p>";
        open = "p";
      } else {
        body_ += "<br>\n";
      }
      body_ += inline_markup(line);
    }
  }
  close();
}

std::string HtmlPage::finish() const {
  std::string contents;
  for (size_t i = 0; i < chapters_.size(); ++i) contents += join_text("<a href=\"#c", i + 1, "\">", escape_markup(chapters_[i]), "</a>\n");
  if (!contents.empty()) contents = "<nav>\n" + contents + "</nav>\n";
  return join_text("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
                   "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>", escape_markup(title_),
                   "</title>\n<style>\n", kStyle, "</style>\n</head>\n", wide_ ? "<body class=\"broad\">\n" : "<body>\n", contents, body_,
                   "</body>\n</html>\n");
}

}  // namespace lathe::plot
