// zstd frames with checksums and length-prefixed texts in them: what the files between the passes are made of.
// Frames that follow each other are one file that any zstd reader takes (RFC 8878, section 3.1).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace lathe::corpus {

inline constexpr int kPassLevel = 1;   // of files between the passes
inline constexpr int kShardLevel = 3;  // of shards

// Appends one frame to `out`. An error is lack of memory.
Status append_zstd_frame(std::string_view bytes, int level, std::string& out);
Status append_gzip_member(std::string_view bytes, std::string& out);
// A whole frame written by append_zstd_frame, whose content is at most `most` bytes. Damage is an error naming `path`.
Status read_zstd_frame(std::string_view frame, size_t most, const std::string& path, std::string& out);

template <class Number>
void append_number(std::string& out, Number value) {
  for (size_t i = 0; i < sizeof(Number); ++i) out.push_back(static_cast<char>(static_cast<uint64_t>(value) >> (8 * i)));
}
template <class Number>
Number number_at(std::string_view bytes, size_t at) {
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(Number); ++i) value |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[at + i])) << (8 * i);
  return static_cast<Number>(value);
}

}  // namespace lathe::corpus
