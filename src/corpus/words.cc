#include "corpus/words.h"

#include <utf8proc.h>

#include "core/check.h"
#include "tokenizer/char_class.h"
#include "tokenizer/utf8.h"

namespace lathe::corpus {

namespace internal {

WideStep wide_step(std::string_view text, size_t at, uint64_t hash) {
  static const tokenizer::CharTable& table = tokenizer::CharTable::get();
  const tokenizer::CodePoint point = tokenizer::read_code_point(text, at);
  if ((table.at(point.value) & (tokenizer::kLetter | tokenizer::kNumber)) == 0) return {hash, point.length, false};
  std::array<utf8proc_uint8_t, 4> lower;
  const auto value = static_cast<utf8proc_int32_t>(point.value);
  const utf8proc_ssize_t length = utf8proc_encode_char(utf8proc_tolower(value), lower.data());
  for (utf8proc_ssize_t i = 0; i < length; ++i) hash = (hash ^ lower[static_cast<size_t>(i)]) * kFnvPrime;
  return {hash, point.length, true};
}

}  // namespace internal

NgramHash::NgramHash(int64_t size) : size_(static_cast<size_t>(size)) {
  require(size >= 1 && size <= kMaxNgram, "[corpus] words in a run: ", size, " is not in 1..", kMaxNgram);
  for (int64_t i = 1; i < size; ++i) top_ *= kNgramBase;
}

}  // namespace lathe::corpus
