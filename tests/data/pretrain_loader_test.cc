#include "data/pretrain_loader.h"

#include <gtest/gtest.h>

#include <map>

#include "data/document_stream.h"
#include "tests/data/files.h"

namespace lathe::data {
namespace {

using namespace lathe::data::testing;

using Ids = std::vector<int32_t>;

std::vector<Ids> run(TokenLoader& loader, int batches) {
  std::vector<Ids> all;
  TokenBatch batch;
  for (int i = 0; i < batches; ++i) {
    check(loader.next(batch));
    all.push_back(batch.ids);
  }
  return all;
}

// The rows of C-1.21 to C-1.26 written down plainly: an endless list of documents, a scan, a crop.
class PlainPacker {
 public:
  PlainPacker(std::vector<std::vector<std::string>> lists, int64_t buffer_size)
      : lists_(std::move(lists)), buffer_size_(buffer_size) {}
  Ids batch(int64_t rows, int64_t columns) {
    Ids inputs, targets;
    for (int64_t r = 0; r < rows; ++r) {
      const Ids row = pack(static_cast<size_t>(columns + 1));
      inputs.insert(inputs.end(), row.begin(), row.end() - 1);
      targets.insert(targets.end(), row.begin() + 1, row.end());
    }
    inputs.insert(inputs.end(), targets.begin(), targets.end());
    return inputs;
  }

 private:
  Ids pack(size_t capacity) {
    Ids row;
    while (row.size() < capacity) {
      while (std::ssize(buffer_) < buffer_size_)
        for (const std::string& text : lists_[next_++ % lists_.size()])
          buffer_.push_back(ByteEncoder::encode_one(text));
      size_t best = buffer_.size(), shortest = 0;
      for (size_t i = 0; i < buffer_.size(); ++i) {
        const size_t n = buffer_[i].size();
        if (n <= capacity - row.size() && (best == buffer_.size() || n > buffer_[best].size())) best = i;
        if (n < buffer_[shortest].size()) shortest = i;
      }
      if (best == buffer_.size()) best = shortest;
      Ids& chosen = buffer_[best];
      chosen.resize(std::min(chosen.size(), capacity - row.size()));
      row.insert(row.end(), chosen.begin(), chosen.end());
      buffer_.erase(buffer_.begin() + static_cast<std::ptrdiff_t>(best));
    }
    return row;
  }
  std::vector<std::vector<std::string>> lists_;
  int64_t buffer_size_;
  size_t next_ = 0;
  std::vector<Ids> buffer_;
};

using Make = std::unique_ptr<TokenLoader> (*)(std::shared_ptr<const Corpus>, Split, DocumentEncoder&,
                                              const PretrainLoaderOptions&);

class PretrainLoader : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.rows = 3;
    options_.columns = 50;
    options_.buffer_size = 20;
    options_.encode_batch = 7;
  }
  void write(const std::string& name, std::string_view bytes) {
    check(write_file_atomic(folder_.path() / name, bytes));
  }
  std::shared_ptr<const Corpus> shards() {
    write_parquet(folder_.path() / "a.parquet", documents("a", 57), 10);
    write_parquet(folder_.path() / "b.parquet", documents("b", 23), 10);
    write_parquet(folder_.path() / "c.parquet", documents("c", 31), 10);
    return take(Corpus::open(folder_.path()));
  }
  // The document lists of one pass of a rank.
  std::vector<std::vector<std::string>> lists(int64_t rank, int64_t world) {
    std::vector<std::vector<std::string>> all;
    for (const auto& [tag, count] : {std::pair{"a", 57}, {"b", 23}}) {
      const auto texts = documents(tag, count);
      for (int64_t begin = rank * 10; begin < count; begin += world * 10)
        for (int64_t i = begin; i < std::min<int64_t>(begin + 10, count); i += options_.encode_batch)
          all.emplace_back(texts.begin() + i,
                           texts.begin() + std::min({i + options_.encode_batch, begin + 10, int64_t{count}}));
    }
    return all;
  }
  std::unique_ptr<TokenLoader> make(const std::shared_ptr<const Corpus>& corpus, Make function = best_fit_loader,
                                    Split split = Split::kTrain) {
    return function(corpus, split, encoder_, options_);
  }

  TemporaryFolder folder_;
  ByteEncoder encoder_;
  PretrainLoaderOptions options_;
};

// C-1.22, C-1.23, C-1.26
TEST_F(PretrainLoader, PacksAsThePlainlyWrittenRule) {
  const auto corpus = shards();
  for (const int64_t world : {1, 2, 3}) {
    for (int64_t rank = 0; rank < world; ++rank) {
      for (const int64_t columns : {1, 13, 50, 400}) {
        for (const int64_t buffer : {1, 20, 200}) {
          options_.rank = rank, options_.world = world, options_.columns = columns, options_.buffer_size = buffer;
          PlainPacker plain(lists(rank, world), buffer);
          const auto loader = make(corpus);
          for (const Ids& batch : run(*loader, 8))
            ASSERT_EQ(batch, plain.batch(options_.rows, columns)) << columns << ' ' << buffer;
        }
      }
    }
  }
}

// C-1.24, C-1.27; trap L3: a target is the next input of its row, also across documents.
TEST_F(PretrainLoader, TrapL3TargetsAreTheNextInputsAndRowsBeginWithBos) {
  const auto loader = make(shards());
  TokenBatch batch;
  int64_t bos_targets = 0;
  for (int i = 0; i < 10; ++i) {
    check(loader->next(batch));
    ASSERT_EQ(std::ssize(batch.ids), 2 * options_.rows * options_.columns);
    EXPECT_EQ(batch.inputs().data() + batch.inputs().size(), batch.targets().data()) << "one buffer";
    for (int64_t r = 0; r < options_.rows; ++r) {
      const auto begin = static_cast<size_t>(r * options_.columns);
      EXPECT_EQ(batch.inputs()[begin], ByteEncoder::kBos);
      for (size_t t = 0; t + 1 < static_cast<size_t>(options_.columns); ++t)
        ASSERT_EQ(batch.targets()[begin + t], batch.inputs()[begin + t + 1]);
      for (size_t t = 0; t < static_cast<size_t>(options_.columns); ++t)
        bos_targets += batch.targets()[begin + t] == ByteEncoder::kBos;
    }
  }
  EXPECT_GT(bos_targets, 10) << "the next document's BOS is a target";
}

// Trap R1: an exact resume in the middle of an epoch neither starts the epoch again nor loses buffered documents.
TEST_F(PretrainLoader, TrapR1ExactResumeAtEveryBatchOverSeveralEpochs) {
  const auto corpus = shards();
  const Make kinds[] = {best_fit_loader, stream_loader};
  for (const Make kind : kinds) {
    for (int64_t rank = 0; rank < 2; ++rank) {
      options_.rank = rank, options_.world = 2;
      const auto whole = run(*make(corpus, kind), 40);
      const auto first = make(corpus, kind);
      TokenBatch batch;
      for (size_t stop = 0; stop < 38; ++stop) {
        const Json state = take(parse_json(first->state().dump(2)));
        const auto second = prefetch(make(corpus, kind));
        check(second->restore(state, ResumeMode::kExact));
        EXPECT_EQ(second->state(), state);
        const auto rest = run(*second, 2);
        ASSERT_EQ(rest[0], whole[stop]) << stop;
        ASSERT_EQ(rest[1], whole[stop + 1]) << stop;
        check(first->next(batch));
      }
      EXPECT_GT(first->state().at("epoch").as_int(), 2);
    }
  }
}

TEST_F(PretrainLoader, ExactResumeWorksOnTextFilesToo) {
  write("a.jsonl.gz", gzip(jsonl(documents("a", 400))));
  write("b.txt", [] {
    std::string text;
    for (const auto& part : documents("b", 200)) text += part + "\n<|endoftext|>\n";
    return text;
  }());
  const auto corpus = take(Corpus::open(folder_.path()));
  const auto whole = run(*make(corpus), 60);
  const auto first = make(corpus);
  run(*first, 37);
  const auto second = make(take(Corpus::open(folder_.path())));
  check(second->restore(first->state(), ResumeMode::kExact));
  EXPECT_EQ(run(*second, 23), std::vector<Ids>(whole.begin() + 37, whole.end()));
}

// Trap R3: after a resume in the tail of epoch 1 the later epochs are whole.
TEST_F(PretrainLoader, TrapR3EpochsAfterAResumeSeeTheWholeCorpus) {
  const auto corpus = shards();
  for (const ResumeMode mode : {ResumeMode::kExact, ResumeMode::kCompatible}) {
    DocumentStream stream(corpus, Split::kTrain, {0, 1, 7});
    if (mode == ResumeMode::kExact)
      check(stream.seek({1, {1, 1, 3}}));
    else
      check(stream.seek_after(1, 1, 1));
    std::map<int64_t, std::vector<std::string>> epochs;
    DocumentList list;
    while (!epochs.contains(4)) {
      check(stream.next(list));
      for (const auto& text : list.texts) epochs[list.epoch].push_back(text);
    }
    auto all = documents("a", 57);
    for (const auto& text : documents("b", 23)) all.push_back(text);
    EXPECT_EQ(epochs[1], std::vector<std::string>(all.end() - (mode == ResumeMode::kExact ? 10 : 3), all.end()));
    EXPECT_EQ(epochs[2], all);
    EXPECT_EQ(epochs[3], all);
  }
}

// Trap R4: the place after each list, also at the ends of groups, files and passes, is exactly the next list.
TEST_F(PretrainLoader, TrapR4StreamPositionIsNotOffByOne) {
  const auto corpus = shards();
  for (const int64_t list_size : {1, 5, 10, 128}) {
    for (const int64_t rank : {0, 1}) {
      DocumentStream stream(corpus, Split::kTrain, {rank, 2, list_size});
      DocumentList list, again;
      for (int i = 0; i < 120; ++i) {
        DocumentStream other(corpus, Split::kTrain, {rank, 2, list_size});
        check(other.seek(stream.cursor()));
        check(stream.next(list));
        check(other.next(again));
        ASSERT_EQ(again.texts, list.texts);
        ASSERT_EQ(again.first, list.first);
        ASSERT_EQ(again.epoch, list.epoch);
      }
    }
  }
}

// C-1.21; trap R5: each rank has a state of its own, and another rank's is refused.
TEST_F(PretrainLoader, TrapR5StateOfAnotherRankIsRefused) {
  const auto corpus = shards();
  options_.world = 2;
  const auto zero = make(corpus);
  options_.rank = 1;
  const auto one = make(corpus);
  EXPECT_NE(run(*zero, 3), run(*one, 3));
  EXPECT_NE(zero->state(), one->state());
  const std::string error = message(make(corpus)->restore(zero->state(), ResumeMode::kExact));
  EXPECT_NE(error.find("rank 0 of 2, this is rank 1 of 2"), std::string::npos) << error;
  options_.rank = 0, options_.world = 1;
  EXPECT_NE(message(make(corpus)->restore(zero->state(), ResumeMode::kExact)).find("as many ranks"), std::string::npos);
  check(make(corpus)->restore(one->state(), ResumeMode::kCompatible));
}

// Trap R6: a corpus smaller than a batch is repeated, or refused with a reason; nothing waits for ever.
TEST_F(PretrainLoader, TrapR6TinyCorpusNeverHangs) {
  write("a.jsonl", jsonl({"", "b"}));
  const auto corpus = take(Corpus::open(folder_.path()));
  options_.rows = 8, options_.columns = 100, options_.buffer_size = 1000;
  for (const Make kind : {Make{best_fit_loader}, Make{stream_loader}}) {
    for (const Split split : {Split::kTrain, Split::kValidation}) {
      const auto loader = prefetch(make(corpus, kind, split));
      EXPECT_EQ(run(*loader, 3).size(), 3u);
      EXPECT_GT(loader->state().at("epoch").as_int(), 100);
    }
  }
  // More ranks than groups.
  options_.world = 2, options_.rank = 1;
  TokenBatch batch;
  const std::string starved = message(prefetch(make(corpus))->next(batch));
  EXPECT_NE(starved.find("use fewer ranks"), std::string::npos) << starved;
  // No validation at all.
  options_.world = 1, options_.rank = 0;
  const auto train_only = take(Corpus::open(folder_.path(), SplitRule::kTrainOnly));
  const std::string empty = message(make(train_only, best_fit_loader, Split::kValidation)->next(batch));
  EXPECT_NE(empty.find("no validation document"), std::string::npos) << empty;
}

// C-1.30
TEST_F(PretrainLoader, ValidationStartsAnewEachTime) {
  const auto corpus = shards();
  const auto first = run(*make(corpus, best_fit_loader, Split::kValidation), 6);
  EXPECT_EQ(run(*make(corpus, best_fit_loader, Split::kValidation), 6), first);
  for (const Ids& batch : first)
    for (size_t i = 0; i < batch.size() / 2; ++i)
      if (batch[i] == ByteEncoder::kBos) ASSERT_EQ(batch[i + batch.size() / 2], 'c') << "a training document";
}

// C-1.28, C-1.34: the state names the group last read; one refill adds one list, so the buffer may pass its size.
TEST_F(PretrainLoader, BufferRunsAheadByWholeLists) {
  options_.buffer_size = 21, options_.rows = 1, options_.columns = 1;
  const auto loader = make(shards());
  run(*loader, 1);
  const Json state = loader->state();
  EXPECT_EQ(state.at("pq_idx").as_int(), 0);
  EXPECT_EQ(state.at("rg_idx").as_int(), 2);  // lists of 7 3 7 3 7: the fifth passes 21
  EXPECT_EQ(state.at("exact").at("buffer").size(), 3u * 26) << "27 read, one cropped into the row";
}

// C-1.29
TEST_F(PretrainLoader, CompatibleResumeTakesTheOriginsStates) {
  const auto corpus = shards();
  const auto first_document = [&](const char* state, int64_t rank, int64_t world) {
    options_.rank = rank, options_.world = world, options_.buffer_size = 1, options_.encode_batch = 1;
    const auto loader = make(corpus, stream_loader);
    check(loader->restore(take(parse_json(state)), ResumeMode::kCompatible));
    const Ids batch = run(*loader, 1)[0];
    std::string text;
    for (size_t i = 1; i < batch.size() && batch[i] < 256; ++i) text += static_cast<char>(batch[i]);
    return text.substr(0, text.find_first_not_of("ab0123456789")) + "@" +
           std::to_string(loader->state().at("epoch").as_int());
  };
  EXPECT_EQ(first_document("{\"pq_idx\": 0, \"rg_idx\": 2, \"epoch\": 3}", 0, 1).substr(0, 3), "a30");
  EXPECT_EQ(first_document("{\"pq_idx\": 0, \"rg_idx\": 2}", 1, 2).substr(0, 3), "a50");
  EXPECT_EQ(first_document("{\"pq_idx\": 0, \"rg_idx\": 5}", 0, 1).substr(0, 2), "b0");
  EXPECT_TRUE(first_document("{\"pq_idx\": 1, \"rg_idx\": 0}", 0, 1).ends_with("@1"));
  EXPECT_TRUE(first_document("{\"pq_idx\": 1, \"rg_idx\": 2}", 0, 1).ends_with("@2"));
}

// C-1.31
TEST_F(PretrainLoader, StreamLoaderCutsOneStreamAndRepeatsOneToken) {
  const auto corpus = shards();
  Ids stream;
  for (int pass = 0; pass < 3; ++pass)
    for (const auto& list : lists(0, 1))
      for (const auto& text : list)
        for (const int32_t id : ByteEncoder::encode_one(text)) stream.push_back(id);
  const auto loader = make(corpus, stream_loader);
  const int64_t tokens = options_.rows * options_.columns;
  TokenBatch batch;
  for (int64_t i = 0; i < 30; ++i) {
    check(loader->next(batch));
    ASSERT_TRUE(std::equal(batch.inputs().begin(), batch.inputs().end(), stream.begin() + i * tokens)) << i;
    ASSERT_TRUE(std::equal(batch.targets().begin(), batch.targets().end(), stream.begin() + i * tokens + 1)) << i;
  }
}

TEST_F(PretrainLoader, ForeignOrDamagedStatesAreErrors) {
  const auto corpus = shards();
  const auto loader = make(corpus);
  run(*loader, 2);
  const Json good = loader->state();
  const auto error = [&](const Json& state, Make kind = best_fit_loader) {
    return message(make(corpus, kind)->restore(state, ResumeMode::kExact));
  };
  EXPECT_EQ(error(good), "");
  EXPECT_NE(error(good, stream_loader).find("\"best_fit\""), std::string::npos);
  EXPECT_NE(error(take(parse_json("{\"pq_idx\": 0, \"rg_idx\": 0, \"epoch\": 1}"))).find("compatible mode"),
            std::string::npos);
  EXPECT_NE(error(Json()), "");
  EXPECT_NE(error(Json("x")), "");
  const auto spoiled = [&](const char* key, Json value) {
    Json state = good;
    state["exact"][key] = std::move(value);
    return error(state);
  };
  EXPECT_NE(spoiled("corpus", "0000000000000000").find("not the one of the checkpoint"), std::string::npos);
  EXPECT_NE(spoiled("corpus", 3), "");
  EXPECT_NE(spoiled("rank", "zero"), "");
  EXPECT_NE(spoiled("cursor", Json::Array{1, 2}), "");
  EXPECT_NE(spoiled("cursor", Json::Array{1, 99, 0, 0}).find("not in this corpus"), std::string::npos);
  EXPECT_NE(spoiled("cursor", Json::Array{0, 0, 0, 0}), "");
  EXPECT_NE(spoiled("cursor", Json::Array{1, 0, -1, 0}), "");
  EXPECT_NE(spoiled("buffer", Json::Array{0, 0}), "");
  EXPECT_NE(spoiled("buffer", Json::Array{0, 0, 10}).find("not there"), std::string::npos);
  EXPECT_NE(spoiled("buffer", Json::Array{0, 6, 0}).find("not there"), std::string::npos);
  EXPECT_NE(spoiled("buffer", Json::Array{-1, 0, 0}), "");
  EXPECT_NE(spoiled("buffer", Json::Array{"a", 0, 0}), "");
  EXPECT_NE(message(make(corpus)->restore(take(parse_json("{\"pq_idx\": 5, \"rg_idx\": 0}")), ResumeMode::kCompatible)),
            "");
  EXPECT_NE(message(make(corpus)->restore(take(parse_json("{\"pq_idx\": 0, \"rg_idx\": 9223372036854775807}")),
                                          ResumeMode::kCompatible)),
            "");
  EXPECT_THROW((void)loader->restore(good, ResumeMode::kExact), std::invalid_argument) << "after the first batch";
}

TEST_F(PretrainLoader, BadDocumentReachesTheCallerThroughThePrefetch) {
  write("a.jsonl", jsonl(documents("a", 100)) + "{\"text\": oops}\n" + jsonl(documents("z", 20)));
  const auto loader = prefetch(make(take(Corpus::open(folder_.path()))), 4);
  TokenBatch batch;
  std::string error;
  for (int i = 0; i < 100 && error.empty(); ++i) error = message(loader->next(batch));
  EXPECT_NE(error.find("line 101"), std::string::npos) << error;
  EXPECT_EQ(message(loader->next(batch)), error) << "and again";
}

TEST_F(PretrainLoader, WrongOptionsThrow) {
  const auto corpus = shards();
  const auto with = [&](auto change) {
    PretrainLoaderOptions options = options_;
    change(options);
    return best_fit_loader(corpus, Split::kTrain, encoder_, options);
  };
  EXPECT_THROW(with([](auto& o) { o.rows = 0; }), std::invalid_argument);
  EXPECT_THROW(with([](auto& o) { o.columns = -1; }), std::invalid_argument);
  EXPECT_THROW(with([](auto& o) { o.buffer_size = 0; }), std::invalid_argument);
  EXPECT_THROW(with([](auto& o) { o.rank = 1; }), std::invalid_argument);
  EXPECT_THROW(with([](auto& o) { o.encode_batch = 0; }), std::invalid_argument);
  EXPECT_THROW(prefetch(make(corpus), 0), std::invalid_argument);
}

}  // namespace
}  // namespace lathe::data
