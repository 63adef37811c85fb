#include "corpus/shard_writer.h"

#include <array>
#include <mutex>

#include "core/parallel.h"
#include "core/sha256.h"
#include "corpus/frames.h"
#include "data/parquet_rows.h"

namespace lathe::corpus {
namespace {

constexpr int64_t kChunkBytes = int64_t{2} << 20;

std::string record_name(int64_t number) { return format_text("shard_%04lld.json", static_cast<long long>(number)); }

Json counts_list(const std::vector<ShardCounts>& list) {
  Json out = Json::array();
  for (const ShardCounts& counts : list) out.push_back(counts.to_json());
  return out;
}

bool read_counts(const Json& json, ShardCounts& counts) {
  counts = {json.get_int("documents", -1), json.get_int("characters", -1), json.get_int("bytes", -1)};
  return counts.documents >= 0 && counts.characters >= 0 && counts.bytes >= 0;
}

}  // namespace

ShardCounts& ShardCounts::operator+=(const ShardCounts& other) {
  documents += other.documents, characters += other.characters, bytes += other.bytes;
  return *this;
}

Json ShardCounts::to_json() const {
  return Json(Json::Object{{"documents", documents}, {"characters", characters}, {"bytes", bytes}});
}

std::string document_id(const std::string& source, uint64_t place) {
  return sha256_hex(source + '\0' + std::to_string(place)).substr(0, 16);
}

std::string shard_name(int64_t number, const MixSettings::Processing& settings) {
  std::string name = format_text("shard_%04lld", static_cast<long long>(number));
  if (settings.format == "parquet") return name + ".parquet";
  name += ".jsonl";
  return settings.compression == "none" ? name : name + "." + settings.compression;
}

void append_json_string(std::string_view text, std::string& out) {
  static constexpr auto kPlain = [] {
    std::array<bool, 256> plain{};
    for (size_t c = 0; c < 256; ++c) plain[c] = c >= 0x20 && c != '"' && c != '\\';
    return plain;
  }();
  out += '"';
  size_t from = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const auto c = static_cast<uint8_t>(text[at]);
    if (kPlain[c]) continue;
    out.append(text, from, at - from);
    from = at + 1;
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default: out += format_text("\\u%04x", c);
    }
  }
  out.append(text, from, text.size() - from);
  out += '"';
}

// The file that is being written, of either format.
class ShardWriter::Target {
 public:
  static Result<std::unique_ptr<Target>> open(const fs::path& path, bool parquet, bool flags) {
    auto target = std::make_unique<Target>();
    target->path_ = path;
    if (parquet) {
      std::vector<std::string> columns = {"text", "source", "id"};
      if (flags) columns.push_back("contaminated");
      LATHE_TRY(target->parquet_, data::ParquetStrings::create(path, columns));
    } else {
      LATHE_TRY(auto file, AtomicFileWriter::open(path));
      target->file_ = std::make_unique<AtomicFileWriter>(std::move(file));
    }
    return target;
  }
  Status write(std::string_view bytes) {
    hash_.update(bytes);
    return file_->write(bytes);
  }
  Status add(const std::vector<std::string_view>& row) { return parquet_->add(row); }
  Result<FileRecord> close() {
    const std::string name = path_.filename().string();
    if (parquet_ != nullptr) {
      LATHE_TRY_STATUS(parquet_->close());
      return record_file(path_, name);
    }
    const int64_t bytes = file_->bytes_written();
    LATHE_TRY_STATUS(file_->commit());
    return FileRecord{name, bytes, hash_.hex_digest()};
  }

 private:
  fs::path path_;
  std::unique_ptr<AtomicFileWriter> file_;
  std::unique_ptr<data::ParquetStrings> parquet_;
  Sha256 hash_;
};

ShardWriter::ShardWriter(fs::path folder, fs::path records, const MixSettings& mix)
    : folder_(std::move(folder)), records_(std::move(records)), settings_(mix.processing),
      flags_(mix.decontamination.enabled && mix.decontamination.action == "flag") {
  for (const SourceSettings& source : mix.sources) names_.push_back(source.name);
}

ShardWriter::~ShardWriter() {
  if (writing_.valid()) writing_.wait();
}

Result<std::unique_ptr<ShardWriter>> ShardWriter::open(const fs::path& folder, const fs::path& records, const MixSettings& mix) {
  std::unique_ptr<ShardWriter> writer(new ShardWriter(folder, records, mix));
  LATHE_TRY_STATUS(make_folders(records));
  LATHE_TRY_STATUS(writer->load_finished());
  return writer;
}

Status ShardWriter::load_finished() {
  for (int64_t number = 0;; ++number) {
    const fs::path path = records_ / record_name(number);
    std::error_code code;
    if (!fs::exists(path, code)) return {};
    const Result<Json> json = read_json(path);
    if (!json.ok()) return {};
    Shard shard;
    const Json* sources = json.value().find("sources");
    shard.file = {json.value().get_string("path", ""), json.value().get_int("bytes", -1), json.value().get_string("sha256", "")};
    if (shard.file.path != shard_name(number, settings_) || sources == nullptr || !sources->is_array() || sources->size() != names_.size()) return {};
    for (const Json& item : sources->as_array()) {
      shard.sources.emplace_back();
      if (!read_counts(item, shard.sources.back())) return {};
      shard.counts += shard.sources.back();
    }
    const Result<FileRecord> found = record_file(folder_ / shard.file.path, shard.file.path);
    if (!found.ok() || found.value() != shard.file) return {};
    shards_.push_back(std::move(shard));
  }
}

int64_t ShardWriter::finished_documents() const {
  int64_t sum = 0;
  for (const Shard& shard : shards_) sum += shard.counts.documents;
  return sum;
}

Status ShardWriter::add(MixDocument document) {
  chunk_.bytes += static_cast<int64_t>(document.text.size());
  chunk_.documents.push_back(std::move(document));
  chunk_.ends_shard = ++in_shard_ == settings_.shard_size;
  if (chunk_.bytes < kChunkBytes && !chunk_.ends_shard) return {};
  if (chunk_.ends_shard) in_shard_ = 0;
  waiting_.push_back(std::move(chunk_));
  chunk_ = {};
  return static_cast<int>(waiting_.size()) < 2 * num_threads() ? Status() : hand_over();
}

Status ShardWriter::hand_over() {
  if (writing_.valid()) LATHE_TRY_STATUS(writing_.get());
  writing_ = std::async(std::launch::async, [this, chunks = std::move(waiting_)]() mutable { return write(chunks); });
  waiting_.clear();
  return {};
}

Status ShardWriter::finish() {
  if (!chunk_.documents.empty()) {
    chunk_.ends_shard = true;
    waiting_.push_back(std::move(chunk_));
    chunk_ = {};
  }
  if (!waiting_.empty()) LATHE_TRY_STATUS(hand_over());
  if (writing_.valid()) LATHE_TRY_STATUS(writing_.get());
  return {};
}

Status ShardWriter::pack(Chunk& chunk) const {
  std::string lines;
  lines.reserve(static_cast<size_t>(chunk.bytes + chunk.bytes / 8));
  for (MixDocument& document : chunk.documents) {
    lines += "{\"text\": ";
    append_json_string(document.text, lines);
    lines += ", \"source\": ";
    append_json_string(names_[document.source], lines);
    lines += ", \"id\": \"" + document_id(names_[document.source], document.place) + "\"";
    if (flags_) lines += document.flagged ? ", \"contaminated\": true" : ", \"contaminated\": false";
    lines += "}\n";
  }
  if (settings_.compression == "zst") return append_zstd_frame(lines, kShardLevel, chunk.packed);
  if (settings_.compression == "gz") return append_gzip_member(lines, chunk.packed);
  chunk.packed = std::move(lines);
  return {};
}

Status ShardWriter::write(std::vector<Chunk>& chunks) {
  const bool parquet = settings_.format == "parquet";
  if (!parquet) {
    std::vector<Status> results(chunks.size());
    parallel_for(static_cast<int64_t>(chunks.size()), 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) results[static_cast<size_t>(i)] = pack(chunks[static_cast<size_t>(i)]);
    });
    for (const Status& result : results) LATHE_TRY_STATUS(result);
  }
  for (Chunk& chunk : chunks) {
    if (target_ == nullptr) {
      open_ = {};
      open_.sources.resize(names_.size());
      LATHE_TRY(target_, Target::open(folder_ / shard_name(static_cast<int64_t>(shards_.size()), settings_), parquet, flags_));
    }
    for (const MixDocument& document : chunk.documents) {
      const ShardCounts one{1, document.characters, static_cast<int64_t>(document.text.size())};
      open_.sources[document.source] += one, open_.counts += one;
      if (!parquet) continue;
      const std::string id = document_id(names_[document.source], document.place);
      std::vector<std::string_view> row = {document.text, names_[document.source], id};
      if (flags_) row.push_back(document.flagged ? "true" : "false");
      LATHE_TRY_STATUS(target_->add(row));
    }
    if (!parquet) LATHE_TRY_STATUS(target_->write(chunk.packed));
    if (chunk.ends_shard) LATHE_TRY_STATUS(close_shard());
    chunk = {};
  }
  return {};
}

Status ShardWriter::close_shard() {
  LATHE_TRY(open_.file, target_->close());
  target_.reset();
  Json record = Json::object();
  record["path"] = open_.file.path;
  record["bytes"] = open_.file.bytes;
  record["sha256"] = open_.file.sha256;
  record["sources"] = counts_list(open_.sources);
  LATHE_TRY_STATUS(write_json_atomic(records_ / record_name(static_cast<int64_t>(shards_.size())), record, -1));
  shards_.push_back(std::move(open_));
  open_ = {};
  return {};
}

}  // namespace lathe::corpus
