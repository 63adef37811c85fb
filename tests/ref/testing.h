// What every test shares: the one numeric comparator of the project, paths of golden and real data, small helpers.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace lathe::testing {

struct Tolerance {
  double absolute = 0;
  double relative = 0;
};

// Passes iff at least one element was compared, all of `actual` are finite where `expected` is, and
// !(|a - e| <= absolute + relative * |e|) holds nowhere. On failure names the worst index and both values.
::testing::AssertionResult is_close(std::span<const double> actual, std::span<const double> expected, Tolerance tolerance);
::testing::AssertionResult is_close(std::span<const float> actual, std::span<const float> expected, Tolerance tolerance);
// ||a - e|| / ||e|| <= relative (Frobenius); non-finite fails; zero reference needs a zero result.
::testing::AssertionResult is_close_in_norm(std::span<const float> actual, std::span<const float> expected, double relative);

// Folder of golden reference data: LATHE_GOLDEN, else tests/golden in the source tree.
std::filesystem::path golden(const std::string& name);
// Folder of real data: LATHE_DATA; empty path when the variable is not set.
std::filesystem::path real_data(const std::string& name);

// Lines of a .jsonl file, parsed. A failure is a test failure with the error's text.
std::vector<Json> read_jsonl(const std::filesystem::path& path);
Json read_json_or_fail(const std::filesystem::path& path);

// result.value() or a test failure that prints the error.
template <class T>
T take(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.error().to_string());
  return std::move(result).value();
}
inline void check(const Status& status) {
  if (!status.ok()) throw std::runtime_error(status.error().to_string());
}

}  // namespace lathe::testing

// Skips (counted apart, never as passed) when the folder is absent.
#define LATHE_NEEDS(path)                                                            \
  if ((path).empty() || !std::filesystem::exists(path)) GTEST_SKIP() << "no " << (path)
