// tokenizer.pkl as the chat origin writes it, without Python.
#pragma once

#include <string>
#include <string_view>

#include "core/text.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {

// The layout tiktoken's encodings are pickled in by Python's protocol 4: an object of no arguments whose state is a
// dict.
inline std::string pickled(const Tokenizer& tokenizer, const std::string& pattern, int32_t first_id = 0) {
  const auto text = [](const std::string& s) {
    return format_text("X%c%c", static_cast<int>(s.size()), 0) + std::string(2, '\0') + s;
  };
  const auto number = [&](int32_t id) {
    id += first_id;
    return "M" + std::string{static_cast<char>(id & 255), static_cast<char>(id >> 8)};
  };
  std::string out = "\x80\x04" + text("tiktoken.core") + text("Encoding") + "\x93)\x81}(";
  out += text("name") + text("ours") + text("pat_str") + text(pattern) + text("mergeable_ranks") + "}(";
  for (int32_t id = tokenizer.bos_id() - 1; id >= 0; --id) {
    const std::string_view token = tokenizer.token_bytes_of(id);
    out += join_text("C", static_cast<char>(token.size()), token) + number(id);
  }
  out += "u" + text("special_tokens") + "}(";
  for (const std::string& name : tokenizer.special_tokens()) out += text(name) + number(tokenizer.special_id(name));
  return out + "uub.";
}

}  // namespace lathe::tokenizer
