#include "bench/pack_bench.h"

#include "core/rng.h"
#include "tests/ref/testing.h"

namespace lathe::bench {
namespace {

using lathe::testing::check;
using lathe::testing::take;

TEST(PackBench, NamesItsFiguresAndLeavesNothingBehind) {
  const TemporaryFolder folder;
  std::string lines;
  Rng rng(1, "text");
  for (int i = 0; i < 400; ++i) {
    std::string text;
    for (int n = 0; n < 300; ++n) text += static_cast<char>('a' + rng.below(26));
    lines += Json(Json::Object{{"text", text}}).dump() + "\n";
  }
  check(write_file_atomic(folder.path() / "text.jsonl", lines));
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
  const auto tokenizer = take(tokenizer::Tokenizer::from_tokens(tokens));
  const Json figures = take(bench_pack(folder.path() / "text.jsonl", tokenizer, folder.path() / "scratch", 2));
  for (const char* name : {"pack_mb_per_s", "pack_encode_mb_per_s", "load_tok_per_s", "load_ms_per_batch"})
    EXPECT_GT(figures.at(name).as_double(), 0) << name;
  EXPECT_GE(figures.at("pack_encode_mb_per_s").as_double(), figures.at("pack_mb_per_s").as_double());
  EXPECT_EQ(figures.at("documents").as_int(), 400);
  EXPECT_EQ(figures.at("tokens").as_int(), 400 * 301);
  EXPECT_TRUE(fs::is_empty(folder.path() / "scratch"));
}

}  // namespace
}  // namespace lathe::bench
