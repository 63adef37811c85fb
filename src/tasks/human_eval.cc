#include "tasks/human_eval.h"

#include <algorithm>
#include <optional>

#include "core/text.h"

namespace lathe::tasks {
namespace {

constexpr std::string_view kFence = "```";

// Bytes of the white-space character (of Python's str.strip and \s, UTF-8) at the start of `text`; 0: there is none.
size_t leading_space(std::string_view text) {
  static constexpr std::string_view kWide[] = {"\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};
  if (text.empty()) return 0;
  const char c = text[0];
  if (c == ' ' || (c >= '\t' && c <= '\r') || (c >= '\x1c' && c <= '\x1f')) return 1;
  if (text.starts_with("\xe2\x80") && text.size() > 2 && static_cast<unsigned char>(text[2]) <= 0x8a) return 3;  // continuation bytes begin at 0x80
  for (const std::string_view wide : kWide)
    if (text.starts_with(wide)) return wide.size();
  return 0;
}

std::string_view strip(std::string_view text) {
  while (const size_t bytes = leading_space(text)) text.remove_prefix(bytes);
  const auto space_of = [&](size_t bytes) { return text.size() >= bytes && leading_space(text.substr(text.size() - bytes)) == bytes; };
  for (;;) {
    const size_t bytes = space_of(1) ? 1 : space_of(2) ? 2 : space_of(3) ? 3 : 0;
    if (bytes == 0) return text;
    text.remove_suffix(bytes);
  }
}

// The body of a fence that opens at `at`; none where it is no such fence. White space is taken as far as it goes and given back as far
// as the rest needs it: of the line ends in it the last one that a closing fence follows ends the opening line.
std::optional<std::string_view> fence_body(std::string_view text, size_t at) {
  const size_t closing = text.rfind("\n```");
  if (closing == text.npos) return std::nullopt;
  size_t begin = at + kFence.size();
  if (text.substr(begin).starts_with("python")) begin += 6;
  size_t end = begin;
  while (const size_t bytes = leading_space(text.substr(end))) end += bytes;
  for (size_t i = std::min(end, closing); i > begin; --i)
    if (text[i - 1] == '\n') return text.substr(i, text.find("\n```", i) - i);
  return std::nullopt;
}

}  // namespace

std::string leading_imports(std::string_view prompt) {
  std::string out;
  for (const std::string& line : split_text(prompt, '\n')) {
    const std::string_view words = strip(line);
    if (words.starts_with("import ") || words.starts_with("from "))
      out += (out.empty() ? "" : "\n") + std::string(words);
    else if (!words.empty() && words.front() != '#')
      break;
  }
  return out;
}

std::string extract_code(std::string_view completion) {
  for (size_t at = completion.find(kFence); at != completion.npos; at = completion.find(kFence, at + 1))
    if (const auto body = fence_body(completion, at)) return std::string(strip(*body));
  return std::string(strip(completion));
}

std::string human_eval_program(std::string_view prompt, std::string_view completion) {
  return leading_imports(prompt) + "\n\n" + extract_code(completion);
}

}  // namespace lathe::tasks
