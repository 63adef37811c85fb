// Perplexity of a text by windows, against a walk over every token with its own context.
#include "eval/perplexity.h"

#include <cmath>
#include <numbers>

#include "core/parallel.h"
#include "core/sha256.h"
#include "data/byte_stream.h"
#include "tests/infer/mock_model.h"

namespace lathe::testing {
namespace {

constexpr int64_t kContext = 16;

class Perplexity : public ::testing::Test {
 protected:
  Perplexity() : tokenizer_(infer::testing::chat_tokenizer()), model_(config(), DType::kFloat32) {
    model_.initialise(5);
    for (int i = 0; i < 60; ++i) text_ += "word" + std::to_string(i * 7) + (i % 5 == 4 ? ".\n" : " ");
  }
  model::ModelConfig config() const {
    model::ModelConfig config;
    config.sequence_len = kContext;
    config.vocab_size = tokenizer_.vocab_size();
    config.n_layer = 2;
    config.n_head = config.n_kv_head = 2;
    config.n_embd = 32;
    return config;
  }
  eval::PerplexityScore measure(const eval::PerplexityOptions& options) { return take(eval::measure_perplexity(model_, tokenizer_, text_, options)); }
  eval::PerplexityOptions with_start() const {
    eval::PerplexityOptions options;
    options.start = tokenizer_.bos_id();
    return options;
  }

  // The slow truth: every target alone, in the first window that holds it.
  double walk(bool start, int64_t context, int64_t stride) {
    std::vector<int32_t> stream = tokenizer_.encode(text_);
    if (start) stream.insert(stream.begin(), tokenizer_.bos_id());
    ops::Context ctx;
    double nats = 0;
    for (int64_t target = 1; target < std::ssize(stream); ++target) {
      int64_t begin = 0;
      while (target > begin + context) begin += stride;
      std::vector<int32_t> ids(stream.begin() + begin, stream.begin() + target), targets(ids.size(), -1);
      targets.back() = stream[static_cast<size_t>(target)];
      autograd::Tape tape(ctx, false);
      model::Batch batch;
      const int64_t n = std::ssize(ids);
      batch.ids = Tensor::borrow(ids.data(), {n}, DType::kInt32);
      const Tensor nll = model_.loss(tape, model_.forward(tape, batch), Tensor::borrow(targets.data(), {n}, DType::kInt32), Tensor());
      nats += static_cast<double>(nll.span<float>().back());
    }
    return nats;
  }

  tokenizer::Tokenizer tokenizer_;
  model::Transformer model_;
  std::string text_;
};

// L-6.2
TEST_F(Perplexity, ScoresEveryTokenOnceInTheFirstWindowThatHoldsIt) {
  for (const int64_t stride : {1, 5, 8, 16}) {
    eval::PerplexityOptions options = with_start();
    options.stride = stride;
    const eval::PerplexityScore score = measure(options);
    EXPECT_EQ(score.tokens, std::ssize(text_)) << stride;  // a byte is a token here
    EXPECT_NEAR(score.nats, walk(true, kContext, stride), 1e-9 * score.nats) << stride;
    EXPECT_DOUBLE_EQ(score.perplexity(), std::exp(score.nats / static_cast<double>(score.tokens)));
  }
}

// L-6.2: the stride is half a context where none is given, and the windows follow from it.
TEST_F(Perplexity, StridesByHalfAContext) {
  const eval::PerplexityScore score = measure(with_start());
  EXPECT_EQ(score.context, kContext);
  EXPECT_EQ(score.stride, kContext / 2);
  EXPECT_EQ(score.windows, (score.tokens - kContext + score.stride - 1) / score.stride + 1);
  eval::PerplexityOptions explicit_stride = with_start();
  explicit_stride.stride = kContext / 2;
  EXPECT_EQ(measure(explicit_stride).nats, score.nats);
}

// L-6.9: the same bits whatever goes through the model together and on how many threads.
TEST_F(Perplexity, BatchAndThreadsChangeNoBit) {
  eval::PerplexityOptions options = with_start();
  options.batch_tokens = 1;
  const eval::PerplexityScore alone = measure(options);
  options.batch_tokens = 7 * kContext;
  const eval::PerplexityScore together = measure(options);
  EXPECT_EQ(alone.nats, together.nats);
  EXPECT_EQ(alone.blocks, together.blocks);
  const int threads = num_threads();
  set_num_threads(1);
  const eval::PerplexityScore one_thread = measure(options);
  set_num_threads(threads);
  EXPECT_EQ(one_thread.nats, together.nats);
}

// Bits per byte are of the text as it is in the file: bytes that decoding would replace count as they are.
TEST_F(Perplexity, CountsRawBytesAndWords) {
  text_ = "one two\xff\xfe  three\n\nfour";
  const eval::PerplexityScore score = measure(with_start());
  EXPECT_EQ(score.bytes, std::ssize(text_));
  EXPECT_EQ(score.words, 4);
  EXPECT_DOUBLE_EQ(score.bits_per_byte(), score.nats / (std::numbers::ln2 * static_cast<double>(text_.size())));
  EXPECT_DOUBLE_EQ(score.word_perplexity(), std::exp(score.nats / 4));
}

TEST(TrapL6, BitsPerByteAreOfTheFilesBytesNotOfDecodedText) {
  const tokenizer::Tokenizer tokenizer = infer::testing::chat_tokenizer();
  model::ModelConfig config;
  config.sequence_len = 16;
  config.vocab_size = tokenizer.vocab_size();
  config.n_layer = 1;
  config.n_head = config.n_kv_head = 2;
  config.n_embd = 32;
  model::Transformer model(config, DType::kFloat32);
  model.initialise(1);
  const std::string text = "\xe4\xb8\x80\xe4\xba\x8c \xff\xff\xff";  // split characters and bytes that are no text
  eval::PerplexityOptions options;
  options.start = tokenizer.bos_id();
  const eval::PerplexityScore score = take(eval::measure_perplexity(model, tokenizer, text, options));
  int64_t decoded = 0;
  for (const int32_t id : tokenizer.encode(text)) decoded += std::ssize(tokenizer.decode(std::vector<int32_t>{id}));
  EXPECT_EQ(score.bytes, 10);
  EXPECT_GT(decoded, score.bytes);
}

TEST_F(Perplexity, WithoutATokenInFrontTheFirstCountsNowhere) {
  const eval::PerplexityScore score = measure({});
  EXPECT_EQ(score.tokens, std::ssize(text_) - 1);
  EXPECT_EQ(score.bytes, std::ssize(text_) - 1);
  EXPECT_NEAR(score.nats, walk(false, kContext, kContext / 2), 1e-9 * score.nats);
}

TEST_F(Perplexity, APartOfTheWindowsCountsItsOwnBytesAndWords) {
  eval::PerplexityOptions options = with_start();
  options.max_windows = 3;
  const eval::PerplexityScore part = measure(options);
  EXPECT_EQ(part.windows, 3);
  EXPECT_EQ(part.tokens, kContext + 2 * (kContext / 2));
  EXPECT_EQ(part.bytes, part.tokens);
  EXPECT_EQ(part.words, eval::count_words(std::string_view(text_).substr(0, static_cast<size_t>(part.bytes))));
}

TEST_F(Perplexity, TheIntervalHoldsTheScore) {
  const eval::PerplexityScore score = measure(with_start());
  const tasks::Interval range = score.interval();
  EXPECT_LT(range.low, score.perplexity());
  EXPECT_GT(range.high, score.perplexity());
  EXPECT_EQ(std::ssize(score.blocks), score.tokens / score.stride);
}

// L-6.2: the two published forms are told apart by their hash.
TEST(TextForm, IsToldByTheHash) {
  EXPECT_EQ(eval::form_of_text("173c87a53759e0201f33e0ccf978e510c2042d7f2cb78229d9a50d79b9e7dd08").name, "WikiText-2 test, raw");
  EXPECT_FALSE(eval::form_of_text(sha256_hex("anything")).known);
  const fs::path file = real_data("text/wikitext2_test.txt.zst");
  LATHE_NEEDS(file);
  const auto stream = take(data::ByteStream::open(file));
  std::string text, buffer(1 << 20, '\0');
  while (const size_t bytes = take(stream->read(buffer.data(), buffer.size()))) text.append(buffer, 0, bytes);
  EXPECT_EQ(eval::form_of_text(sha256_hex(text)).name, "WikiText-2 test, with <unk>");
}

TEST_F(Perplexity, RefusesWhatCannotBeMeasured) {
  const auto message = [&](const eval::PerplexityOptions& options) { return eval::measure_perplexity(model_, tokenizer_, text_, options).error().to_string(); };
  eval::PerplexityOptions options = with_start();
  options.stride = kContext + 1;
  EXPECT_NE(message(options).find("stride"), std::string::npos);
  options = with_start();
  options.context = 100000;
  EXPECT_NE(message(options).find("positions"), std::string::npos);
  text_.clear();
  EXPECT_NE(message(with_start()).find("no token"), std::string::npos);
  text_ = "a text";
  options = with_start();
  options.is_cancelled = [] { return true; };
  EXPECT_NE(message(options).find("cancelled"), std::string::npos);
}

}  // namespace
}  // namespace lathe::testing
