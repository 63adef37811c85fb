#include "core/byte_size.h"

#include <charconv>
#include <cmath>
#include <string>

#include "core/text.h"

namespace lathe {

Result<int64_t> parse_byte_size(std::string_view text) {
  const std::string_view whole = trim_text(text);
  double number = 0;
  const auto [stop, code] = std::from_chars(whole.data(), whole.data() + whole.size(), number);
  std::string unit;
  for (const char c : trim_text(whole.substr(static_cast<size_t>(stop - whole.data()))))
    unit += static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  const auto wrong = [&] { return error("\"", text, "\" is no size; write it as 500MB, 2GiB or 1000000"); };
  if (code != std::errc() || !(number >= 0)) return wrong();
  if (!unit.empty() && unit.back() == 'B') unit.pop_back();
  const bool binary = unit.size() == 2 && unit[1] == 'I';
  if (binary) unit.pop_back();
  int power = 0;
  if (!unit.empty()) {
    const size_t place = std::string_view("KMGT").find(unit[0]);
    if (unit.size() > 1 || place == std::string_view::npos) return wrong();
    power = static_cast<int>(place) + 1;
  }
  const double bytes = std::round(number * std::pow(binary ? 1024.0 : 1000.0, power));
  if (!(bytes < 9.2e18)) return error("\"", text, "\" is more than any file holds");
  return static_cast<int64_t>(bytes);
}

}  // namespace lathe
