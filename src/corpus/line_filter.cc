#include "corpus/line_filter.h"

namespace lathe::corpus {
namespace {

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

bool ends_as_sentence(std::string_view line) {
  if (ends_with(line, "...")) return false;
  for (const std::string_view mark : {".", "!", "?", "\"", "\u201D"})
    if (ends_with(line, mark)) return true;
  return false;
}

bool holds_notice(std::string_view line, std::string& buffer) {
  buffer.assign(line);
  for (char& c : buffer)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  for (const char* notice :
       {"terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"})
    if (buffer.find(notice) != std::string::npos) return true;
  return false;
}

}  // namespace

double line_value(std::string_view key, std::string_view text, const StatisticsScratch::Line& line,
                  std::string& buffer) {
  if (key == "c4_line_terminal") return ends_as_sentence(text) ? 1 : 0;
  if (key == "c4_line_min_words") return line.words;
  if (key == "c4_line_max_word_length") return line.longest_word;
  if (key == "c4_line_max_javascript") return line.javascript ? 1 : 0;
  return line.notice && holds_notice(text, buffer) ? 1 : 0;
}

}  // namespace lathe::corpus
