// What the files that know Apache Arrow share: how its errors become ours.
#pragma once

#include <exception>
#include <string>

#include "core/file.h"
#include "core/result.h"

namespace lathe::data {

inline std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

inline Error damaged_parquet(const fs::path& path, const std::string& message) {
  std::error_code code;
  const auto bytes = fs::file_size(path, code);
  return error_at(path.string(), -1, "not a whole Parquet file (", code ? 0 : bytes, " bytes): ", first_line(message),
                  "; it is cut short or damaged: get it again, or remove it from the folder");
}

// Arrow reports by Status, the Parquet layer below it also by exception.
template <class Call>
auto guarded_parquet(const fs::path& path, Call&& call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::exception& e) {
    return damaged_parquet(path, e.what());
  }
}

}  // namespace lathe::data
