// Tokens that stand beside a model's vocabulary: special ones (markers, which only a trusted caller may let text
// produce, row C-2.16) and plain words that foreign tokenizers add (found in any text before the model sees it).
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/bytes_map.h"

namespace lathe::tokenizer {

struct AddedToken {
  std::string text;
  int32_t id = -1;
  bool special = true;
  bool lstrip = false, rstrip = false;  // takes the white space before / after it into itself
  friend bool operator==(const AddedToken&, const AddedToken&) = default;
};

// Finds tokens in text: the leftmost first, the longest of those. Immutable: any number of threads.
class AddedTokenFinder {
 public:
  AddedTokenFinder() = default;
  explicit AddedTokenFinder(const std::vector<AddedToken>& tokens);  // not empty texts, distinct
  bool empty() const { return ids_.empty(); }

  struct Match {
    size_t begin, end;  // with the white space that the token takes; begin == npos: no match
    int32_t id;
  };
  // The first match in text[from, size). O(bytes times distinct lengths).
  Match find(std::string_view text, size_t from) const;

 private:
  struct Strip {
    bool left, right;
  };
  BytesMap texts_;
  std::vector<int32_t> ids_;
  std::vector<Strip> strips_;
  std::array<std::vector<size_t>, 256> lengths_;  // by first byte, descending
};

}  // namespace lathe::tokenizer
