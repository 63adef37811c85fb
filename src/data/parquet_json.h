// Whole rows of a Parquet file with any columns (numbers, strings, lists, structs) as Json objects, in order.
#pragma once

#include <functional>

#include "core/file.h"
#include "core/json.h"
#include "core/result.h"

namespace lathe::data {

// Memory: one row group. Keys are the columns in the file's order; invalid UTF-8 becomes U+FFFD. Column types without a
// counterpart in Json (dates, decimals, maps) are an error that names the column. An error of `take` ends the reading.
Status read_parquet_rows(const fs::path& path, const std::function<Status(Json row)>& take);

}  // namespace lathe::data
