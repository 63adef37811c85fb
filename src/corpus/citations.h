// Removal of the marks that encyclopedias leave in running text: "[1]", "[]", "[edit]", "[citation needed]" (C4,
// arXiv:1910.10683, section 2.2).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lathe::corpus {

// The number of marks removed, those that a removal brings together included. `text` does not lie in `out`, which is
// written only when that is > 0. Linear in the text.
int64_t remove_citations(std::string_view text, std::string& out);

}  // namespace lathe::corpus
