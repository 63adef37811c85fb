#include "data/block_sums.h"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <fstream>
#include <utility>
#include <vector>

#include "core/parallel.h"

namespace lathe::data {
namespace {

constexpr int64_t kSmallestBlock = 4096, kMostBlocks = 512, kPieceBytes = 1 << 20;

// CRC-32 of `bytes` bytes from `offset` on, read piece by piece: a map of the file would count as memory.
Result<std::string> sum_of(const fs::path& path, int64_t offset, int64_t bytes) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> piece(static_cast<size_t>(std::min(bytes, kPieceBytes)));
  uLong crc = crc32_z(0, nullptr, 0);
  file.seekg(offset);
  while (bytes > 0) {
    const int64_t count = std::min(bytes, kPieceBytes);
    if (!file.read(piece.data(), count)) return error_at(path.string(), offset, "cannot be read");
    crc = crc32_z(crc, reinterpret_cast<const Bytef*>(piece.data()), static_cast<z_size_t>(count));
    bytes -= count;
  }
  return format_text("%08lx", static_cast<unsigned long>(crc));
}

Result<int64_t> size_of(const fs::path& path) {
  std::error_code code;
  const auto bytes = fs::file_size(path, code);
  if (code) return error_at(path.string(), -1, "cannot ask for the size: ", code.message());
  return static_cast<int64_t>(bytes);
}

Result<std::vector<std::string>> sums_of(const fs::path& path, int64_t block_bytes) {
  LATHE_TRY(const int64_t size, size_of(path));
  const int64_t blocks = size / block_bytes + (size % block_bytes != 0);
  std::vector<Result<std::string>> results(static_cast<size_t>(blocks), Result<std::string>(std::string()));
  parallel_for(blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      results[static_cast<size_t>(i)] = sum_of(path, i * block_bytes, std::min(block_bytes, size - i * block_bytes));
  });
  std::vector<std::string> sums;
  for (Result<std::string>& result : results) {
    LATHE_TRY(std::string sum, std::move(result));
    sums.push_back(std::move(sum));
  }
  return sums;
}

}  // namespace

Result<Json> block_sums(const fs::path& path) {
  LATHE_TRY(const int64_t bytes, size_of(path));
  const int64_t block_bytes =
      std::max(kSmallestBlock, static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(bytes / kMostBlocks + 1))));
  LATHE_TRY(const std::vector<std::string> sums, sums_of(path, block_bytes));
  Json list = Json::array();
  for (const std::string& sum : sums) list.push_back(sum);
  return Json(Json::Object{{"block_bytes", block_bytes}, {"crc32", std::move(list)}});
}

int64_t first_changed_block(const fs::path& path, const Json& sums) {
  const int64_t block_bytes = sums.get_int("block_bytes", 0);
  const Json* list = sums.find("crc32");
  if (block_bytes < kSmallestBlock || list == nullptr || !list->is_array()) return -1;
  const Result<std::vector<std::string>> now = sums_of(path, block_bytes);
  if (!now.ok()) return -1;
  for (size_t i = 0; i < std::min(list->size(), now.value().size()); ++i)
    if (list->at(i) != Json(now.value()[i])) return static_cast<int64_t>(i) * block_bytes;
  return -1;
}

}  // namespace lathe::data
