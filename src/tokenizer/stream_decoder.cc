#include "tokenizer/stream_decoder.h"

#include <utility>

namespace lathe::tokenizer {
namespace {

// Length of the tail that begins a valid character but does not finish it. Such a tail is one maximal part, so cutting
// before it never changes how the bytes decode.
size_t incomplete_tail(std::string_view bytes) {
  for (size_t length = 1; length <= 3 && length <= bytes.size(); ++length) {
    const auto lead = static_cast<uint8_t>(bytes[bytes.size() - length]);
    if ((lead & 0xC0) == 0x80) continue;  // a continuation byte: its lead stands further left
    const size_t needed = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 1;
    if (lead > 0xF4 || needed <= length) return 0;
    if (length == 1) return 1;
    const auto second = static_cast<uint8_t>(bytes[bytes.size() - length + 1]);
    const bool impossible = (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
                            (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F);
    return impossible ? 0 : length;
  }
  return 0;
}

}  // namespace

std::string StreamDecoder::push(int32_t id) {
  held_ += tokenizer_.token_bytes_of(id);
  const size_t certain = held_.size() - incomplete_tail(held_);
  std::string text = repair_utf8(std::string_view(held_).substr(0, certain));
  held_.erase(0, certain);
  return text;
}

std::string StreamDecoder::flush() { return repair_utf8(std::exchange(held_, {})); }

}  // namespace lathe::tokenizer
