#include "data/hosted_set.h"

#include <algorithm>

#include "core/check.h"
#include "data/numpy_permutation.h"

namespace lathe::data {
namespace {

constexpr const char* kEndings[] = {".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst"};

bool belongs(const std::string& name, const std::string& split) {
  if (!name.starts_with(split)) return false;
  for (const char* ending : kEndings)
    if (name == split + ending || (name.ends_with(ending) && name[split.size()] == '-')) return true;
  return false;
}

}  // namespace

Result<std::vector<fs::path>> hosted_files(const fs::path& folder, const std::string& config, const std::string& split) {
  for (const fs::path& place : {config.empty() ? folder / "data" : folder / config, folder / "data", folder}) {
    std::vector<fs::path> files;
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(place, code))
      if (belongs(entry.path().filename().string(), split) && entry.is_regular_file(code)) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    if (!files.empty()) return files;
  }
  return error_at(folder.string(), -1, "holds no files of the split \"", split, "\"", config.empty() ? "" : " of \"" + config + "\"",
                  "; fetch the set: lathe download ", folder.filename().string());
}

Result<std::unique_ptr<HostedSet>> HostedSet::open(const std::vector<fs::path>& files, uint64_t seed) {
  std::unique_ptr<HostedSet> set(new HostedSet);
  LATHE_TRY(set->rows_, RecordSet::open(files));
  set->order_ = numpy_permutation(seed, set->rows_->size());
  return set;
}

int64_t HostedSet::source_row(int64_t index) const {
  require(index >= 0 && index < size(), "[HostedSet] row ", index, " of ", size());
  return order_[static_cast<size_t>(index)];
}

Result<Json> HostedSet::row(int64_t index) const { return rows_->record(source_row(index)); }

}  // namespace lathe::data
