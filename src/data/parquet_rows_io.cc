#include "data/parquet_rows.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>
#include <parquet/exception.h>
#include <parquet/properties.h>

#include "core/check.h"
#include "data/parquet_errors.h"

namespace lathe::data {
namespace {

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

}  // namespace

Result<std::unique_ptr<ParquetTexts>> ParquetTexts::open(const fs::path& path, const std::vector<std::string>& columns) {
  auto texts = std::make_unique<Texts>(path);
  LATHE_TRY_STATUS(texts->open(columns));
  return std::unique_ptr<ParquetTexts>(std::move(texts));
}

}  // namespace lathe::data
