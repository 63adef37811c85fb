// Small text helpers used by every room.
#pragma once

#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace lathe {

// The parts streamed one after another.
template <class... Parts>
std::string join_text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

// 1234567 -> "1,234,567".
std::string with_thousands(int64_t value);

// printf into a string.
[[gnu::format(printf, 1, 2)]] std::string format_text(const char* format, ...);

std::vector<std::string> split_text(std::string_view text, char separator);
std::string_view trim_text(std::string_view text);  // ASCII white space at both ends

// The candidate with the smallest edit distance to `word`; empty when none is near (distance > half its length).
std::string nearest_word(std::string_view word, const std::vector<std::string>& candidates);

// Shortest text that reads back as the same double; "null"-free: inf, -inf and nan are written so.
std::string shortest_double(double value);

// Offset of the first byte that is not valid UTF-8, or -1.
int64_t first_invalid_utf8(std::string_view text);

// Bytes with every maximal invalid part replaced by U+FFFD (Unicode's and Python's rule).
std::string repair_utf8(std::string_view bytes);

// Number of code points of valid UTF-8.
int64_t count_code_points(std::string_view text);

}  // namespace lathe
