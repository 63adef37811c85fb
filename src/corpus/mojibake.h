// Repair of wrongly decoded text (L-2.10): UTF-8 bytes that were read as Latin-1 or Windows-1252 and written again as
// UTF-8, once or several times ("\u00C3\u00A9" for U+00E9, "\u00E2\u20AC\u2122" for U+2019).
//
// A sequence is repaired only where its characters stand for bytes that are one valid UTF-8 sequence, and where its
// form does not occur in correct text: a French word before a no-break space and a quotation mark stays as it is.
// Doubtful forms are repaired only right behind a sure one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lathe::corpus {

// The number of repairs. `text` is valid UTF-8 and does not lie in `out`; `out` is written only when it is > 0.
int64_t repair_mojibake(std::string_view text, std::string& out);

}  // namespace lathe::corpus
