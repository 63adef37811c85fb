// C-10.6: probabilities that temperature and top-k leave, against ops/sampling.json.
#include <algorithm>

#include "infer/sampler.h"
#include "tests/ref/testing.h"

namespace lathe::infer {
namespace {

using namespace lathe::testing;

std::vector<float> floats(const Json& array) {
  std::vector<float> values;
  for (const Json& value : array.as_array()) values.push_back(static_cast<float>(value.as_double()));
  return values;
}

// Ties at the cut may be kept in any choice: then only the multiset of probabilities is determined.
bool cuts_a_tie(std::vector<float> logits, int64_t k) {
  if (k <= 0 || k >= static_cast<int64_t>(logits.size())) return false;
  std::sort(logits.rbegin(), logits.rend());
  return logits[static_cast<size_t>(k) - 1] == logits[static_cast<size_t>(k)];
}

TEST(SamplingGolden, TemperatureAndTopKLeaveTheseProbabilities) {
  const auto path = golden("ops") / "sampling.json";
  LATHE_NEEDS(path);
  const Json file = read_json_or_fail(path);
  int64_t compared = 0;
  for (const Json& item : file.at("cases").as_array()) {
    const std::vector<float> logits = floats(file.at("logits").at(static_cast<size_t>(item.at("row").as_int())));
    SamplingOptions options;
    options.temperature = item.at("temperature").as_double();
    options.top_k = item.at("top_k").is_null() ? 0 : item.at("top_k").as_int();
    SCOPED_TRACE(
        join_text("row ", item.at("row").as_int(), " temperature ", options.temperature, " top_k ", options.top_k));
    std::vector<float> expected = floats(item.at("probs"));
    Sampler sampler(options, static_cast<int64_t>(logits.size()));
    ++compared;
    if (options.temperature == 0) {
      const auto largest = std::max_element(expected.begin(), expected.end()) - expected.begin();
      EXPECT_EQ(sampler.draw(logits, 0, 0), largest);
      continue;
    }
    std::vector<float> actual = sampler.probabilities(logits);
    if (cuts_a_tie(logits, options.top_k)) {
      std::sort(actual.begin(), actual.end());
      std::sort(expected.begin(), expected.end());
    }
    EXPECT_TRUE(is_close(actual, expected, {2e-7, 2e-6}));
  }
  EXPECT_GT(compared, 0);
}

}  // namespace
}  // namespace lathe::infer
