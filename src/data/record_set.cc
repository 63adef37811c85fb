#include "data/record_set.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "core/check.h"
#include "core/parallel.h"
#include "data/line_reader.h"
#include "data/parquet_json.h"

namespace lathe::data {
namespace {

using Take = std::function<Status(int64_t number, std::string_view record)>;

// What is wrong with a line; empty when nothing is.
std::string fault_of(std::string_view line, bool arrays) {
  const auto json = parse_json(line);
  if (!json.ok()) return "is no JSON: " + json.error().message;
  if (json.value().is_object() || (arrays && json.value().is_array())) return "";
  return std::string("is no JSON object, but ") + json.value().type_name();
}

Error fault_at(const fs::path& path, const char* unit, int64_t number, std::string_view message) {
  return error_at(path.string(), -1, unit, " ", number, " ", message);
}

Status read_compressed_lines(const fs::path& path, bool arrays, const Take& take) {
  LATHE_TRY(const auto reader, LineReader::open(path));
  for (std::string_view line;;) {
    LATHE_TRY(const bool more, reader->next(line));
    if (!more) return {};
    if (trim_text(line).empty()) continue;
    if (const std::string fault = fault_of(line, arrays); !fault.empty()) return fault_at(path, "line", reader->line_number(), fault);
    LATHE_TRY_STATUS(take(reader->line_number(), line));
  }
}

Status read_array(const fs::path& path, bool arrays, const Take& take) {
  LATHE_TRY(const Json all, read_json(path));
  if (!all.is_array()) return error_at(path.string(), -1, "must hold one array of records, not ", all.type_name(), "; lines of JSON belong into a .jsonl file");
  int64_t number = 0;
  for (const Json& item : all.as_array()) {
    ++number;
    if (!item.is_object() && !(arrays && item.is_array())) return fault_at(path, "item", number, std::string("is no JSON object, but ") + item.type_name());
    LATHE_TRY_STATUS(take(number, item.dump()));
  }
  return {};
}

const char* unit_of(const fs::path& path) { return path.extension() == ".parquet" ? "row" : path.extension() == ".json" ? "item" : "line"; }

}  // namespace

const std::vector<std::string>& RecordSet::endings() {
  static const std::vector<std::string> list = {".jsonl", ".jsonl.gz", ".jsonl.zst", ".json", ".parquet"};
  return list;
}

Result<std::unique_ptr<RecordSet>> RecordSet::open(const std::vector<fs::path>& files, bool arrays) {
  std::unique_ptr<RecordSet> set(new RecordSet);
  for (const fs::path& file : files) LATHE_TRY_STATUS(set->add_file(file, arrays));
  return set;
}

Status RecordSet::add_file(const fs::path& path, bool arrays) {
  if (path.extension() == ".jsonl") return map_lines(path, arrays);
  const TemporaryFolder folder("lathe_records");
  LATHE_TRY(auto text, AtomicFileWriter::open(folder.path() / "records"));
  const int64_t first = size();
  const auto keep = [&](int64_t number, std::string_view record) -> Status {
    records_.push_back({text.bytes_written(), static_cast<int64_t>(record.size()), number});
    return text.write(record);
  };
  int64_t row = 0;
  if (path.extension() == ".parquet") {
    LATHE_TRY_STATUS(read_parquet_rows(path, [&](const Json& json) { return keep(++row, json.dump()); }));
  } else if (path.extension() == ".json") {
    LATHE_TRY_STATUS(read_array(path, arrays, keep));
  } else {
    LATHE_TRY_STATUS(read_compressed_lines(path, arrays, keep));
  }
  if (size() == first) return {};
  LATHE_TRY_STATUS(text.commit());
  LATHE_TRY(MappedFile map, MappedFile::open(folder.path() / "records"));  // stays readable when its name is gone
  parts_.push_back({path, unit_of(path), std::move(map), first});
  return {};
}

Status RecordSet::map_lines(const fs::path& path, bool arrays) {
  LATHE_TRY(MappedFile file, MappedFile::open(path));
  const std::string_view text = file.view();
  const int64_t first = size();
  int64_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    ++number;
    if (!trim_text(text.substr(begin, end - begin)).empty())
      records_.push_back({static_cast<int64_t>(begin), static_cast<int64_t>(end - begin), number});
    begin = end + 1;
  }
  std::vector<std::string> faults(static_cast<size_t>(num_threads()));
  std::vector<int64_t> places(faults.size(), size());
  const auto workers = static_cast<int64_t>(faults.size());
  const int64_t share = (size() - first + workers - 1) / workers;
  parallel_for(workers, 1, [&](int64_t from, int64_t to) {
    for (int64_t w = from; w < to; ++w) {
      const auto slot = static_cast<size_t>(w);
      for (int64_t i = first + w * share; i < std::min(size(), first + (w + 1) * share) && faults[slot].empty(); ++i) {
        const Record& record = records_[static_cast<size_t>(i)];
        faults[slot] = fault_of(text.substr(static_cast<size_t>(record.begin), static_cast<size_t>(record.bytes)), arrays);
        places[slot] = i;
      }
    }
  });
  for (size_t w = 0; w < faults.size(); ++w)
    if (!faults[w].empty()) return fault_at(path, "line", records_[static_cast<size_t>(places[w])].number, faults[w]);
  if (size() > first) parts_.push_back({path, "line", std::move(file), first});
  return {};
}

const RecordSet::Part& RecordSet::part_of(int64_t index) const {
  require(index >= 0 && index < size(), "[RecordSet] record ", index, " of ", size());
  return *std::prev(std::upper_bound(parts_.begin(), parts_.end(), index, [](int64_t i, const Part& part) { return i < part.first; }));
}

Result<Json> RecordSet::record(int64_t index) const {
  const Part& part = part_of(index);
  const Record& record = records_[static_cast<size_t>(index)];
  return parse_json(part.text.view().substr(static_cast<size_t>(record.begin), static_cast<size_t>(record.bytes)), part.path.string());
}

Error RecordSet::error_in(int64_t index, std::string_view message) const {
  const Part& part = part_of(index);
  return error_at(part.path.string(), -1, part.unit, " ", records_[static_cast<size_t>(index)].number, ": ", message);
}

}  // namespace lathe::data
