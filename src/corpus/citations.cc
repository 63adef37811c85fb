#include "corpus/citations.h"

namespace lathe::corpus {
namespace {

// Where the mark begins that a "]" behind `text` closes, or npos.
size_t mark_start(std::string_view text) {
  for (const std::string_view words : {"[edit", "[citation needed"})
    if (text.ends_with(words)) return text.size() - words.size();
  size_t begin = text.size();
  while (begin > 0 && text[begin - 1] >= '0' && text[begin - 1] <= '9') --begin;
  return begin > 0 && text[begin - 1] == '[' ? begin - 1 : std::string_view::npos;
}

}  // namespace

int64_t remove_citations(std::string_view text, std::string& out) {
  size_t close = text.find(']');
  while (close != std::string_view::npos && mark_start(text.substr(0, close)) == std::string_view::npos)
    close = text.find(']', close + 1);
  if (close == std::string_view::npos) return 0;
  int64_t removed = 0;
  out.clear();
  size_t copied = 0;
  for (; close != std::string_view::npos; close = text.find(']', close + 1)) {
    out.append(text.substr(copied, close - copied));
    copied = close;
    const size_t begin = mark_start(out);
    if (begin == std::string::npos) continue;
    out.resize(begin);
    copied = close + 1;
    ++removed;
  }
  out.append(text.substr(copied));
  return removed;
}

}  // namespace lathe::corpus
