#include "data/block_sums.h"

#include <zlib.h>

#include <algorithm>
#include <bit>

#include "core/parallel.h"

namespace lathe::data {
namespace {

constexpr int64_t kSmallestBlock = 4096, kMostBlocks = 512;

Result<std::vector<std::string>> sums_of(const fs::path& path, int64_t block_bytes) {
  LATHE_TRY(const MappedFile file, MappedFile::open(path));
  const int64_t blocks = file.size() / block_bytes + (file.size() % block_bytes != 0);
  std::vector<std::string> sums(static_cast<size_t>(blocks));
  parallel_for(blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t from = i * block_bytes, bytes = std::min(block_bytes, file.size() - from);
      const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(file.data() + from), static_cast<z_size_t>(bytes));
      sums[static_cast<size_t>(i)] = format_text("%08lx", static_cast<unsigned long>(crc));
    }
  });
  return sums;
}

}  // namespace

Result<Json> block_sums(const fs::path& path) {
  std::error_code code;
  const auto bytes = fs::file_size(path, code);
  if (code) return error_at(path.string(), -1, "cannot ask for the size: ", code.message());
  const int64_t block_bytes = std::max(kSmallestBlock, static_cast<int64_t>(std::bit_ceil(bytes / kMostBlocks + 1)));
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
