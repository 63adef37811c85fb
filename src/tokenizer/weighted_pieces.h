// Distinct pieces of text with the number of their occurrences: what counting hands to the learning of merges.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lathe::tokenizer {

struct WeightedPieces {
  std::string bytes;             // all pieces joined
  std::vector<uint64_t> ends;    // of piece i in bytes
  std::vector<int64_t> weights;  // occurrences, 64-bit (trap T2)

  int64_t size() const { return static_cast<int64_t>(ends.size()); }
  std::string_view at(int64_t index) const {
    const auto i = static_cast<size_t>(index);
    const uint64_t begin = i == 0 ? 0 : ends[i - 1];
    return {bytes.data() + begin, ends[i] - begin};
  }
  void add(std::string_view piece, int64_t weight) {
    bytes.append(piece);
    ends.push_back(bytes.size());
    weights.push_back(weight);
  }
};

}  // namespace lathe::tokenizer
