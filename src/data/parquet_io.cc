#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>
#include <parquet/exception.h>
#include <parquet/properties.h>

#include "core/check.h"
#include "core/log.h"
#include "data/parquet.h"
#include "data/parquet_errors.h"

namespace lathe::data {
namespace {

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

}  // namespace lathe::data
