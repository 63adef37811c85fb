#include "corpus/part.h"

#include <cstring>

#include "core/sha256.h"
#include "core/text.h"
#include "corpus/frames.h"

namespace lathe::corpus {
namespace {

constexpr size_t kRecordBytes = 16;
constexpr size_t kReadBytes = size_t{1} << 18;

fs::path file_of(const Part& part, const char* ending) {
  return part.folder / (format_text("%06lld", static_cast<long long>(part.number)) + ending);
}

Result<int64_t> size_of(const fs::path& path) {
  std::error_code code;
  const auto bytes = fs::file_size(path, code);
  if (code) return error_at(path.string(), -1, "cannot ask for the size: ", code.message());
  return static_cast<int64_t>(bytes);
}

bool has_size(const fs::path& path, int64_t bytes) {
  const Result<int64_t> size = size_of(path);
  return size.ok() && size.value() == bytes;
}

}  // namespace

fs::path Part::texts() const { return file_of(*this, ".texts.zst"); }
fs::path Part::records() const { return file_of(*this, ".records"); }
fs::path Part::signatures() const { return file_of(*this, ".signatures"); }

void count_part(Part& part, const std::vector<BlockResult>& results) {
  part.blocks = static_cast<int64_t>(results.size());
  part.documents = part.kept = part.kept_characters = 0;
  part.cleaning = {}, part.filtering = {};
  constexpr int64_t kMostExamples = 1 << 20;  // blocks keep to their limit, the sum is cut by who reads it
  for (const BlockResult& result : results) {
    part.documents += static_cast<int64_t>(result.records.size());
    part.kept += result.kept, part.kept_characters += result.kept_characters;
    part.cleaning.add(result.cleaning, kMostExamples);
    part.filtering.add(result.filtering, kMostExamples);
  }
}

Status write_part(const Part& part, std::vector<BlockResult> results, const std::string& origin, const MinHasher* hasher) {
  LATHE_TRY(auto texts, AtomicFileWriter::open(part.texts()));
  std::string records;
  for (BlockResult& result : results) {
    LATHE_TRY_STATUS(texts.write(result.texts));
    std::string().swap(result.texts);
    for (const DocumentRecord& record : result.records) {
      append_number(records, record.place);
      append_number(records, record.characters);
      append_number(records, record.verdict);
      append_number(records, record.flagged);
    }
  }
  const int64_t texts_bytes = texts.bytes_written();
  LATHE_TRY_STATUS(texts.commit());
  LATHE_TRY_STATUS(write_file_atomic(part.records(), records));
  int64_t signature_bytes = 0;
  if (hasher != nullptr) {
    LATHE_TRY(auto writer, SignatureWriter::open(part.signatures(), hasher->settings()));
    for (size_t i = 0; i < results.size(); ++i)
      LATHE_TRY_STATUS(writer.write_block(static_cast<int64_t>(i), std::move(*results[i].signatures)));
    LATHE_TRY(const int64_t written, writer.commit());
    (void)written;
    LATHE_TRY(signature_bytes, size_of(part.signatures()));
  }
  Json json = Json::object();
  json["origin"] = origin;
  json["last"] = part.last;
  json["blocks"] = part.blocks;
  json["documents"] = part.documents;
  json["kept"] = part.kept;
  json["kept_characters"] = part.kept_characters;
  json["files_read"] = part.files_read;
  json["texts_bytes"] = texts_bytes;
  json["signature_bytes"] = signature_bytes;
  json["records_sha256"] = sha256_hex(records);
  json["cleaning"] = part.cleaning.to_json();
  json["filtering"] = part.filtering.to_json();
  return write_json_atomic(file_of(part, ".json"), json, -1);
}

bool load_part(Part& part, const std::string& origin, bool signatures) {
  const fs::path path = file_of(part, ".json");
  std::error_code code;
  if (!fs::exists(path, code)) return false;
  const Result<Json> read = read_json(path);
  if (!read.ok() || !read.value().is_object()) return false;
  const Json& json = read.value();
  for (const char* key : {"blocks", "documents", "kept", "kept_characters", "files_read", "texts_bytes", "signature_bytes"})
    if (const Json* value = json.find(key); value == nullptr || !value->is_int()) return false;
  const Json *last = json.find("last"), *cleaning = json.find("cleaning"), *filtering = json.find("filtering");
  if (json.get_string("origin", "") != origin || last == nullptr || !last->is_bool() || cleaning == nullptr || filtering == nullptr) return false;
  auto tally = Tally::from_json(*cleaning, path.string()), second = Tally::from_json(*filtering, path.string());
  if (!tally.ok() || !second.ok()) return false;
  part.last = last->as_bool();
  part.blocks = json.get_int("blocks", 0), part.documents = json.get_int("documents", 0);
  part.kept = json.get_int("kept", 0), part.kept_characters = json.get_int("kept_characters", 0);
  part.files_read = json.get_int("files_read", 0);
  part.cleaning = std::move(tally).value(), part.filtering = std::move(second).value();
  if (!has_size(part.texts(), json.get_int("texts_bytes", -1))) return false;
  if (signatures && !has_size(part.signatures(), json.get_int("signature_bytes", -1))) return false;
  const Result<std::string> records = sha256_file(part.records());
  return records.ok() && records.value() == json.get_string("records_sha256", "");
}

Result<std::vector<DocumentRecord>> read_records(const Part& part) {
  LATHE_TRY(const std::string bytes, read_file(part.records()));
  if (bytes.size() != static_cast<size_t>(part.documents) * kRecordBytes)
    return error_at(part.records().string(), -1, "damaged: ", bytes.size(), " bytes for ", part.documents, " documents");
  std::vector<DocumentRecord> records(static_cast<size_t>(part.documents));
  for (size_t i = 0; i < records.size(); ++i) {
    const size_t at = i * kRecordBytes;
    records[i] = {number_at<uint64_t>(bytes, at), number_at<uint32_t>(bytes, at + 8), number_at<uint16_t>(bytes, at + 12),
                  number_at<uint16_t>(bytes, at + 14)};
  }
  return records;
}

Result<PartTexts> PartTexts::open(const Part& part) {
  LATHE_TRY(auto stream, data::ByteStream::open(part.texts()));
  return PartTexts(part.texts(), std::move(stream));
}

Status PartTexts::fill(size_t bytes) {
  if (begin_ > 0 && (begin_ == end_ || end_ - begin_ < bytes)) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_, begin_ = 0;
  }
  if (buffer_.size() < std::max(bytes, kReadBytes)) buffer_.resize(std::max(bytes, kReadBytes));
  while (end_ - begin_ < bytes) {
    LATHE_TRY(const size_t got, stream_->read(buffer_.data() + end_, buffer_.size() - end_));
    if (got == 0) return error_at(path_.string(), -1, "ends before its last text; remove the folder and start again");
    end_ += got;
  }
  return {};
}

Status PartTexts::next(std::string& text) {
  LATHE_TRY_STATUS(fill(sizeof(uint32_t)));
  const size_t size = number_at<uint32_t>(std::string_view(buffer_).substr(begin_, 4), 0);
  begin_ += sizeof(uint32_t);
  LATHE_TRY_STATUS(fill(size));
  text.assign(buffer_, begin_, size);
  begin_ += size;
  return {};
}

Status PartTexts::skip() {
  LATHE_TRY_STATUS(fill(sizeof(uint32_t)));
  const size_t size = number_at<uint32_t>(std::string_view(buffer_).substr(begin_, 4), 0);
  begin_ += sizeof(uint32_t);
  LATHE_TRY_STATUS(fill(size));
  begin_ += size;
  return {};
}

}  // namespace lathe::corpus
