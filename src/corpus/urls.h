// Removal of web addresses (L-2.10): http, https and ftp addresses and those that begin with "www.". An address ends at
// a blank, a quotation mark or an angle bracket; punctuation at its end belongs to the sentence. Brackets that hold
// nothing but the address go with it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lathe::corpus {

// The number of addresses removed. `text` is valid UTF-8 and does not lie in `out`, which is written only when > 0.
int64_t remove_urls(std::string_view text, std::string& out);

}  // namespace lathe::corpus
