#include "data/parquet_rows.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>
#include <parquet/exception.h>
#include <parquet/properties.h>

#include "core/check.h"
#include "data/parquet_errors.h"

namespace lathe::data {
namespace {

constexpr int kZstdLevel = 3;
constexpr int64_t kReadBuffer = 1 << 20;

class Texts : public ParquetTexts {
 public:
  explicit Texts(fs::path path) : path_(std::move(path)) {}

  Status open(const std::vector<std::string>& columns) {
    return guarded_parquet(path_, [&]() -> Status {
      auto file = arrow::io::ReadableFile::Open(path_.string());
      if (!file.ok()) return error_at(path_.string(), -1, "cannot open: ", first_line(file.status().message()));
      parquet::ReaderProperties properties;
      properties.enable_buffered_stream();  // else a whole column chunk is in memory at once
      properties.set_buffer_size(kReadBuffer);
      parquet::arrow::FileReaderBuilder builder;
      if (const auto status = builder.Open(*file, properties); !status.ok()) return damaged_parquet(path_, status.message());
      parquet::ArrowReaderProperties arrow_properties(/*use_threads=*/false);
      arrow_properties.set_pre_buffer(false);
      arrow_properties.set_batch_size(kBatch);
      auto reader = builder.properties(arrow_properties)->Build();
      if (!reader.ok()) return damaged_parquet(path_, reader.status().message());
      reader_ = std::move(*reader);
      LATHE_TRY(const int column, choose(columns));
      std::vector<int> groups(static_cast<size_t>(reader_->num_row_groups()));
      for (size_t i = 0; i < groups.size(); ++i) groups[i] = static_cast<int>(i);
      auto batches = reader_->GetRecordBatchReader(groups, {column});
      if (!batches.ok()) return damaged_parquet(path_, batches.status().message());
      batches_ = std::move(*batches);
      return {};
    });
  }

  Status next(int64_t most, std::vector<std::string>& texts) override {
    texts.clear();
    return guarded_parquet(path_, [&]() -> Status {
      while (values_ == nullptr || at_ == values_->length()) {
        std::shared_ptr<arrow::RecordBatch> batch;
        if (const auto status = batches_->ReadNext(&batch); !status.ok()) return damaged_parquet(path_, status.message());
        if (batch == nullptr) return {};
        values_ = batch->column(0);
        at_ = 0;
        // The fields of a struct come inside it.
        while (values_->type_id() == arrow::Type::STRUCT) {
          auto inner = static_cast<const arrow::StructArray&>(*values_).GetFlattenedField(0);
          if (!inner.ok()) return damaged_parquet(path_, inner.status().message());
          values_ = *inner;
        }
      }
      const int64_t end = std::min(values_->length(), at_ + most);
      for (; at_ < end; ++at_) texts.emplace_back(value(at_));
      return {};
    });
  }

 private:
  static constexpr int64_t kBatch = 64;

  Result<int> choose(const std::vector<std::string>& columns) const {
    const parquet::SchemaDescriptor& schema = *reader_->parquet_reader()->metadata()->schema();
    std::string names;
    for (int i = 0; i < schema.num_columns(); ++i) names += (i ? ", " : "") + schema.Column(i)->path()->ToDotString();
    for (const std::string& wanted : columns)
      for (int i = 0; i < schema.num_columns(); ++i) {
        if (schema.Column(i)->path()->ToDotString() != wanted) continue;
        if (schema.Column(i)->physical_type() != parquet::Type::BYTE_ARRAY || schema.Column(i)->max_repetition_level() > 0)
          return error_at(path_.string(), -1, "the column \"", wanted, "\" does not hold texts");
        return i;
      }
    std::string list;
    for (const std::string& wanted : columns) list += (list.empty() ? "\"" : " or \"") + wanted + "\"";
    return error_at(path_.string(), -1, "no column ", list, "; its columns are: ", names,
                    "; name the one that holds the text in \"text_keys\"");
  }

  std::string_view value(int64_t i) const {
    if (values_->IsNull(i)) return {};
    switch (values_->type_id()) {
      case arrow::Type::LARGE_STRING:
      case arrow::Type::LARGE_BINARY:
        return static_cast<const arrow::LargeBinaryArray&>(*values_).GetView(i);
      case arrow::Type::STRING_VIEW:
      case arrow::Type::BINARY_VIEW:
        return static_cast<const arrow::BinaryViewArray&>(*values_).GetView(i);
      case arrow::Type::DICTIONARY: {
        const auto& coded = static_cast<const arrow::DictionaryArray&>(*values_);
        const auto& words = static_cast<const arrow::BinaryArray&>(*coded.dictionary());
        return words.GetView(coded.GetValueIndex(i));
      }
      case arrow::Type::STRING:
      case arrow::Type::BINARY:
        return static_cast<const arrow::BinaryArray&>(*values_).GetView(i);
      default:
        throw std::runtime_error("the column has type " + values_->type()->ToString());
    }
  }

  fs::path path_;
  std::unique_ptr<parquet::arrow::FileReader> reader_;
  std::shared_ptr<arrow::RecordBatchReader> batches_;
  std::shared_ptr<arrow::Array> values_;
  int64_t at_ = 0;
};

// Arrow's output goes through our atomic writer, so a crash or a full disk leaves no half file.
class Output : public arrow::io::OutputStream {
 public:
  explicit Output(AtomicFileWriter writer) : writer_(std::move(writer)) {}
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

class Strings : public ParquetStrings {
 public:
  Strings(fs::path path, const std::vector<std::string>& columns) : path_(std::move(path)), builders_(columns.size()) {
    arrow::FieldVector fields;
    for (const std::string& column : columns) fields.push_back(arrow::field(column, arrow::utf8(), false));
    schema_ = arrow::schema(fields);
  }

  Status open() {
    LATHE_TRY(auto file, AtomicFileWriter::open(path_));
    output_ = std::make_shared<Output>(std::move(file));
    return guarded_parquet(path_, [&]() -> Status {
      const auto properties = parquet::WriterProperties::Builder()
                                  .compression(parquet::Compression::ZSTD)
                                  ->compression_level(kZstdLevel)
                                  ->disable_dictionary()
                                  ->disable_statistics()
                                  ->build();
      auto writer = parquet::arrow::FileWriter::Open(*schema_, arrow::default_memory_pool(), output_, properties);
      if (!writer.ok()) return failed(writer.status());
      writer_ = std::move(*writer);
      return {};
    });
  }

  Status add(const std::vector<std::string_view>& row) override {
    require(row.size() == builders_.size() && writer_ != nullptr, "[ParquetStrings] ", row.size(), " values");
    for (size_t i = 0; i < row.size(); ++i) {
      if (const auto status = builders_[i].Append(row[i]); !status.ok()) return failed(status);
      bytes_ += static_cast<int64_t>(row[i].size());
    }
    return builders_[0].length() >= kStringsGroupRows || bytes_ >= kStringsGroupBytes ? flush() : Status();
  }

  Status close() override {
    require(writer_ != nullptr, "[ParquetStrings] closed twice");
    LATHE_TRY_STATUS(flush());
    const Status closed = guarded_parquet(path_, [&]() -> Status {
      const auto status = writer_->Close();
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
    if (builders_[0].length() == 0) return {};
    return guarded_parquet(path_, [&]() -> Status {
      arrow::ArrayVector columns;
      for (arrow::StringBuilder& builder : builders_) {
        auto values = builder.Finish();
        if (!values.ok()) return failed(values.status());
        columns.push_back(*values);
      }
      bytes_ = 0;
      const auto status = writer_->WriteTable(*arrow::Table::Make(schema_, columns), columns[0]->length());
      return status.ok() ? Status() : failed(status);
    });
  }

  fs::path path_;
  std::shared_ptr<Output> output_;
  std::shared_ptr<arrow::Schema> schema_;
  std::unique_ptr<parquet::arrow::FileWriter> writer_;
  std::vector<arrow::StringBuilder> builders_;
  int64_t bytes_ = 0;
};

}  // namespace

Result<std::unique_ptr<ParquetTexts>> ParquetTexts::open(const fs::path& path, const std::vector<std::string>& columns) {
  auto texts = std::make_unique<Texts>(path);
  LATHE_TRY_STATUS(texts->open(columns));
  return std::unique_ptr<ParquetTexts>(std::move(texts));
}

Result<std::unique_ptr<ParquetStrings>> ParquetStrings::create(const fs::path& path,
                                                               const std::vector<std::string>& columns) {
  require(!columns.empty(), "[ParquetStrings] no columns");
  auto strings = std::make_unique<Strings>(path, columns);
  LATHE_TRY_STATUS(strings->open());
  return std::unique_ptr<ParquetStrings>(std::move(strings));
}

}  // namespace lathe::data
