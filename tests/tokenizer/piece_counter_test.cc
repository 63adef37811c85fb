#include "tokenizer/piece_counter.h"

#include <malloc.h>
#include <sys/resource.h>

#include <csignal>
#include <map>

#include "core/parallel.h"
#include "core/rng.h"
#include "tests/ref/testing.h"
#include "tokenizer/bpe_trainer.h"

namespace lathe::tokenizer {
namespace {

using testing::check;
using testing::take;

using Counts = std::map<std::string, int64_t>;

Counts content(const WeightedPieces& pieces) {
  Counts counts;
  for (int64_t i = 0; i < pieces.size(); ++i) {
    EXPECT_FALSE(counts.contains(std::string(pieces.at(i)))) << "listed twice: " << pieces.at(i);
    counts[std::string(pieces.at(i))] = pieces.weights[static_cast<size_t>(i)];
  }
  return counts;
}

Counts content(const PieceTable& table) {
  Counts counts;
  for (const auto& [piece, weight] : table.entries()) counts[std::string(piece)] += weight;
  return counts;
}

bool add(PieceTable& table, const std::string& piece, int64_t weight = 1) {
  return table.add(piece, piece.data() + piece.size(), weight);
}

// Words of 1 to 40 letters, so that many are longer than a slot; most of them are distinct.
std::vector<std::string> documents_of_many_words(int count) {
  Rng rng(8, "words");
  std::vector<std::string> documents;
  for (int i = 0; i < count; ++i) {
    std::string text;
    for (int words = 0; words < 200; ++words) {
      for (uint64_t n = 1 + rng.below(rng.chance(0.2) ? 40 : 4); n > 0; --n) text += static_cast<char>('a' + rng.below(12));
      text += ' ';
    }
    documents.push_back(std::move(text));
  }
  return documents;
}

// A limit on the size of files stands in for a full disk: writing beyond it fails.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limited = before_;
    limited.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limited);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

std::vector<std::string_view> views(const std::vector<std::string>& documents) { return {documents.begin(), documents.end()}; }

Counts count_simply(const std::vector<std::string>& documents) {
  Counts counts;
  for (const std::string& text : documents)
    for_each_piece(chat_split(), text, [&](std::string_view piece) { ++counts[std::string(piece)]; });
  return counts;
}

TEST(PieceTable, CountsPiecesOfEveryLengthWhateverFollowsThem) {
  PieceTable table(1 << 20);
  const std::string text = std::string(3, '\0') + "abcdefghijklmnopqrstuvwxyz0123456789";
  const char* const end = text.data() + text.size();
  Counts expected;
  for (size_t length = 1; length <= 20; ++length)
    for (size_t begin = 0; begin + length <= text.size(); ++begin) {
      const std::string_view piece = std::string_view(text).substr(begin, length);
      EXPECT_TRUE(table.add(piece, end));
      EXPECT_TRUE(table.add(piece, piece.data() + length)) << "nothing may be read behind the piece";
      expected[std::string(piece)] += 2;
    }
  EXPECT_EQ(content(table), expected);
  EXPECT_EQ(table.size(), static_cast<int64_t>(expected.size()));
}

TEST(PieceTable, RefusesNewPiecesWhenFullAndStillCountsTheKnown) {
  PieceTable table(0);  // the smallest
  int64_t taken = 0;
  while (add(table, "w" + std::to_string(taken))) ++taken;
  EXPECT_GT(taken, 500);
  EXPECT_EQ(table.size(), taken);
  EXPECT_TRUE(add(table, "w0", 4));
  EXPECT_EQ(content(table).at("w0"), 5);
  table.clear();
  EXPECT_EQ(table.size(), 0);
  EXPECT_TRUE(add(table, "w" + std::to_string(taken)));
  EXPECT_TRUE(add(table, std::string(1 << 20, 'x'))) << "one piece is always taken, however long";
  EXPECT_FALSE(add(table, std::string(1 << 20, 'y')));
}

TEST(PieceCounter, EqualsASimpleCountForAnyThreadsAndMemory) {
  const std::vector<std::string> documents = documents_of_many_words(60);
  const Counts expected = count_simply(documents);
  const int before = num_threads();
  for (const int threads : {1, 2, 3})
    for (const int64_t memory : {int64_t{1}, int64_t{200'000}, int64_t{1} << 30}) {
      set_num_threads(threads);
      PieceCounter counter(chat_split(), memory);
      for (size_t i = 0; i < documents.size(); i += 7)
        check(counter.add(views({documents.begin() + static_cast<std::ptrdiff_t>(i),
                                 documents.begin() + static_cast<std::ptrdiff_t>(std::min(i + 7, documents.size()))})));
      EXPECT_EQ(content(take(counter.take())), expected) << threads << " threads, " << memory << " bytes";
      EXPECT_EQ(counter.runs() > 0, memory < 1'000'000) << "only a full table is written";
    }
  set_num_threads(before);
}

// C-2.1
TEST(TrainBpe, SpillingDoesNotChangeTheResult) {
  const std::vector<std::string> documents = documents_of_many_words(40);
  TrainSettings settings;
  settings.vocab_size = 500;
  const TrainResult whole = take(train_bpe(settings, documents));
  const TemporaryFolder folder;
  settings.memory = 1;
  settings.spill_folder = folder.path();
  const TrainResult spilled = take(train_bpe(settings, documents));
  EXPECT_EQ(whole.report.runs, 0);
  EXPECT_GT(spilled.report.runs, 3);
  EXPECT_EQ(spilled.report.distinct_pieces, whole.report.distinct_pieces);
  EXPECT_EQ(spilled.tokenizer.hash(), whole.tokenizer.hash());
  EXPECT_TRUE(fs::is_empty(folder.path())) << "the files have no name, so that a killed run leaves nothing";
}

TEST(TrainBpe, AFolderThatCannotHoldTheRunsIsAnErrorThatNamesIt) {
  TrainSettings settings;
  settings.vocab_size = 500;
  settings.memory = 1;
  settings.spill_folder = "/nonexistent/runs";
  const auto result = train_bpe(settings, documents_of_many_words(40));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().path, "/nonexistent/runs");
}

TEST(TrainBpe, AFullDiskIsAnErrorThatNamesTheWayOut) {
  const std::vector<std::string> documents = documents_of_many_words(40);
  TrainSettings settings;
  settings.vocab_size = 500;
  settings.memory = 1;
  const FileSizeLimit limit(4096);
  const auto result = train_bpe(settings, documents);
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message.find("--memory"), std::string::npos) << result.error().to_string();
}

// C-2.8: counts beyond 32 bits in the table, on disk, in the merged list and in the choice of the pair.
TEST(TrapT2, CountsAbove32BitsSurviveTableRunsAndMerging) {
  const int64_t half = (int64_t{1} << 31) + 7;
  const TemporaryFolder folder;
  PieceRuns runs(folder.path());
  for (int run = 0; run < 2; ++run) {
    PieceTable table(1 << 20);
    for (int twice = 0; twice < 2; ++twice) {
      ASSERT_TRUE(add(table, "the", half));
      ASSERT_TRUE(add(table, std::string(20, 'z'), half));
    }
    ASSERT_TRUE(add(table, "xy", 500));
    EXPECT_EQ(content(table).at("the"), 2 * half);
    check(runs.write(table.entries()));
  }
  WeightedPieces merged = take(merge_runs(runs.runs(), 1 << 16));
  const Counts counts = content(merged);
  EXPECT_EQ(counts.at("the"), 4 * half);
  EXPECT_EQ(counts.at(std::string(20, 'z')), 4 * half);
  EXPECT_EQ(counts.at("xy"), 1000);
  // 2^33 + 28 is 28 in 32 bits, and 19 times that is still less than the 1000 of "xy".
  EXPECT_EQ(take(learn_merges(std::move(merged), 1)), (std::vector<Merge>{{'z', 'z'}}));
}

int64_t heap_bytes() {
  const struct mallinfo2 heap = mallinfo2();
  return static_cast<int64_t>(heap.uordblks + heap.hblkhd);
}

TEST(TrapT4, TheMemoryOfCountingIsBoundedWhateverTheNumberOfDistinctPieces) {
  constexpr int64_t kMemory = 4 << 20;
  const int64_t before = heap_bytes();
  PieceCounter counter(chat_split(), kMemory);
  int64_t most = 0, number = 0;
  for (int block = 0; block < 40; ++block) {
    std::string text;
    for (int words = 0; words < 10'000; ++words) {
      text += ' ';
      for (int64_t rest = ++number; rest > 0; rest /= 26) text += static_cast<char>('a' + rest % 26);
    }
    check(counter.add(std::vector<std::string_view>{text}));
    most = std::max(most, heap_bytes() - before - static_cast<int64_t>(text.capacity()));
  }
  EXPECT_GT(counter.runs(), 2);
  EXPECT_LT(most, kMemory + (1 << 20)) << "400,000 distinct words take about 20 MB in a table";
  EXPECT_EQ(take(counter.take()).size(), 400'000);
}

}  // namespace
}  // namespace lathe::tokenizer
