// Removal of code from running text (L-2.10), by the marks of Markdown (CommonMark 0.31, sections 4.5 and 6.1): fenced
// blocks of whole lines, and code between backticks within one line. A fence that is never closed stays as it is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lathe::corpus {

// Each returns the number of pieces removed. `text` does not lie in `out`, which is written only when that is > 0.
// Linear in the text, however the marks are nested.
int64_t remove_code_blocks(std::string_view text, std::string& out);
int64_t remove_inline_code(std::string_view text, std::string& out);

}  // namespace lathe::corpus
