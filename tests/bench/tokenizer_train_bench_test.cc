#include "bench/tokenizer_train_bench.h"

#include <cmath>

#include "tests/ref/testing.h"

namespace lathe::bench {
namespace {

using testing::take;

std::vector<std::string> texts() {
  return {"The river rose in the night. By morning the lower fields were gone. Nobody had seen such water.",
          "A second text, of which little is known. It ends here"};
}

tokenizer::TrainSettings settings() {
  tokenizer::TrainSettings settings;
  settings.vocab_size = 320;
  settings.doc_cap = 3;  // the bench counts whole texts all the same
  return settings;
}

TEST(TokenizerTrainBench, CountsWholeTextsAndGivesTheTrainersTokenizer) {
  const TokenizerTrainFigures figures = take(bench_tokenizer_train(texts(), settings()));
  EXPECT_EQ(figures.documents, 2);
  EXPECT_EQ(figures.bytes, static_cast<int64_t>(texts()[0].size() + texts()[1].size()));
  EXPECT_EQ(figures.vocab_size, 320);
  EXPECT_GT(figures.peak_rss_mb, 0);
  EXPECT_GE(figures.train_s, figures.count_s + figures.merge_s - 1e-3);
  EXPECT_NEAR(figures.mb_per_s, static_cast<double>(figures.bytes) / 1e6 / figures.train_s, 1e-9);
  tokenizer::TrainSettings whole = settings();
  whole.doc_cap = 1000;
  EXPECT_EQ(figures.tokenizer_sha256, take(tokenizer::train_bpe(whole, texts())).tokenizer.hash());
  EXPECT_EQ(figures.to_json().at("train_s").as_double(), figures.train_s);
  EXPECT_FALSE(bench_tokenizer_train(texts(), [] {
                 tokenizer::TrainSettings small;
                 small.vocab_size = 10;
                 return small;
               }()).ok());
}

TEST(TokenizerTrainBench, TheStreamIsDrawnFromTheSentencesByItsSeed) {
  const std::vector<std::string> source = texts();
  SentenceStream one(source, 1, 0), same(source, 1, 0), other(source, 2, 0);
  for (int i = 0; i < 3; ++i) {
    const std::string document = one.next_document();
    EXPECT_EQ(document, same.next_document());
    EXPECT_NE(document, other.next_document());
    EXPECT_GE(document.size(), 10'000u);
    EXPECT_LT(document.size(), 10'200u);
    EXPECT_NE(document.find("Nobody had seen such water."), std::string::npos);
  }
  EXPECT_NE(one.next_document(), one.next_document());
}

// T4: what a stream adds to memory is its new words, not its length.
TEST(TrapT4, AStreamIsTrainedOnWithoutKeepingIt) {
  const std::vector<std::string> source = texts();
  const TokenizerTrainFigures figures = take(bench_tokenizer_stream(source, settings(), 20'000'000, 0));
  EXPECT_GE(figures.bytes, 20'000'000);
  EXPECT_LT(figures.bytes, 20'020'000);
  EXPECT_LT(figures.distinct_pieces, 100);
  const TokenizerTrainFigures growing = take(bench_tokenizer_stream(source, settings(), 20'000'000, 3e-3));
  const double expected = 20e6 / 6 * 3e-3;
  EXPECT_NEAR(static_cast<double>(growing.distinct_pieces), expected, expected / 4);
}

TEST(TokenizerTrainBench, AStreamThatSpillsGivesTheSameTokenizer) {
  const std::vector<std::string> source = texts();
  tokenizer::TrainSettings little = settings();
  little.memory = 1;
  const TokenizerTrainFigures whole = take(bench_tokenizer_stream(source, settings(), 5'000'000, 3e-2));
  const TokenizerTrainFigures spilled = take(bench_tokenizer_stream(source, little, 5'000'000, 3e-2));
  EXPECT_EQ(whole.runs, 0);
  EXPECT_GT(spilled.runs, 10);
  EXPECT_EQ(spilled.tokenizer_sha256, whole.tokenizer_sha256);
}

}  // namespace
}  // namespace lathe::bench
