#include "tokenizer/nfc.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "core/check.h"
#include "tokenizer/utf8.h"

namespace lathe::tokenizer {
namespace {

void append_nfc(std::string_view valid, std::string& out) {
  utf8proc_uint8_t* bytes = nullptr;
  const auto length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(valid.data()), static_cast<utf8proc_ssize_t>(valid.size()),
                   &bytes, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  LATHE_CHECK(length >= 0, "utf8proc: ", utf8proc_errmsg(length));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(bytes, &std::free);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(length));
}

}  // namespace

std::string to_nfc(std::string_view text) {
  // Nothing below U+0300, whose first byte is 0xCC, combines with what precedes it or changes alone.
  if (std::none_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) >= 0xCC; }))
    return std::string(text);
  std::string out;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = read_code_point(text, at);
    if (point.value == kInvalidByte) {
      append_nfc(text.substr(begin, at - begin), out);
      out += text[at];
      begin = at + 1;
    }
    at += point.length;
  }
  append_nfc(text.substr(begin), out);
  return out;
}

}  // namespace lathe::tokenizer
