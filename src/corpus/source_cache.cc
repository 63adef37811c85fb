#include "corpus/source_cache.h"

#include "core/log.h"
#include "core/manifest.h"
#include "core/sha256.h"

namespace lathe::corpus {
namespace {

fs::path file_of(const fs::path& folder, int64_t part, const char* ending) {
  return folder / (format_text("%06lld", static_cast<long long>(part)) + ending);
}

}  // namespace

std::string cleaned_key(const SourceSettings& source, const CleanSettings& cleaning, const std::vector<SourceFile>& files) {
  CleanSettings copy = cleaning;
  SettingsTable table;
  describe(table, copy);
  Json key = Json::object(), list = Json::array(), columns = Json::array();
  key["cleaner"] = kCleanerVersion;
  key["cleaning"] = table.to_json();
  key["source"] = source.dataset_name;
  key["subset"] = source.subset;
  key["split"] = source.split;
  key["revision"] = source.revision;
  for (const std::string& column : source.text_keys) columns.push_back(column);
  key["text_keys"] = std::move(columns);
  key["invalid_records"] = source.invalid_records;
  key["max_documents"] = source.max_documents;
  for (const SourceFile& file : files) {
    std::error_code code;
    const auto time = fs::last_write_time(file.path, code);
    list.push_back(Json(Json::Object{{"path", fs::absolute(file.path, code).lexically_normal().string()},
                                     {"bytes", file.bytes},
                                     {"time", static_cast<int64_t>(time.time_since_epoch().count())}}));
  }
  key["files"] = std::move(list);
  return config_hash(key);
}

Result<bool> SourceCache::read(int64_t part, Entry& entry) const {
  const fs::path facts_path = file_of(folder_, part, ".json"), path = file_of(folder_, part, ".cleaned.zst");
  std::error_code code;
  if (!fs::exists(facts_path, code)) return false;
  const auto drop = [&](const std::string& why) -> Result<bool> {
    log_warning("corpus", "cache entry ", path.string(), ": ", why, "; it is made again");
    fs::remove(facts_path, code);
    fs::remove(path, code);
    return false;
  };
  const Result<Json> facts = read_json(facts_path);
  if (!facts.ok() || !facts.value().is_object()) return drop("its facts cannot be read");
  const Result<std::string> bytes = read_file(path);
  if (!bytes.ok()) return drop("cannot be read");
  if (sha256_hex(bytes.value()) != facts.value().get_string("sha256", "")) return drop("its hash is not the recorded one");
  const Json *frames = facts.value().find("frames"), *cleaning = facts.value().find("cleaning");
  if (frames == nullptr || !frames->is_array() || cleaning == nullptr) return drop("its facts are not whole");
  Result<Tally> tally = Tally::from_json(*cleaning, facts_path.string());
  if (!tally.ok()) return drop("its facts are not whole");
  size_t at = 0;
  entry.frames.clear();
  for (const Json& frame : frames->as_array()) {
    const auto size = frame.is_int() && frame.as_int() > 0 ? static_cast<size_t>(frame.as_int()) : size_t{0};
    if (size == 0 || size > bytes.value().size() - at) return drop("its facts do not fit it");
    entry.frames.push_back(bytes.value().substr(at, size));
    at += size;
  }
  if (at != bytes.value().size()) return drop("its facts do not fit it");
  entry.cleaning = std::move(tally).value();
  entry.last = facts.value().get_bool("last", false);
  entry.files_read = facts.value().get_int("files_read", 0);
  return true;
}

Status SourceCache::write(int64_t part, const Entry& entry) const {
  Json facts = Json::object(), sizes = Json::array();
  Sha256 hash;
  LATHE_TRY(auto file, AtomicFileWriter::open(file_of(folder_, part, ".cleaned.zst")));
  for (const std::string& frame : entry.frames) {
    LATHE_TRY_STATUS(file.write(frame));
    hash.update(frame);
    sizes.push_back(static_cast<int64_t>(frame.size()));
  }
  LATHE_TRY_STATUS(file.commit());
  facts["sha256"] = hash.hex_digest();
  facts["last"] = entry.last;
  facts["files_read"] = entry.files_read;
  facts["frames"] = std::move(sizes);
  facts["cleaning"] = entry.cleaning.to_json();
  return write_json_atomic(file_of(folder_, part, ".json"), facts, -1);
}

}  // namespace lathe::corpus
