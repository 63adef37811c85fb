#include <arrow/api.h>
#include <arrow/io/file.h>
#include <arrow/util/compression.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>
#include <parquet/exception.h>
#include <parquet/properties.h>

#include "core/check.h"
#include "core/log.h"
#include "data/parquet.h"
#include "data/parquet_errors.h"

namespace lathe::data {
namespace {

constexpr int kZstdLevel = 3;
constexpr int64_t kMostArrayBytes = int64_t{1} << 30;  // an Arrow string array holds less than 2^31 bytes

class ParquetFile : public DocumentFile {
 public:
  explicit ParquetFile(fs::path path) : path_(std::move(path)) {}

  Status open() {
    return guarded_parquet(path_, [&]() -> Status {
      auto file = arrow::io::ReadableFile::Open(path_.string());
      if (!file.ok()) return error_at(path_.string(), -1, "cannot open: ", first_line(file.status().message()));
      parquet::arrow::FileReaderBuilder builder;
      if (const arrow::Status status = builder.Open(*file); !status.ok()) return damaged_parquet(path_, status.message());
      // No read-ahead and no threads of Arrow's: the loader prepares batches ahead in a thread of its own.
      parquet::ArrowReaderProperties properties(/*use_threads=*/false);
      properties.set_pre_buffer(false);
      auto reader = builder.properties(properties)->Build();
      if (!reader.ok()) return damaged_parquet(path_, reader.status().message());
      reader_ = std::move(*reader);
      const parquet::SchemaDescriptor& schema = *reader_->parquet_reader()->metadata()->schema();
      std::string names;
      for (int i = 0; i < schema.num_columns(); ++i) {
        const std::string name = schema.Column(i)->path()->ToDotString();
        if (name == "text") column_ = i;
        names += (i ? ", " : "") + name;
      }
      if (column_ < 0)
        return error_at(path_.string(), -1, "no column \"text\"; its columns are: ", names,
                        "; rename the one that holds the documents");
      if (schema.Column(column_)->physical_type() != parquet::Type::BYTE_ARRAY)
        return error_at(path_.string(), -1, "the column \"text\" does not hold strings");
      return {};
    });
  }

  Result<bool> read_group(int64_t index, std::vector<std::string>& texts) override {
    require(index >= 0, "[read_group] negative group ", index);
    texts.clear();
    if (index >= reader_->num_row_groups()) return false;
    return guarded_parquet(path_, [&]() -> Result<bool> {
      auto table = reader_->ReadRowGroup(static_cast<int>(index), {column_});
      if (!table.ok()) return damaged_group(index, table.status().message());
      for (const auto& chunk : (*table)->column(0)->chunks()) LATHE_TRY_STATUS(append(*chunk, index, texts));
      return true;
    });
  }

  ParquetShape shape() const {
    const auto metadata = reader_->parquet_reader()->metadata();
    ParquetShape shape;
    for (int i = 0; i < metadata->num_columns(); ++i)
      shape.columns.push_back(metadata->schema()->Column(i)->path()->ToDotString());
    for (int i = 0; i < metadata->num_row_groups(); ++i) {
      const auto group = metadata->RowGroup(i);
      const auto chunk = group->ColumnChunk(column_);
      shape.group_documents.push_back(group->num_rows());
      shape.compression = arrow::util::Codec::GetCodecAsString(chunk->compression());
      shape.dictionary |= chunk->has_dictionary_page();
      shape.statistics |= chunk->is_stats_set();
    }
    return shape;
  }

  Result<DocumentFileSize> measure() override {
    return DocumentFileSize{reader_->parquet_reader()->metadata()->num_rows(), reader_->num_row_groups()};
  }

 private:
  Error damaged_group(int64_t index, const std::string& message) const {
    return error_at(path_.string(), -1, "row group ", index, " cannot be read: ", first_line(message),
                    "; get the file again, or remove it from the folder");
  }

  Status append(const arrow::Array& chunk, int64_t group, std::vector<std::string>& texts) {
    switch (chunk.type_id()) {
      case arrow::Type::STRING:
      case arrow::Type::BINARY:
        append_values(static_cast<const arrow::BinaryArray&>(chunk), texts);
        return {};
      case arrow::Type::LARGE_STRING:
      case arrow::Type::LARGE_BINARY:
        append_values(static_cast<const arrow::LargeBinaryArray&>(chunk), texts);
        return {};
      case arrow::Type::STRING_VIEW:
      case arrow::Type::BINARY_VIEW:
        append_values(static_cast<const arrow::BinaryViewArray&>(chunk), texts);
        return {};
      case arrow::Type::DICTIONARY: {
        const auto& coded = static_cast<const arrow::DictionaryArray&>(chunk);
        std::vector<std::string> values;
        LATHE_TRY_STATUS(append(*coded.dictionary(), group, values));
        for (int64_t i = 0; i < coded.length(); ++i)
          if (coded.IsValid(i)) texts.push_back(values.at(static_cast<size_t>(coded.GetValueIndex(i))));
        return {};
      }
      default:
        return damaged_group(group, "the column \"text\" has type " + chunk.type()->ToString());
    }
  }

  template <class Strings>
  void append_values(const Strings& values, std::vector<std::string>& texts) {
    for (int64_t i = 0; i < values.length(); ++i) {
      if (values.IsNull(i)) continue;
      const std::string_view text = values.GetView(i);
      if (first_invalid_utf8(text) < 0) {
        texts.emplace_back(text);
        continue;
      }
      if (!warned_) log_warning("data", path_.string(), ": invalid UTF-8 becomes U+FFFD (said once per file)");
      warned_ = true;
      texts.push_back(repair_utf8(text));
    }
  }

  fs::path path_;
  std::unique_ptr<parquet::arrow::FileReader> reader_;
  int column_ = -1;
  bool warned_ = false;
};

// Arrow's output goes through our atomic writer, so a crash or a full disk leaves no half file.
class AtomicOutput : public arrow::io::OutputStream {
 public:
  explicit AtomicOutput(AtomicFileWriter writer) : writer_(std::move(writer)) {}
  ~AtomicOutput() override = default;
  arrow::Status Write(const void* data, int64_t bytes) override {
    failure_ = writer_.write(data, static_cast<size_t>(bytes));
    return failure_.ok() ? arrow::Status::OK() : arrow::Status::IOError(failure_.error().to_string());
  }
  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }
  arrow::Result<int64_t> Tell() const override { return writer_.bytes_written(); }
  Status commit() { return writer_.commit(); }
  const Status& failure() const { return failure_; }

 private:
  AtomicFileWriter writer_;
  Status failure_;
  bool closed_ = false;
};

class ParquetFileWriter : public ParquetWriter {
 public:
  ParquetFileWriter(fs::path path, int64_t group_documents)
      : path_(std::move(path)), group_documents_(group_documents) {}

  Status open() {
    LATHE_TRY(auto file, AtomicFileWriter::open(path_));
    output_ = std::make_shared<AtomicOutput>(std::move(file));
    return guarded_parquet(path_, [&]() -> Status {
      const auto properties = parquet::WriterProperties::Builder()
                                  .compression(parquet::Compression::ZSTD)
                                  ->compression_level(kZstdLevel)
                                  ->disable_dictionary()
                                  ->disable_statistics()
                                  ->max_row_group_length(group_documents_)
                                  ->build();
      auto writer = parquet::arrow::FileWriter::Open(*schema_, arrow::default_memory_pool(), output_, properties);
      if (!writer.ok()) return failed(writer.status());
      writer_ = std::move(*writer);
      return {};
    });
  }

  Status add(std::string_view text) override {
    require(writer_ != nullptr, "[ParquetWriter] add after close");
    const auto bytes = static_cast<int64_t>(text.size());
    if (bytes > kMostArrayBytes) return error_at(path_.string(), -1, "a document of ", bytes, " bytes is too large");
    if (bytes_ + bytes > kMostArrayBytes) LATHE_TRY_STATUS(flush());
    if (const arrow::Status status = builder_.Append(text); !status.ok()) return failed(status);
    bytes_ += bytes;
    return builder_.length() == group_documents_ ? flush() : Status();
  }

  Status close() override {
    require(writer_ != nullptr, "[ParquetWriter] closed twice");
    if (builder_.length() > 0) LATHE_TRY_STATUS(flush());
    const Status closed = guarded_parquet(path_, [&]() -> Status {
      const arrow::Status status = writer_->Close();
      return status.ok() ? Status() : failed(status);
    });
    writer_.reset();
    LATHE_TRY_STATUS(closed);
    return output_->commit();
  }

 private:
  Error failed(const arrow::Status& status) const {
    if (!output_->failure().ok()) return output_->failure().error();
    return error_at(path_.string(), -1, "cannot write Parquet: ", first_line(status.message()));
  }

  Status flush() {
    return guarded_parquet(path_, [&]() -> Status {
      auto values = builder_.Finish();
      bytes_ = 0;
      if (!values.ok()) return failed(values.status());
      const arrow::Status status = writer_->WriteTable(*arrow::Table::Make(schema_, {*values}), group_documents_);
      return status.ok() ? Status() : failed(status);
    });
  }

  fs::path path_;
  int64_t group_documents_;
  std::shared_ptr<AtomicOutput> output_;
  std::shared_ptr<arrow::Schema> schema_ = arrow::schema({arrow::field("text", arrow::utf8(), false)});
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  arrow::StringBuilder builder_;
  int64_t bytes_ = 0;  // in builder_
};

}  // namespace

bool parquet_available() { return true; }

Result<std::unique_ptr<DocumentFile>> open_parquet(const fs::path& path) {
  auto file = std::make_unique<ParquetFile>(path);
  LATHE_TRY_STATUS(file->open());
  return std::unique_ptr<DocumentFile>(std::move(file));
}

Result<ParquetShape> parquet_shape(const fs::path& path) {
  ParquetFile file(path);
  LATHE_TRY_STATUS(file.open());
  return guarded_parquet(path, [&]() -> Result<ParquetShape> { return file.shape(); });
}

Result<std::unique_ptr<ParquetWriter>> ParquetWriter::create(const fs::path& path, int64_t group_documents) {
  require(group_documents > 0, "[ParquetWriter] group_documents must be positive, got ", group_documents);
  auto writer = std::make_unique<ParquetFileWriter>(path, group_documents);
  LATHE_TRY_STATUS(writer->open());
  return std::unique_ptr<ParquetWriter>(std::move(writer));
}

}  // namespace lathe::data
