#include "serve/model_pool.h"

#include <atomic>
#include <future>
#include <map>
#include <thread>

#include "core/rng.h"
#include "tests/infer/mock_model.h"

namespace lathe::serve {
namespace {

using Lookup = ModelPool::Lookup;

std::shared_ptr<ServedModel> served(const std::string& name) {
  return std::make_shared<ServedModel>(ServedModel{.name = name, .tokenizer = infer::testing::chat_tokenizer()});
}

// Entries that count how often they are loaded and thrown out.
struct Shelf {
  std::map<std::string, std::atomic<int>> loads, living;
  std::map<std::string, std::atomic<bool>> fails;
  std::atomic<int> most_living{0};

  ModelEntry entry(const std::string& name) {
    loads[name] = 0, living[name] = 0, fails[name] = false;
    ModelEntry out;
    out.name = name;
    out.load = [this, name]() -> Result<std::shared_ptr<ServedModel>> {
      ++loads[name];
      if (fails[name]) return error_at("weights", 3, "are damaged");
      std::shared_ptr<ServedModel> model = served(name);
      ++living[name];
      int all = 0;
      for (const auto& [other, count] : living) all += count;
      if (all > most_living) most_living = all;
      model->keep = std::shared_ptr<void>(nullptr, [this, name](void*) { --living[name]; });
      return model;
    };
    return out;
  }
  static ModelEntry adapter(const std::string& name, const std::string& base, int32_t number) {
    ModelEntry out;
    out.name = name, out.base = base, out.adapter = number;
    return out;
  }
};

Lookup find(ModelPool& pool, std::string_view name) {
  const auto promise = std::make_shared<std::promise<Lookup>>();
  std::future<Lookup> answer = promise->get_future();
  pool.find(name, [promise](Lookup found) { promise->set_value(std::move(found)); });
  return answer.get();
}

void wait_until_ready(const ModelPool& pool) {
  while (!pool.state().ready) std::this_thread::yield();
}

TEST(ModelPool, TheFirstEntryIsLoadedAtOnceAndTheOthersWhenAskedFor) {
  Shelf shelf;
  ModelPool pool(2);
  EXPECT_FALSE(pool.state().ready);
  EXPECT_EQ(find(pool, "a").failure, ModelPool::Failure::kUnavailable);
  pool.set_entries({shelf.entry("a"), shelf.entry("b")});
  wait_until_ready(pool);
  EXPECT_EQ(shelf.loads["b"], 0);
  EXPECT_EQ(find(pool, "").target.model->name, "a");
  EXPECT_EQ(find(pool, "b").target.model->name, "b");
  EXPECT_EQ(find(pool, "a").target.model->name, "a");
  EXPECT_EQ(shelf.loads["a"], 1);
  EXPECT_EQ(pool.state().models.size(), 2u);
  EXPECT_FALSE(pool.entries()[0].load);
  const Lookup unknown = find(pool, "c");
  EXPECT_EQ(unknown.failure, ModelPool::Failure::kUnknown);
  EXPECT_EQ(unknown.target.model, nullptr);
  EXPECT_NE(unknown.message.find("\"c\""), std::string::npos);
}

TEST(ModelPool, TheModelIdleForLongestMakesRoom) {
  Shelf shelf;
  ModelPool pool(2);
  pool.set_entries({shelf.entry("a"), shelf.entry("b"), shelf.entry("c")});
  (void)find(pool, "a");
  (void)find(pool, "b");
  (void)find(pool, "a");
  (void)find(pool, "c");
  EXPECT_EQ(shelf.living["a"], 1);
  EXPECT_EQ(shelf.living["b"], 0);
  EXPECT_EQ(shelf.living["c"], 1);
  EXPECT_EQ(find(pool, "b").target.model->name, "b");
  EXPECT_EQ(shelf.loads["b"], 2);
  EXPECT_EQ(shelf.living["a"], 0);
  EXPECT_EQ(shelf.most_living, 2) << "the old one goes before the new one comes";
  EXPECT_TRUE(pool.state().ready) << "the first has been there";
}

TEST(ModelPool, AModelInUseStaysAndTheNextOneIsUnavailableUntilItIsNot) {
  Shelf shelf;
  ModelPool pool(1);
  pool.set_entries({shelf.entry("a"), shelf.entry("b")});
  Lookup held = find(pool, "a");
  const Lookup refused = find(pool, "b");
  EXPECT_EQ(refused.failure, ModelPool::Failure::kUnavailable);
  EXPECT_NE(refused.message.find("in use"), std::string::npos);
  EXPECT_EQ(shelf.loads["b"], 0);
  held = {};
  EXPECT_EQ(find(pool, "b").target.model->name, "b");
}

TEST(ModelPool, AdaptersAreNamesOfOneLoadedModel) {
  Shelf shelf;
  ModelPool pool;
  pool.set_entries({shelf.entry("base"), Shelf::adapter("polite", "base", 0), Shelf::adapter("rude", "base", 1)});
  const Lookup base = find(pool, "base"), polite = find(pool, "polite"), rude = find(pool, "rude");
  EXPECT_EQ(polite.target.model, base.target.model);
  EXPECT_EQ(base.target.adapter, -1);
  EXPECT_EQ(polite.target.adapter, 0);
  EXPECT_EQ(rude.target.adapter, 1);
  EXPECT_EQ(shelf.loads["base"], 1);
  EXPECT_EQ(pool.entries().size(), 3u);
  EXPECT_EQ(pool.state().models.size(), 1u);
}

TEST(ModelPool, AFailedLoadIsToldAndTriedAgainAtTheNextRequest) {
  Shelf shelf;
  ModelPool pool;
  ModelEntry entry = shelf.entry("a");
  shelf.fails["a"] = true;
  pool.set_entries({entry});
  const Lookup failed = find(pool, "a");
  EXPECT_EQ(failed.failure, ModelPool::Failure::kUnavailable);
  EXPECT_NE(failed.message.find("could not be loaded"), std::string::npos);
  EXPECT_EQ(failed.message.find("weights"), std::string::npos) << "paths of this machine stay in its log";
  EXPECT_FALSE(pool.state().ready);
  shelf.fails["a"] = false;
  EXPECT_NE(find(pool, "a").target.model, nullptr);
  EXPECT_TRUE(pool.state().ready);
}

TEST(ModelPool, ALoadThatThrowsIsAFailedLoad) {
  ModelPool pool;
  ModelEntry entry;
  entry.name = "a";
  entry.load = []() -> Result<std::shared_ptr<ServedModel>> { throw std::bad_alloc(); };
  pool.set_entries({entry});
  EXPECT_EQ(find(pool, "a").failure, ModelPool::Failure::kUnavailable);
}

TEST(ModelPool, StopsWhileALoadIsUnderWayAndNobodyWaitsForEver) {
  std::promise<void> began, go_on;
  std::atomic<bool> living{false};
  ModelPool pool;
  ModelEntry entry;
  entry.name = "slow";
  entry.load = [&, future = go_on.get_future().share()]() -> Result<std::shared_ptr<ServedModel>> {
    began.set_value();
    future.wait();
    auto model = served("slow");
    living = true;
    model->keep = std::shared_ptr<void>(nullptr, [&](void*) { living = false; });
    return model;
  };
  pool.set_entries({entry});
  began.get_future().wait();
  std::promise<Lookup> answer;
  pool.find("slow", [&](Lookup found) { answer.set_value(std::move(found)); });
  std::thread stopper([&] { pool.stop("good night"); });
  const Lookup told = answer.get_future().get();  // before the load has ended
  EXPECT_EQ(told.failure, ModelPool::Failure::kUnavailable);
  EXPECT_EQ(told.message, "good night");
  go_on.set_value();
  stopper.join();
  EXPECT_FALSE(living);
  EXPECT_EQ(find(pool, "slow").message, "good night");
  EXPECT_FALSE(pool.state().ready);
}

TEST(ModelPool, RefusesEntriesThatRestOnNothing) {
  Shelf shelf;
  EXPECT_THROW(ModelPool(0), std::invalid_argument);
  EXPECT_THROW(ModelPool().set_entries({}), std::invalid_argument);
  EXPECT_THROW(ModelPool().set_entries({Shelf::adapter("x", "nothing", 0)}), std::invalid_argument);
  EXPECT_THROW(ModelPool().set_entries({shelf.entry("a"), shelf.entry("a")}), std::invalid_argument);
}

// Many threads at once: every question is answered, with the model that was asked for.
TEST(ModelPool, AnswersEverybodyWhoeverElseAsks) {
  Shelf shelf;
  ModelPool pool(2);
  pool.set_entries({shelf.entry("a"), shelf.entry("b"), shelf.entry("c"), Shelf::adapter("b2", "b", 3), shelf.entry("d")});
  std::atomic<int> wrong{0}, found_count{0}, refused{0};
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 6; ++t)
    threads.emplace_back([&, t] {
      Rng random(t, "model_pool_test");
      const std::vector<std::string> names = {"a", "b", "c", "b2", "d", "x"};
      for (int i = 0; i < 200; ++i) {
        const std::string& name = names[static_cast<size_t>(random.below(names.size()))];
        const Lookup lookup = find(pool, name);
        if (name == "x") wrong += lookup.failure != ModelPool::Failure::kUnknown;
        else if (!lookup.target.model) wrong += lookup.failure != ModelPool::Failure::kUnavailable, ++refused;
        else wrong += lookup.target.model->name != name.substr(0, 1) || (lookup.target.adapter == 3) != (name == "b2"), ++found_count;
        if (i % 16 == 0) (void)pool.state();
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(found_count, 0);
  EXPECT_LE(shelf.most_living, 2);
}

}  // namespace
}  // namespace lathe::serve
