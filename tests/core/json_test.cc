// JSON texts as the program reads them.
#include "core/json.h"

#include <gtest/gtest.h>

#include <string>

#include "core/machine.h"

namespace lathe {
namespace {

std::string object_of(int keys, const std::string& more) {
  std::string text = "{";
  for (int i = 0; i < keys; ++i) text += "\"k" + std::to_string(i) + "\":{\"a\":1},";
  return text + more + "}";
}

TEST(Json, AKeyThatStandsTwiceIsRefusedInSmallAndLargeObjects) {
  for (const int keys : {1, 31, 32, 33, 34, 500})
    for (const int same : {0, keys / 2, keys - 1}) {
      EXPECT_TRUE(parse_json(object_of(keys, "\"x\":1")).ok()) << keys;
      const auto result = parse_json(object_of(keys, "\"k" + std::to_string(same) + "\":1"));
      ASSERT_FALSE(result.ok()) << keys;
      EXPECT_NE(result.error().message.find("stands twice"), std::string::npos) << result.error().message;
    }
}

// A hostile body of a few MB must not hold a thread for minutes.
TEST(Json, LargeObjectsAreReadInLinearTime) {
  const double begin = process_cpu_seconds();
  const auto result = parse_json(object_of(200'000, "\"x\":1"));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value().size(), 200'001u);
  EXPECT_LT(process_cpu_seconds() - begin, 10);
}

}  // namespace
}  // namespace lathe
