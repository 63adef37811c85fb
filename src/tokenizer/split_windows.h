// Where pieces begin in 64 bytes of ASCII at a time: the rules of split_scan.h on masks of one bit a byte, which vector
// instructions make (Highway chooses them for the processor). Text that such a window cannot decide is left to the
// scanner: characters beyond ASCII, pieces that reach out of the window, and the last bytes of a text.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace lathe::tokenizer {

// What the windows know about a split pattern.
struct WindowRules {
  enum class Words { kNone, kSpaced, kSigned, kCased } words = Words::kNone;  // kNone: no windows for this pattern
  int digits = 0;            // of one piece; 0: any number (kSpaced)
  bool contractions = true;  // kCased: after a word
};

// The room that one window may need behind ends[count].
inline constexpr size_t kWindowEnds = 64;

// `begin` is where a piece begins. Writes the ends of the pieces from there on to ends[count...], ascending, adds their
// number to count, and returns the last of them, or `begin` when there is none. Stops when fewer than kWindowEnds
// places are left.
size_t split_windows(const WindowRules& rules, std::string_view text, size_t begin, std::span<size_t> ends,
                     size_t& count);

}  // namespace lathe::tokenizer
