// How UTF-8 text lies on a terminal: what the cursor steps over, and how many columns it takes.
#pragma once

#include <cstddef>
#include <string_view>

namespace lathe::cli {

// A user-perceived character (grapheme cluster) with the marks that combine with it. `text` is valid UTF-8, `at` a border.
size_t next_character(std::string_view text, size_t at);      // its end; text.size() at the end
size_t previous_character(std::string_view text, size_t at);  // where the one before `at` begins; 0 at the beginning

// 0 for marks, 2 for wide East Asian characters and emoji; control characters take none but the tab, which is drawn as kTabColumns.
inline constexpr int kTabColumns = 4;
int columns_of(std::string_view text);

}  // namespace lathe::cli
