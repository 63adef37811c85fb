#include "tokenizer/char_class.h"

#include <utf8proc.h>

#include <map>

namespace lathe::tokenizer {
namespace {

bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

uint8_t class_of(char32_t c) {
  if (c == '\r' || c == '\n') return kSpace | kNewline;
  if (is_white_space(c)) return kSpace;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LT:
      return kLetter | kUpper;
    case UTF8PROC_CATEGORY_LL:
      return kLetter | kLower;
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return kLetter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return kNumber;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      return kMark;
    default:
      return 0;
  }
}

}  // namespace

CharTable::CharTable() {
  std::map<std::array<uint8_t, 256>, uint16_t> seen;
  for (size_t page = 0; page < page_of_.size(); ++page) {
    std::array<uint8_t, 256> classes;
    for (size_t i = 0; i < 256; ++i) classes[i] = class_of(static_cast<char32_t>(page * 256 + i));
    const auto [where, is_new] = seen.try_emplace(classes, static_cast<uint16_t>(seen.size()));
    if (is_new) pages_.insert(pages_.end(), classes.begin(), classes.end());
    page_of_[page] = where->second;
  }
}

const CharTable& CharTable::get() {
  static const CharTable table;
  return table;
}

}  // namespace lathe::tokenizer
