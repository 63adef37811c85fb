#include "corpus/code_points.h"

#include <cstring>

namespace lathe::corpus {

size_t skip_ascii(std::string_view text, size_t at) {
  uint64_t words[2];
  while (at + sizeof words <= text.size()) {
    std::memcpy(words, text.data() + at, sizeof words);
    if ((words[0] | words[1]) & 0x8080808080808080u) break;
    at += sizeof words;
  }
  while (at < text.size() && byte_at(text, at) < 0x80) ++at;
  return at;
}

}  // namespace lathe::corpus
