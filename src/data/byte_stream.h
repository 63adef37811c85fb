// The bytes of a file, decompressed on the way by its ending: .gz (zlib, several members), .zst (several frames), else
// as they are. Memory is bounded by a few buffers. One thread at a time.
#pragma once

#include <cstddef>
#include <memory>

#include "core/file.h"

namespace lathe::data {

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Fills `buffer` with up to `bytes` > 0 bytes; 0 = the end. A damaged or truncated file is an error that names the
  // offset in the (compressed) file.
  virtual Result<size_t> read(char* buffer, size_t bytes) = 0;

  static Result<std::unique_ptr<ByteStream>> open(const fs::path& path);
};

}  // namespace lathe::data
