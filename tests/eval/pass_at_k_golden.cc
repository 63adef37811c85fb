// pass@k against the reference: golden set rl.
#include "eval/pass_at_k.h"
#include "tests/ref/testing.h"

namespace lathe::testing {
namespace {

// C-9.14
TEST(PassAtKGolden, SharesAgree) {
  const std::filesystem::path file = golden("rl") / "expected.json";
  LATHE_NEEDS(file);
  const Json expected = read_json_or_fail(file);
  ASSERT_GT(expected.at("pass_at_k").size(), 0u);
  for (const Json& c : expected.at("pass_at_k").as_array()) {
    std::vector<std::vector<bool>> outcomes;
    for (const Json& problem : c.at("outcomes").as_array()) {
      outcomes.emplace_back();
      for (const Json& outcome : problem.as_array()) outcomes.back().push_back(outcome.as_bool());
    }
    std::vector<double> wanted;
    for (const Json& share : c.at("pass_at_k").as_array()) wanted.push_back(share.as_double());
    EXPECT_TRUE(is_close(eval::pass_at_k(outcomes), wanted, {1e-12, 0}));
  }
}

}  // namespace
}  // namespace lathe::testing
