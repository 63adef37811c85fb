#include "tasks/synth_text.h"

#include <set>

#include "tasks/repeat_counter.h"
#include "tests/ref/testing.h"

namespace lathe::tasks {
namespace {

TEST(SynthText, ArticlesAndPlurals) {
  EXPECT_EQ(with_article("kite"), "a kite");
  EXPECT_EQ(with_article("owl"), "an owl");
  EXPECT_EQ(with_article("hour"), "an hour");
  EXPECT_EQ(with_article("uniform"), "a uniform");
  EXPECT_EQ(with_article("umbrella"), "an umbrella");
  EXPECT_EQ(plural("box"), "boxes");
  EXPECT_EQ(plural("berry"), "berries");
  EXPECT_EQ(plural("boy"), "boys");
  EXPECT_EQ(plural("loaf"), "loaves");
  EXPECT_EQ(plural("wild goose"), "wild geese");
  EXPECT_EQ(join_with_and({"a"}), "a");
  EXPECT_EQ(join_with_and({"a", "b", "c"}), "a, b and c");
}

TEST(SynthText, TemplatesInsertValuesAndDrawAlternatives) {
  Rng rng(1, "test");
  Scene scene(rng);
  scene.set("thing", "old kite");
  scene.set("he", "she");
  EXPECT_EQ(scene.expand("{He} has {a thing}. {A thing}! Two {s thing}."),
            "She has an old kite. An old kite! Two old kites.");
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) seen.insert(scene.expand("[x|y{he}|[p|q]r|]"));
  EXPECT_EQ(seen, (std::set<std::string>{"x", "yshe", "pr", "qr", ""}));
  EXPECT_THROW(scene.expand("{unknown}"), std::invalid_argument);
  EXPECT_THROW(scene.expand("[open"), std::invalid_argument);
  EXPECT_THROW(scene.expand("{open"), std::invalid_argument);
}

TEST(RepeatCounter, CountsExactlyAndThenBySample) {
  RepeatCounter exact(1000);
  for (const char* text : {"a", "b", "a", "a", "c"}) exact.add(RepeatCounter::hash(text));
  EXPECT_EQ(exact.repeats(), 2);
  EXPECT_TRUE(exact.exact());

  RepeatCounter sampled(1000);
  for (int copy = 0; copy < 2; ++copy)
    for (int i = 0; i < 20'000; ++i) sampled.add(RepeatCounter::hash("text " + std::to_string(i)));
  EXPECT_FALSE(sampled.exact());
  EXPECT_NEAR(static_cast<double>(sampled.repeats()), 20'000, 2'500);
}

}  // namespace
}  // namespace lathe::tasks
