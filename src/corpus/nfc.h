// Unicode normalisation form C (UAX #15) through utf8proc (L-2.11). ASCII and text that is NFC already, which is nearly
// all text, is only looked at: a bit per code point says whether it may ever change or combine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lathe::corpus {

// The number of stretches that changed. `text` is valid UTF-8 and does not lie in `out`, which is written only when >
// 0. Linear in the text but for the sorting of marks on one letter.
int64_t to_nfc(std::string_view text, std::string& out);

}  // namespace lathe::corpus
