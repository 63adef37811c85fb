#include "data/parquet_json.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>
#include <parquet/exception.h>

#include "core/text.h"
#include "data/parquet_errors.h"

namespace lathe::data {
namespace {

Json text_value(std::string_view text) { return first_invalid_utf8(text) < 0 ? Json(text) : Json(repair_utf8(text)); }

Result<Json> value_at(const arrow::Array& array, int64_t i);

template <class List>
Result<Json> list_at(const List& list, int64_t i) {
  Json out = Json::array();
  for (int64_t k = list.value_offset(i); k < list.value_offset(i) + list.value_length(i); ++k) {
    LATHE_TRY(Json value, value_at(*list.values(), k));
    out.push_back(std::move(value));
  }
  return out;
}

// A value by its type; the caller has not checked for null.
Result<Json> value_at(const arrow::Array& array, int64_t i) {
  if (array.IsNull(i)) return Json();
  switch (array.type_id()) {
    case arrow::Type::NA: return Json();
    case arrow::Type::BOOL: return Json(static_cast<const arrow::BooleanArray&>(array).Value(i));
    case arrow::Type::INT8: return Json(int64_t{static_cast<const arrow::Int8Array&>(array).Value(i)});
    case arrow::Type::INT16: return Json(int64_t{static_cast<const arrow::Int16Array&>(array).Value(i)});
    case arrow::Type::INT32: return Json(int64_t{static_cast<const arrow::Int32Array&>(array).Value(i)});
    case arrow::Type::INT64: return Json(int64_t{static_cast<const arrow::Int64Array&>(array).Value(i)});
    case arrow::Type::UINT8: return Json(int64_t{static_cast<const arrow::UInt8Array&>(array).Value(i)});
    case arrow::Type::UINT16: return Json(int64_t{static_cast<const arrow::UInt16Array&>(array).Value(i)});
    case arrow::Type::UINT32: return Json(int64_t{static_cast<const arrow::UInt32Array&>(array).Value(i)});
    case arrow::Type::UINT64: return Json(uint64_t{static_cast<const arrow::UInt64Array&>(array).Value(i)});
    case arrow::Type::FLOAT: return Json(double{static_cast<const arrow::FloatArray&>(array).Value(i)});
    case arrow::Type::DOUBLE: return Json(static_cast<const arrow::DoubleArray&>(array).Value(i));
    case arrow::Type::STRING:
    case arrow::Type::BINARY: return text_value(static_cast<const arrow::BinaryArray&>(array).GetView(i));
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY: return text_value(static_cast<const arrow::LargeBinaryArray&>(array).GetView(i));
    case arrow::Type::STRING_VIEW:
    case arrow::Type::BINARY_VIEW: return text_value(static_cast<const arrow::BinaryViewArray&>(array).GetView(i));
    case arrow::Type::LIST: return list_at(static_cast<const arrow::ListArray&>(array), i);
    case arrow::Type::LARGE_LIST: return list_at(static_cast<const arrow::LargeListArray&>(array), i);
    case arrow::Type::FIXED_SIZE_LIST: return list_at(static_cast<const arrow::FixedSizeListArray&>(array), i);
    case arrow::Type::DICTIONARY: {
      const auto& coded = static_cast<const arrow::DictionaryArray&>(array);
      return value_at(*coded.dictionary(), coded.GetValueIndex(i));
    }
    case arrow::Type::STRUCT: {
      const auto& fields = static_cast<const arrow::StructArray&>(array);
      Json out = Json::object();
      for (int k = 0; k < fields.num_fields(); ++k) {
        LATHE_TRY(out[fields.struct_type()->field(k)->name()], value_at(*fields.field(k), i));
      }
      return out;
    }
    default: return error("has type ", array.type()->ToString(), ", which has no counterpart in JSON");
  }
}

Status take_rows(const fs::path& path, const arrow::Table& table, const std::function<Status(Json row)>& take) {
  const auto combined = table.CombineChunksToBatch();
  if (!combined.ok()) return damaged_parquet(path, combined.status().message());
  const arrow::RecordBatch& batch = **combined;
  for (int64_t i = 0; i < batch.num_rows(); ++i) {
    Json row = Json::object();
    for (int column = 0; column < batch.num_columns(); ++column) {
      Result<Json> value = value_at(*batch.column(column), i);
      if (!value.ok()) return error_at(path.string(), -1, "column \"", batch.column_name(column), "\" ", value.error().message);
      row[batch.column_name(column)] = std::move(value).value();
    }
    LATHE_TRY_STATUS(take(std::move(row)));
  }
  return {};
}

}  // namespace

Status read_parquet_rows(const fs::path& path, const std::function<Status(Json row)>& take) {
  try {
    auto file = arrow::io::ReadableFile::Open(path.string());
    if (!file.ok()) return error_at(path.string(), -1, "cannot open: ", first_line(file.status().message()));
    parquet::arrow::FileReaderBuilder builder;
    if (const arrow::Status status = builder.Open(*file); !status.ok()) return damaged_parquet(path, status.message());
    auto reader = builder.properties(parquet::ArrowReaderProperties(/*use_threads=*/false))->Build();
    if (!reader.ok()) return damaged_parquet(path, reader.status().message());
    for (int group = 0; group < (*reader)->num_row_groups(); ++group) {
      auto table = (*reader)->ReadRowGroup(group);
      if (!table.ok()) return damaged_parquet(path, table.status().message());
      LATHE_TRY_STATUS(take_rows(path, **table, take));
    }
    return {};
  } catch (const std::exception& e) {
    return damaged_parquet(path, e.what());
  }
}

}  // namespace lathe::data
