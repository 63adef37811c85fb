// Real pyarrow for tests: the one of the build's wheel, else the machine's.
#pragma once

#include <cstdlib>
#include <string>

#include "tests/ref/testing.h"

namespace lathe::data {

// Exit status of python3 on a script with one argument.
inline int python(const std::string& script, const std::string& argument) {
  const TemporaryFolder folder("lathe_python");
  testing::check(write_file_atomic(folder.path() / "script.py", script));
  std::string path;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(fs::path(LATHE_BINARY_DIR) / "_wheels", code))
    if (entry.is_directory() && entry.path().filename().string().starts_with("pyarrow")) path = entry.path().string();
  return std::system(("PYTHONPATH='" + path + "' python3 '" + (folder.path() / "script.py").string() + "' '" + argument + "' >&2").c_str());
}

}  // namespace lathe::data

#define LATHE_NEEDS_PYARROW()                            \
  if (!::lathe::data::parquet_available()) GTEST_SKIP() << "this build has no Parquet"; \
  if (::lathe::data::python("import pyarrow.parquet", "") != 0) GTEST_SKIP() << "no python3 that loads pyarrow"
