// Both writers of Parquet: zstd, no dictionaries, no statistics; they differ in columns and in where a row group ends.
#include <arrow/api.h>
#include <arrow/util/compression.h>
#include <parquet/arrow/writer.h>
#include <parquet/exception.h>
#include <parquet/properties.h>

#include "core/check.h"
#include "data/parquet.h"
#include "data/parquet_errors.h"
#include "data/parquet_rows.h"

namespace lathe::data {
namespace {

constexpr int kZstdLevel = 3;
constexpr int64_t kMostArrayBytes = int64_t{1} << 30;  // an Arrow string array holds less than 2^31 bytes

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

// A file of string columns, written one row group at a time. It appears under its name, whole, at close().
class ColumnsFile {
 public:
  ColumnsFile(fs::path path, const std::vector<std::string>& columns, int64_t most_group_rows)
      : path_(std::move(path)), most_group_rows_(most_group_rows), builders_(columns.size()) {
    arrow::FieldVector fields;
    for (const std::string& column : columns) fields.push_back(arrow::field(column, arrow::utf8(), false));
    schema_ = arrow::schema(fields);
  }

  Status open() {
    LATHE_TRY(auto file, AtomicFileWriter::open(path_));
    output_ = std::make_shared<AtomicOutput>(std::move(file));
    return guarded_parquet(path_, [&]() -> Status {
      const auto properties = parquet::WriterProperties::Builder()
                                  .compression(parquet::Compression::ZSTD)
                                  ->compression_level(kZstdLevel)
                                  ->disable_dictionary()
                                  ->disable_statistics()
                                  ->max_row_group_length(most_group_rows_)
                                  ->build();
      auto writer = parquet::arrow::FileWriter::Open(*schema_, arrow::default_memory_pool(), output_, properties);
      if (!writer.ok()) return failed(writer.status());
      writer_ = std::move(*writer);
      return {};
    });
  }

  bool is_open() const { return writer_ != nullptr; }
  size_t columns() const { return builders_.size(); }
  int64_t rows() const { return builders_[0].length(); }  // of the row group under way
  int64_t bytes() const { return bytes_; }                // of its values

  Status append(size_t column, std::string_view value) {
    if (const arrow::Status status = builders_[column].Append(value); !status.ok()) return failed(status);
    bytes_ += static_cast<int64_t>(value.size());
    return {};
  }

  Status end_group() {
    if (rows() == 0) return {};
    return guarded_parquet(path_, [&]() -> Status {
      arrow::ArrayVector columns;
      for (arrow::StringBuilder& builder : builders_) {
        auto values = builder.Finish();
        if (!values.ok()) return failed(values.status());
        columns.push_back(*values);
      }
      bytes_ = 0;
      const arrow::Status status = writer_->WriteTable(*arrow::Table::Make(schema_, columns), most_group_rows_);
      return status.ok() ? Status() : failed(status);
    });
  }

  Status close() {
    LATHE_TRY_STATUS(end_group());
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

  fs::path path_;
  int64_t most_group_rows_;
  std::shared_ptr<AtomicOutput> output_;
  std::shared_ptr<arrow::Schema> schema_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  std::vector<arrow::StringBuilder> builders_;
  int64_t bytes_ = 0;
};

class ParquetFileWriter : public ParquetWriter {
 public:
  ParquetFileWriter(const fs::path& path, int64_t group_documents)
      : path_(path), group_documents_(group_documents), file_(path, {"text"}, group_documents) {}
  Status open() { return file_.open(); }

  Status add(std::string_view text) override {
    require(file_.is_open(), "[ParquetWriter] add after close");
    const auto bytes = static_cast<int64_t>(text.size());
    if (bytes > kMostArrayBytes) return error_at(path_.string(), -1, "a document of ", bytes, " bytes is too large");
    if (file_.bytes() + bytes > kMostArrayBytes) LATHE_TRY_STATUS(file_.end_group());
    LATHE_TRY_STATUS(file_.append(0, text));
    return file_.rows() == group_documents_ ? file_.end_group() : Status();
  }

  Status close() override {
    require(file_.is_open(), "[ParquetWriter] closed twice");
    return file_.close();
  }

 private:
  fs::path path_;
  int64_t group_documents_;
  ColumnsFile file_;
};

class Strings : public ParquetStrings {
 public:
  Strings(const fs::path& path, const std::vector<std::string>& columns) : file_(path, columns, kStringsGroupRows) {}
  Status open() { return file_.open(); }

  Status add(const std::vector<std::string_view>& row) override {
    require(row.size() == file_.columns() && file_.is_open(), "[ParquetStrings] ", row.size(), " values");
    for (size_t i = 0; i < row.size(); ++i) LATHE_TRY_STATUS(file_.append(i, row[i]));
    return file_.rows() >= kStringsGroupRows || file_.bytes() >= kStringsGroupBytes ? file_.end_group() : Status();
  }

  Status close() override {
    require(file_.is_open(), "[ParquetStrings] closed twice");
    return file_.close();
  }

 private:
  ColumnsFile file_;
};

}  // namespace

Result<std::unique_ptr<ParquetWriter>> ParquetWriter::create(const fs::path& path, int64_t group_documents) {
  require(group_documents > 0, "[ParquetWriter] group_documents must be positive, got ", group_documents);
  auto writer = std::make_unique<ParquetFileWriter>(path, group_documents);
  LATHE_TRY_STATUS(writer->open());
  return std::unique_ptr<ParquetWriter>(std::move(writer));
}

Result<std::unique_ptr<ParquetStrings>> ParquetStrings::create(const fs::path& path,
                                                               const std::vector<std::string>& columns) {
  require(!columns.empty(), "[ParquetStrings] no columns");
  auto strings = std::make_unique<Strings>(path, columns);
  LATHE_TRY_STATUS(strings->open());
  return std::unique_ptr<ParquetStrings>(std::move(strings));
}

}  // namespace lathe::data
