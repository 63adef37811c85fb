#include "data/window_loader.h"

#include <set>

#include "core/rng.h"
#include "files.h"

namespace lathe::data {
namespace {

using namespace testing;

std::vector<int32_t> numbers(int64_t count) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) ids.push_back(static_cast<int32_t>(i));
  return ids;
}

WindowLoaderOptions small(int64_t rows = 4) {
  WindowLoaderOptions options;
  options.rows = rows;
  options.block_size = 16;
  return options;
}

// Inputs and targets of `count` batches.
std::vector<std::vector<int32_t>> batches(TokenLoader& loader, int64_t count) {
  std::vector<std::vector<int32_t>> all;
  TokenBatch batch;
  for (int64_t i = 0; i < count; ++i) {
    check(loader.next(batch));
    all.push_back(batch.ids);
  }
  return all;
}

// L-11.25
TEST(WindowLoader, WindowsAreNamedBySeedAndGlobalSample) {
  const TokenStream stream = TokenStream::in_memory(numbers(1000));
  const auto rows_of = [&](int64_t rows, int64_t world, uint64_t seed) {
    std::vector<std::vector<int32_t>> all;
    std::vector<std::unique_ptr<WindowLoader>> ranks;
    for (int64_t rank = 0; rank < world; ++rank) {
      WindowLoaderOptions options = small(rows);
      options.rank = rank, options.world = world, options.seed = seed;
      ranks.push_back(window_loader(stream, {0, 900}, options));
    }
    TokenBatch batch;
    while (all.size() < 240)
      for (auto& rank : ranks) {
        check(rank->next(batch));
        for (int64_t r = 0; r < rows; ++r) {
          all.emplace_back(batch.inputs().begin() + r * 16, batch.inputs().begin() + (r + 1) * 16);
          for (int64_t t = 0; t < 16; ++t) {  // tokens are their own positions
            EXPECT_EQ(all.back()[static_cast<size_t>(t)], all.back()[0] + t);
            EXPECT_EQ(batch.targets()[static_cast<size_t>(r * 16 + t)], all.back()[0] + t + 1);
          }
        }
      }
    return all;
  };
  const auto expected = rows_of(1, 1, 42);
  EXPECT_EQ(rows_of(6, 1, 42), expected);
  EXPECT_EQ(rows_of(4, 3, 42), expected);
  EXPECT_NE(rows_of(1, 1, 43), expected);
  std::set<int32_t> starts;
  for (const auto& row : expected) starts.insert(row[0]);
  EXPECT_GT(starts.size(), 180u);
  EXPECT_GE(*starts.begin(), 0);
  EXPECT_LT(*starts.rbegin(), 900 - 16);
}

// L-11.29
TEST(WindowLoader, AnyNumberOfWorkersGivesTheSameBatchesInOrder) {
  const TokenStream stream = TokenStream::in_memory(numbers(5000));
  std::vector<std::vector<int32_t>> expected;
  for (const int64_t workers : {0, 1, 4})
    for (const bool persistent : {true, false}) {
      WindowLoaderOptions options = small();
      options.workers = workers;
      options.prefetch_factor = 3;
      options.persistent_workers = persistent;
      auto loader = window_loader(stream, {100, 4000}, options);
      auto seen = batches(*loader, 40);
      loader->pause();  // nothing is lost by ending the workers
      for (auto& batch : batches(*loader, 40)) seen.push_back(std::move(batch));
      if (expected.empty()) expected = seen;
      EXPECT_EQ(seen, expected) << workers;
    }
}

// L-11.17
TEST(WindowLoader, TheMapAndTheMemoryDrawIdenticalBatches) {
  const TemporaryFolder folder;
  std::string text;
  Rng rng(3, "text");
  for (int i = 0; i < 3000; ++i) text += static_cast<char>('a' + rng.below(26));
  check(write_file_atomic(folder.path() / "data.txt", text));
  for (const int64_t vocab : {256, 100000}) {  // tokens of 2 and 4 bytes
    TokenStream::Source source{folder.path() / "data.txt", std::string(64, 'a'), vocab,
                               [&](const std::string& t) -> Result<std::vector<int32_t>> {
                                 std::vector<int32_t> ids;
                                 for (const char c : t) ids.push_back(vocab == 256 ? c : 70000 + c);
                                 return ids;
                               }};
    const TokenStream mapped = take(TokenStream::memory_mapped(folder.path() / "out", source, false));
    EXPECT_TRUE(mapped.is_mapped());
    ASSERT_EQ(mapped.size(), 3000);
    EXPECT_EQ(static_cast<int64_t>(fs::file_size(folder.path() / "out/tokens.bin")), 3000 * (vocab == 256 ? 2 : 4));
    const TokenStream memory = TokenStream::in_memory(take(source.encode(text)));
    EXPECT_FALSE(memory.is_mapped());
    auto a = window_loader(mapped, {0, 3000}, small()), b = window_loader(memory, {0, 3000}, small());
    EXPECT_EQ(batches(*a, 50), batches(*b, 50));
  }
}

// L-11.15, L-11.16
TEST(TokenStream, IsReusedForTheSameTextAndTokenizerAloneAndRefusedOnResume) {
  const TemporaryFolder folder;
  const fs::path data = folder.path() / "data.txt", out = folder.path() / "out";
  check(write_file_atomic(data, std::string(500, 'x')));
  int encoded = 0;
  TokenStream::Source source{data, std::string(64, 'a'), 256,
                             [&](const std::string& t) -> Result<std::vector<int32_t>> {
                               ++encoded;
                               return std::vector<int32_t>(t.begin(), t.end());
                             }};
  const auto open = [&](bool resume) { return TokenStream::memory_mapped(out, source, resume); };
  EXPECT_FALSE(open(true).ok()) << "nothing to resume";
  take(open(false));
  take(open(false));
  take(open(true));
  EXPECT_EQ(encoded, 1);
  const Json meta = take(read_json(out / "tokens_meta.json"));
  EXPECT_EQ(meta.at("tokens").as_int(), 500);
  EXPECT_EQ(meta.at("token_bytes").as_int(), 2);
  EXPECT_EQ(meta.at("vocab_size").as_int(), 256);
  EXPECT_EQ(meta.at("data_bytes").as_int(), 500);
  EXPECT_EQ(meta.at("data_sha256").as_string().size(), 64u);

  const auto changes = [&](const char* what) {
    const auto refused = open(true);
    ASSERT_FALSE(refused.ok()) << what;
    EXPECT_NE(refused.error().to_string().find("tokens.bin"), std::string::npos);
    EXPECT_NE(refused.error().to_string().find(what), std::string::npos) << refused.error().to_string();
    const int before = encoded;
    take(open(false));
    EXPECT_EQ(encoded, before + 1) << what;
  };
  check(write_file_atomic(data, std::string(499, 'x') + "y"));  // the same size
  changes("data_sha256");
  source.tokenizer_hash = std::string(64, 'b');  // the same vocabulary size
  changes("tokenizer_sha256");
  fs::resize_file(out / "tokens.bin", 998);
  changes("1000 bytes");
  std::string bytes = take(read_file(out / "tokens.bin"));
  bytes[7] ^= 1;
  check(write_file_atomic(out / "tokens.bin", bytes));
  changes("bytes were changed");
  check(write_file_atomic(out / "tokens_meta.json", "{"));
  EXPECT_FALSE(open(true).ok());
}

// L-11.72, L-11.25
TEST(SplitWindows, TheTailValidatesAndNoWindowCrossesTheBorder) {
  const WindowSplit split = take(split_windows(1000, 0.1, 16));
  EXPECT_EQ(split.train.end, 900);
  EXPECT_EQ(split.validation.begin, 900);
  const TokenStream stream = TokenStream::in_memory(numbers(1000));
  auto loader = window_loader(stream, split.train, small());
  for (const auto& batch : batches(*loader, 300))
    for (const int32_t id : batch) ASSERT_LT(id, 900);
  TokenBatch batch;
  for (int64_t i = 0; i < 300; ++i) {
    eval_windows(stream, split.validation, EvalSplit::kValidation, 42, i, 4, 16, batch);
    for (const int32_t id : batch.ids) ASSERT_GE(id, 900);
  }
  EXPECT_EQ(take(split_windows(100, 0, 99)).validation.size(), 0);
  const auto message = [](int64_t tokens, double fraction, int64_t block) {
    return split_windows(tokens, fraction, block).error().to_string();
  };
  EXPECT_NE(message(100, 0.1, 10).find("val_fraction"), std::string::npos) << "10 tokens, a window needs 11";
  EXPECT_TRUE(split_windows(110, 0.1, 10).ok());
  EXPECT_NE(message(100, 0, 100).find("block_size + 1 = 101"), std::string::npos);
  EXPECT_NE(message(100, 1, 10).find("val_fraction"), std::string::npos);
}

// L-11.71
TEST(EvalWindows, AreTheSameAtEveryEvaluationAndApartFromTraining) {
  const TokenStream stream = TokenStream::in_memory(numbers(1000));
  auto loader = window_loader(stream, {0, 900}, small());
  TokenBatch first, second, other;
  eval_windows(stream, {0, 900}, EvalSplit::kTrain, 42, 3, 4, 16, first);
  const auto training = batches(*loader, 5);
  eval_windows(stream, {0, 900}, EvalSplit::kTrain, 42, 3, 4, 16, second);
  EXPECT_EQ(first.ids, second.ids);
  eval_windows(stream, {0, 900}, EvalSplit::kTrain, 42, 4, 4, 16, other);
  EXPECT_NE(first.ids, other.ids);
  eval_windows(stream, {0, 900}, EvalSplit::kValidation, 42, 3, 4, 16, other);
  EXPECT_NE(first.ids, other.ids);
  eval_windows(stream, {0, 900}, EvalSplit::kTrain, 43, 3, 4, 16, other);
  EXPECT_NE(first.ids, other.ids);
  EXPECT_EQ(batches(*window_loader(stream, {0, 900}, small()), 5), training)
      << "training draws what it draws without evaluations";
  EXPECT_NE(first.ids, training[3]);
}

// L-11.59
TEST(Curriculum, LengthsRampInMultiplesOfEightAndEndExactly) {
  Curriculum c;
  c.start = 32, c.full = 128, c.steps = 2000;
  EXPECT_EQ(c.length(0), 32);
  EXPECT_EQ(c.length(166), 32);
  EXPECT_EQ(c.length(167), 40);
  EXPECT_EQ(c.length(1000), 80);
  EXPECT_EQ(c.length(1999), 120);
  EXPECT_EQ(c.length(2000), 128);
  EXPECT_EQ(c.length(1'000'000), 128);
  for (int64_t s = 0; s < 2000; ++s) {
    EXPECT_EQ(c.length(s) % 8, 0);
    EXPECT_LE(c.length(s), c.length(s + 1));
  }
  c.start = 30, c.full = 131;
  EXPECT_EQ(c.length(0), 30) << "never below the start";
  EXPECT_EQ(c.length(2000), 131) << "exactly the block size";
  c.multiple = 1;
  EXPECT_EQ(c.length(1000), 80);
  c.start = 132;
  EXPECT_EQ(c.check().error().path, "curriculum_start_block_size");
  c.start = 131;
  EXPECT_TRUE(c.check().ok());
}

// L-11.60
TEST(Curriculum, SaysWhatTheRunNeverReaches) {
  const Curriculum defaults;
  EXPECT_EQ(defaults.longest(2000), 120);
  const auto notes = defaults.notes(2000);
  ASSERT_EQ(notes.size(), 2u);
  EXPECT_NE(notes[0].find("longest that this run trains is 120"), std::string::npos);
  EXPECT_NE(notes[1].find("more than half of --max_steps 2000"), std::string::npos);
  EXPECT_EQ(defaults.notes(4000).size(), 1u);
  EXPECT_EQ(defaults.notes(3999).size(), 2u);
}

// L-11.59
TEST(WindowLoader, TheCurriculumCutsWindowsAndNeverMovesThem) {
  const TokenStream stream = TokenStream::in_memory(numbers(5000));
  WindowLoaderOptions options = small();
  auto plain = window_loader(stream, {0, 5000}, options);
  options.accumulation = 2;
  Curriculum ramp;
  ramp.start = 8, ramp.full = 16, ramp.steps = 10;
  options.curriculum = ramp;
  auto ramped = window_loader(stream, {0, 5000}, options);
  TokenBatch full, cut;
  for (int64_t micro = 0; micro < 30; ++micro) {
    check(plain->next(full));
    check(ramped->next(cut));
    ASSERT_EQ(cut.columns, ramp.length(micro / 2)) << "of the step, not of the micro batch";
    for (int64_t row = 0; row < 4; ++row)
      for (int64_t t = 0; t < cut.columns; ++t)
        ASSERT_EQ(cut.inputs()[static_cast<size_t>(row * cut.columns + t)],
                  full.inputs()[static_cast<size_t>(row * 16 + t)]);
  }
  EXPECT_EQ(cut.columns, 16);

  // The step follows from the samples: with other samples a step the widths would shift.
  const Json state = ramped->state();
  options.accumulation = 1;
  const Status refused = window_loader(stream, {0, 5000}, options)->restore(state, ResumeMode::kExact);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("had 8 samples, now has 4"), std::string::npos) << refused.error().message;
  options.rows = 8;
  EXPECT_TRUE(window_loader(stream, {0, 5000}, options)->restore(state, ResumeMode::kExact).ok());
}

// L-11.25
TEST(WindowLoader, AResumedRunGoesOnWithTheNextSample) {
  const TokenStream stream = TokenStream::in_memory(numbers(5000));
  WindowLoaderOptions options = small();
  options.workers = 2;
  auto whole = window_loader(stream, {0, 4000}, options);
  const auto expected = batches(*whole, 30);
  auto first = window_loader(stream, {0, 4000}, options);
  batches(*first, 11);
  auto second = window_loader(stream, {0, 4000}, options);
  check(second->restore(first->state(), ResumeMode::kExact));
  EXPECT_EQ(batches(*second, 19), (std::vector<std::vector<int32_t>>(expected.begin() + 11, expected.end())));
  EXPECT_FALSE(window_loader(stream, {0, 4001}, options)->restore(first->state(), ResumeMode::kExact).ok());
}

}  // namespace
}  // namespace lathe::data
