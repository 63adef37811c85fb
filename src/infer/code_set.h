// Sets of Unicode scalar values (0 to U+10FFFF without surrogates), the classes of grammars.
#pragma once

#include <cstdint>
#include <vector>

namespace lathe::infer {

struct CodeRange {
  char32_t first, last;  // inclusive
  friend bool operator==(const CodeRange&, const CodeRange&) = default;
};

// Ranges are kept sorted, disjoint and apart.
class CodeSet {
 public:
  CodeSet() = default;
  CodeSet(std::vector<CodeRange> ranges);  // in any order; surrogates are left out
  static CodeSet all();
  static CodeSet one(char32_t code) { return CodeSet({{code, code}}); }

  bool empty() const { return ranges_.empty(); }
  const std::vector<CodeRange>& ranges() const { return ranges_; }
  bool contains(char32_t code) const;
  CodeSet without(const CodeSet& other) const;
  CodeSet with(const CodeSet& other) const;
  CodeSet both(const CodeSet& other) const;  // the intersection
  CodeSet complement() const { return all().without(*this); }

 private:
  std::vector<CodeRange> ranges_;
};

// Sequences of byte ranges whose union is exactly the UTF-8 of the set's members.
struct ByteRange {
  uint8_t first, last;
};
std::vector<std::vector<ByteRange>> utf8_sequences(const CodeSet& set);

}  // namespace lathe::infer
