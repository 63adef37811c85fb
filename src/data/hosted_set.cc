#include "data/hosted_set.h"

#include <algorithm>

#include "core/check.h"
#include "data/line_reader.h"
#include "data/numpy_permutation.h"
#include "data/parquet_json.h"

namespace lathe::data {
namespace {

constexpr const char* kEndings[] = {".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst"};

bool belongs(const std::string& name, const std::string& split) {
  if (!name.starts_with(split)) return false;
  for (const char* ending : kEndings)
    if (name == split + ending || (name.ends_with(ending) && name[split.size()] == '-')) return true;
  return false;
}

Status read_lines(const fs::path& path, const std::function<Status(std::string_view)>& take) {
  LATHE_TRY(const auto reader, LineReader::open(path));
  for (std::string_view line;;) {
    LATHE_TRY(const bool more, reader->next(line));
    if (!more) return {};
    if (trim_text(line).empty()) continue;
    const auto row = parse_json(line, path.string());
    if (!row.ok()) return error_at(path.string(), reader->line_number(), "line is no JSON: ", row.error().message);
    if (!row.value().is_object()) return error_at(path.string(), reader->line_number(), "line is no JSON object");
    LATHE_TRY_STATUS(take(line));
  }
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
  const TemporaryFolder folder("lathe_rows");
  {
    LATHE_TRY(auto text, AtomicFileWriter::open(folder.path() / "rows"));
    const auto keep = [&](std::string_view row) -> Status {
      LATHE_TRY_STATUS(text.write(row));
      set->ends_.push_back(text.bytes_written());
      return {};
    };
    for (const fs::path& file : files) {
      const bool parquet = file.extension() == ".parquet";
      LATHE_TRY_STATUS(parquet ? read_parquet_rows(file, [&](const Json& row) { return keep(row.dump()); }) : read_lines(file, keep));
    }
    LATHE_TRY_STATUS(text.commit());
  }
  if (!set->ends_.empty()) {
    LATHE_TRY(set->text_, MappedFile::open(folder.path() / "rows"));  // stays readable when its name is gone
  }
  set->order_ = numpy_permutation(seed, static_cast<int64_t>(set->ends_.size()));
  return set;
}

int64_t HostedSet::source_row(int64_t index) const {
  require(index >= 0 && index < size(), "[HostedSet] row ", index, " of ", size());
  return order_[static_cast<size_t>(index)];
}

Result<Json> HostedSet::row(int64_t index) const {
  const auto source = static_cast<size_t>(source_row(index));
  const auto begin = static_cast<size_t>(source == 0 ? 0 : ends_[source - 1]);
  return parse_json(text_.view().substr(begin, static_cast<size_t>(ends_[source]) - begin), "row of a hosted set");
}

}  // namespace lathe::data
