// SHA-256 (FIPS 180-4), for the chain of hashes from raw file to checkpoint.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/file.h"

namespace lathe {

class Sha256 {
 public:
  Sha256();
  void update(const void* data, size_t bytes);
  void update(std::string_view bytes) { update(bytes.data(), bytes.size()); }
  // Either of them ends the computation.
  std::array<uint8_t, 32> digest();
  std::string hex_digest();  // 64 lower-case digits

 private:
  void blocks(const uint8_t* data, size_t count);
  std::array<uint32_t, 8> state_;
  std::array<uint8_t, 64> pending_{};
  uint64_t length_ = 0;
};

std::string sha256_hex(std::string_view bytes);
Result<std::string> sha256_file(const fs::path& path);

}  // namespace lathe
