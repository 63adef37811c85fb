#include "cli/text_columns.h"

#include <utf8proc.h>

#include <algorithm>

namespace lathe::cli {
namespace {

// The code point at `at` and its length in bytes; a byte that begins none is one by itself.
utf8proc_int32_t code_point(std::string_view text, size_t at, size_t* length) {
  utf8proc_int32_t point = 0;
  const auto bytes = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at), static_cast<utf8proc_ssize_t>(text.size() - at), &point);
  *length = bytes > 0 ? static_cast<size_t>(bytes) : 1;
  return bytes > 0 ? point : 0xFFFD;
}

}  // namespace

size_t next_character(std::string_view text, size_t at) {
  if (at >= text.size()) return text.size();
  size_t length = 0;
  utf8proc_int32_t before = code_point(text, at, &length), state = 0;
  at += length;
  while (at < text.size()) {
    const utf8proc_int32_t point = code_point(text, at, &length);
    if (utf8proc_grapheme_break_stateful(before, point, &state)) break;
    before = point;
    at += length;
  }
  return at;
}

size_t previous_character(std::string_view text, size_t at) {
  // Borders are found forwards; a line break always is one.
  const size_t line = at < 2 ? 0 : text.rfind('\n', at - 2);
  size_t begin = line == std::string_view::npos ? 0 : line;
  while (begin < at) {
    const size_t end = next_character(text, begin);
    if (end >= at) break;
    begin = end;
  }
  return begin;
}

int columns_of(std::string_view text) {
  int columns = 0;
  for (size_t at = 0, length = 0; at < text.size(); at += length) {
    const utf8proc_int32_t point = code_point(text, at, &length);
    columns += point == '\t' ? kTabColumns : std::max(utf8proc_charwidth(point), 0);
  }
  return columns;
}

}  // namespace lathe::cli
