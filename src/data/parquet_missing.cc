#include "data/parquet.h"
#include "data/parquet_json.h"
#include "data/parquet_rows.h"

namespace lathe::data {
namespace {
Error missing(const fs::path& path) {
  return error_at(
      path.string(), -1,
      "this build has no Parquet support; build with -DLATHE_PARQUET=ON, or convert the file to .jsonl.zst");
}
}  // namespace

bool parquet_available() { return false; }
Result<std::unique_ptr<DocumentFile>> open_parquet(const fs::path& path) { return missing(path); }
Result<std::unique_ptr<ParquetWriter>> ParquetWriter::create(const fs::path& path, int64_t) { return missing(path); }
Result<ParquetShape> parquet_shape(const fs::path& path) { return missing(path); }
Result<std::unique_ptr<ParquetTexts>> ParquetTexts::open(const fs::path& path, const std::vector<std::string>&) {
  return missing(path);
}
Result<std::unique_ptr<ParquetStrings>> ParquetStrings::create(const fs::path& path, const std::vector<std::string>&) {
  return missing(path);
}
Status read_parquet_rows(const fs::path& path, const std::function<Status(Json)>&) { return missing(path); }

}  // namespace lathe::data
