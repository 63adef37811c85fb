#include "tests/ref/testing.h"

#include <cmath>
#include <cstdlib>

#include "core/text.h"

namespace lathe::testing {
namespace {

template <class T>
::testing::AssertionResult compare(std::span<const T> actual, std::span<const T> expected, Tolerance tolerance) {
  if (actual.size() != expected.size())
    return ::testing::AssertionFailure() << actual.size() << " values, expected " << expected.size();
  if (actual.empty()) return ::testing::AssertionFailure() << "nothing was compared";
  size_t bad = 0, worst = 0;
  double worst_excess = -1;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double a = static_cast<double>(actual[i]), e = static_cast<double>(expected[i]);
    double excess = 0;
    if (std::isfinite(a) && std::isfinite(e)) {
      const double allowed = tolerance.absolute + tolerance.relative * std::abs(e);
      if (std::abs(a - e) <= allowed) continue;
      excess = std::abs(a - e) - allowed;
    } else {
      if (a == e) continue;  // equal infinities
      excess = HUGE_VAL;
    }
    ++bad;
    if (excess > worst_excess) worst_excess = excess, worst = i;
  }
  if (bad == 0) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << bad << " of " << actual.size() << " differ; worst at " << worst << ": "
                                       << format_text("%.9g, expected %.9g", static_cast<double>(actual[worst]),
                                                      static_cast<double>(expected[worst]));
}

}  // namespace

::testing::AssertionResult is_close(std::span<const double> actual, std::span<const double> expected, Tolerance tolerance) {
  return compare(actual, expected, tolerance);
}
::testing::AssertionResult is_close(std::span<const float> actual, std::span<const float> expected, Tolerance tolerance) {
  return compare(actual, expected, tolerance);
}

::testing::AssertionResult is_close_in_norm(std::span<const float> actual, std::span<const float> expected, double relative) {
  if (actual.size() != expected.size() || actual.empty())
    return ::testing::AssertionFailure() << actual.size() << " values, expected " << expected.size();
  double difference = 0, norm = 0;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double d = double{actual[i]} - double{expected[i]};
    difference += d * d;
    norm += double{expected[i]} * double{expected[i]};
  }
  difference = std::sqrt(difference), norm = std::sqrt(norm);
  if (std::isfinite(difference) && difference <= relative * norm) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "relative norm of the difference " << difference / norm << " > " << relative;
}

std::filesystem::path golden(const std::string& name) {
  const char* folder = std::getenv("LATHE_GOLDEN");
  return (folder && *folder ? std::filesystem::path(folder) : std::filesystem::path(LATHE_SOURCE_DIR) / "tests/golden") / name;
}

std::filesystem::path real_data(const std::string& name) {
  const char* folder = std::getenv("LATHE_DATA");
  return folder && *folder ? std::filesystem::path(folder) / name : std::filesystem::path();
}

std::vector<Json> read_jsonl(const std::filesystem::path& path) {
  std::vector<Json> rows;
  for (const std::string& line : split_text(take(read_file(path)), '\n'))
    if (!trim_text(line).empty()) rows.push_back(take(parse_json(line, path.string())));
  return rows;
}

Json read_json_or_fail(const std::filesystem::path& path) { return take(read_json(path)); }

}  // namespace lathe::testing
