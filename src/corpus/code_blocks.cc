#include "corpus/code_blocks.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace lathe::corpus {
namespace {

// The line that starts at `at`, with its line end.
std::string_view line_at(std::string_view text, size_t at) {
  const size_t end = text.find('\n', at);
  return text.substr(at, end == std::string_view::npos ? end : end + 1 - at);
}

struct Fence {
  char mark = 0;  // '`' or '~'; 0: not a fence
  size_t length = 0;
  bool bare = false;  // nothing behind the marks: may close a block
};

Fence fence_of(std::string_view line) {
  const size_t begin = std::min(line.find_first_not_of(' '), line.size());
  if (begin > 3 || begin == line.size() || (line[begin] != '`' && line[begin] != '~')) return {};
  const char mark = line[begin];
  const size_t end = std::min(line.find_first_not_of(mark, begin), line.size());
  if (end - begin < 3) return {};
  const std::string_view info = line.substr(end);
  if (mark == '`' && info.find('`') != std::string_view::npos) return {};  // code within a line
  return {mark, end - begin, info.find_first_not_of(" \t\r\n") == std::string_view::npos};
}

// The end of the block that `open` opens, whose content starts at `at`; npos without a closing fence.
size_t block_end(std::string_view text, size_t at, const Fence& open) {
  while (at < text.size()) {
    const std::string_view line = line_at(text, at);
    at += line.size();
    const Fence fence = fence_of(line);
    if (fence.bare && fence.mark == open.mark && fence.length >= open.length) return at;
  }
  return std::string_view::npos;
}

}  // namespace

int64_t remove_code_blocks(std::string_view text, std::string& out) {
  if (text.find("```") == std::string_view::npos && text.find("~~~") == std::string_view::npos) return 0;
  int64_t removed = 0;
  size_t copied = 0;
  // A fence of this length was not closed in all the rest of the text, so none as long or longer will be.
  std::array<size_t, 2> unclosed = {text.size() + 1, text.size() + 1};
  for (size_t at = 0; at < text.size();) {
    const std::string_view line = line_at(text, at);
    const Fence fence = fence_of(line);
    size_t& limit = unclosed[fence.mark == '~' ? 1 : 0];
    size_t next = at + line.size();
    if (fence.mark != 0 && fence.length < limit) {
      const size_t end = block_end(text, next, fence);
      if (end == std::string_view::npos) {
        limit = fence.length;
      } else {
        if (removed++ == 0) out.clear();
        out.append(text.substr(copied, at - copied));
        copied = next = end;
      }
    }
    at = next;
  }
  if (removed > 0) out.append(text.substr(copied));
  return removed;
}

int64_t remove_inline_code(std::string_view text, std::string& out) {
  constexpr size_t kLongest = 8;  // backticks of an opening mark
  int64_t removed = 0;
  size_t copied = 0;
  size_t at = text.find('`');
  // Up to here no run of exactly n backticks follows an earlier one: what keeps the search linear.
  std::array<size_t, kLongest + 1> nothing_before{};
  while (at != std::string_view::npos) {
    const size_t begin = at;
    at = std::min(text.find_first_not_of('`', at), text.size());
    const size_t length = at - begin;
    if (length <= kLongest && nothing_before[length] <= begin) {
      const size_t line_end = std::min(text.find('\n', at), text.size());
      size_t close = at, close_end = at;
      while (true) {
        close = text.find('`', close_end);
        if (close == std::string_view::npos || close >= line_end) break;
        close_end = std::min(text.find_first_not_of('`', close), text.size());
        if (close_end - close == length) break;
      }
      if (close == std::string_view::npos || close >= line_end) {
        nothing_before[length] = line_end;
      } else {
        if (removed++ == 0) out.clear();
        out.append(text.substr(copied, begin - copied));
        copied = at = close_end;
      }
    }
    at = text.find('`', at);
  }
  if (removed > 0) out.append(text.substr(copied));
  return removed;
}

}  // namespace lathe::corpus
