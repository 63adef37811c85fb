// Real texts of every format through reader and loader.
#include <gtest/gtest.h>

#include "data/corpus.h"
#include "data/pretrain_loader.h"
#include "tests/data/files.h"

namespace lathe::data {
namespace {

using namespace lathe::data::testing;

TEST(RealText, EveryFileGivesDocumentsAndBatches) {
  const fs::path folder = lathe::testing::real_data("text");
  LATHE_NEEDS(folder);
  const auto files = take(list_files(folder, document_endings(), false));
  ASSERT_FALSE(files.empty());
  for (const fs::path& file : files) {
    if (fs::file_size(file) > 2'000'000) continue;
    SCOPED_TRACE(file.filename());
    const auto texts = all_documents(file);
    EXPECT_GT(texts.size(), 10u);
    for (const std::string& text : texts) {
      ASSERT_EQ(first_invalid_utf8(text), -1);
      ASSERT_EQ(text.find("<|endoftext|>"), std::string::npos);
    }
    const auto corpus = take(Corpus::open(file));
    ByteEncoder encoder;
    PretrainLoaderOptions options;
    options.rows = 4, options.columns = 512;
    for (const Split split : {Split::kTrain, Split::kValidation}) {
      TokenBatch batch;
      check(prefetch(best_fit_loader(corpus, split, encoder, options))->next(batch));
      EXPECT_EQ(batch.inputs()[0], ByteEncoder::kBos);
    }
  }
}

}  // namespace
}  // namespace lathe::data
