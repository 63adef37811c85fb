// What `lathe serve` makes of its flags, without a port.
#include "cli/served_models.h"

#include <atomic>
#include <chrono>
#include <sstream>
#include <thread>

#include "core/sha256.h"
#include "model/adapter_file.h"
#include "tests/ref/small_hugging_face.h"
#include "tests/train/tiny_run.h"
#include "tokenizer/hf_file.h"
#include "train/adapter_weights.h"

namespace lathe::cli {
namespace {

using testing::take;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class ServedModelsTest : public ::testing::Test {
 protected:
  fs::path base() const { return folder_.path() / "base"; }
  void save(const std::string& source, const std::string& tag, uint64_t seed = 1) {
    testing::check(tokenizer_.save(base() / "tokenizer"));
    testing::save_tiny(base(), source, tag, 3, tokenizer_, seed);
  }
  // A folder of another program.
  fs::path foreign(const std::string& name, const std::vector<std::string>& special) {
    std::vector<std::string> tokens;
    for (int byte = 0; byte < 256; ++byte) tokens.emplace_back(1, static_cast<char>(byte));
    const auto tokenizer = take(tokenizer::Tokenizer::from_tokens(tokens, special));
    const fs::path path = folder_.path() / name;
    fs::create_directories(path);
    model::PlainSize size = testing::small_plain(64, false);
    size.vocab_size = tokenizer.vocab_size();
    testing::write_foreign(path, model::llama_config(size));
    testing::put_file(path / "tokenizer.json", take(tokenizer::to_hugging_face(tokenizer)).dump());
    return path;
  }
  // An adapter on the checkpoint, as PEFT writes one, or with our record.
  fs::path adapter(const std::string& name, const fs::path& checkpoint, bool with_record) {
    train::LoadedModel loaded = take(train::load_model(base(), "sft", checkpoint.filename().string(), -1, DType::kFloat32));
    loaded.model->freeze();
    model::AdapterConfig config;
    config.r = 2;
    const auto made = take(model::Adapter::create(*loaded.model, config, 5, false));
    const fs::path path = folder_.path() / name;
    fs::create_directories(path);
    testing::check(model::write_adapter_folder(path, *made, take(train::ground_of(loaded))));
    if (!with_record) fs::remove(path / model::kAdapterRecordName);
    return path;
  }

  // The entries for these settings, {"tag", "x"} ...
  Result<std::vector<serve::ModelEntry>> entries(const std::vector<std::pair<std::string, std::vector<std::string>>>& flags, const std::string& tag = "") {
    models_ = std::make_unique<ServedModels>();
    table_ = std::make_unique<SettingsTable>();
    models_->describe(*table_);
    models_->share_queue(shares_queue_);
    for (const auto& [name, words] : flags) testing::check(table_->set_text(name, words));
    common_ = {};
    common_.base_dir = base().string();
    common_.tag = tag;
    common_.dtype = "fp32";
    common_.device = "cpu";
    context_ = std::make_unique<Context>(common_, *table_, std::vector<std::string>(), "serve", out_);
    return models_->entries(*context_);
  }
  std::string refused(const std::vector<std::pair<std::string, std::vector<std::string>>>& flags) {
    const auto made = entries(flags);
    return made.ok() ? "accepted" : made.error().to_string();
  }

  TemporaryFolder folder_;
  const tokenizer::Tokenizer tokenizer_ = testing::tiny_tokenizer();
  std::unique_ptr<ServedModels> models_;
  bool shares_queue_ = false;
  std::unique_ptr<SettingsTable> table_;
  CommonOptions common_;
  std::ostringstream out_;
  std::unique_ptr<Context> context_;
};

// L-10.1, C-11.7, C-11.19
TEST_F(ServedModelsTest, TheBaseFoldersModelIsServedUnderItsTagWithTheFlagsDefaults) {
  save("sft", "d2");
  save("rl", "d2", 7);
  auto made = take(entries({}));
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(made[0].name, "d2");
  const auto model = take(made[0].load());
  EXPECT_EQ(model->defaults.sampling.temperature, 0.8);
  EXPECT_EQ(model->defaults.sampling.top_k, 50);
  EXPECT_EQ(model->defaults.max_tokens, 512);
  ASSERT_TRUE(model->format.has_value());
  EXPECT_EQ(model->format->name(), "chat");
  EXPECT_EQ(model->about.get_string("tokenizer_sha256", ""), tokenizer_.hash());
  EXPECT_TRUE(model->worker->state().alive);
  const auto again = take(made[0].load());  // after it has made room for another
  EXPECT_EQ(again->about, model->about);
  EXPECT_NE(again, model);

  made = take(entries({{"source", {"rl"}}, {"temperature", {"0"}}, {"max_tokens", {"9"}}}));
  const auto other = take(made[0].load());
  EXPECT_EQ(other->defaults.sampling.temperature, 0) << "an explicit 0 is respected";
  EXPECT_EQ(other->defaults.max_tokens, 9);
  EXPECT_NE(other->about.at("weights_sha256"), model->about.at("weights_sha256"));
}

// L-10.2
TEST_F(ServedModelsTest, AnotherTokenizerIsFoundBeforeAnyPortIsOpened) {
  save("sft", "d2");
  testing::check(testing::tiny_tokenizer({"th"}).save(base() / "tokenizer"));
  EXPECT_TRUE(has(refused({}), "tokenizer")) << refused({});
  std::vector<std::string> tokens;
  for (int byte = 255; byte >= 0; --byte) tokens.emplace_back(1, static_cast<char>(byte));
  testing::check(take(tokenizer::Tokenizer::from_tokens(tokens)).save(base() / "tokenizer"));
  EXPECT_TRUE(has(refused({}), "is not the one this model was trained with")) << refused({});
  fs::remove_all(base() / "tokenizer");
  EXPECT_NE(refused({}), "accepted");
}

// L-10.1, L-10.5, L-10.7
TEST_F(ServedModelsTest, ModelsByPathKeepTheirOwnTemplateAndSampling) {
  save("sft", "d2");
  const fs::path hermes = foreign("hermes", {"<|im_start|>", "<|im_end|>", "<|endoftext|>"}), plain = foreign("plain", {"<|endoftext|>"});
  testing::put_file(hermes / "chat_template.jinja", "<|im_start|><|im_end|><tool_call>");
  testing::put_file(hermes / "generation_config.json", R"({"temperature": 0.25, "top_k": 4})");
  auto made = take(entries({{"model", {"a=" + hermes.string(), "b=" + plain.string(), "own=" + (base() / "chatsft_checkpoints" / "d2").string()}}, {"top_k", {"6"}}}));
  ASSERT_EQ(made.size(), 3u);
  EXPECT_EQ(made[0].name, "a");
  const auto a = take(made[0].load()), b = take(made[1].load()), own = take(made[2].load());
  EXPECT_EQ(a->format->name(), "hermes");
  EXPECT_EQ(a->defaults.sampling.temperature, 0.25);
  EXPECT_EQ(a->defaults.sampling.top_k, 6) << "a flag goes before the record";
  EXPECT_FALSE(b->format.has_value()) << "a base model has none";
  EXPECT_EQ(own->format->name(), "chat");
  EXPECT_EQ(own->name, "own");
  // Beside the base folder's model, when that is asked for.
  made = take(entries({{"model", {"a=" + hermes.string()}}}, "d2"));
  ASSERT_EQ(made.size(), 2u);
  EXPECT_EQ(made[0].name, "d2");
  // Another template than the record's is possible, one without its marks is not.
  EXPECT_EQ(take(take(entries({{"hf_path", {hermes.string()}}, {"template", {"chatml"}}}))[0].load())->format->name(), "chatml");
  EXPECT_TRUE(has(refused({{"hf_path", {hermes.string()}}, {"template", {"llama3"}}}), "<|eot_id|>"));
}

// L-10.1
TEST_F(ServedModelsTest, AdaptersRestOnTheFirstModel) {
  save("sft", "d2");
  save("sft", "e2", 9);
  const fs::path run = base() / "chatsft_checkpoints" / "d2", ours = adapter("ours", run, true), peft = adapter("peft", run, false);
  const auto made = take(entries({{"adapter", {"x=" + ours.string(), "y=" + peft.string()}}}, "d2"));
  ASSERT_EQ(made.size(), 3u);
  EXPECT_EQ(made[1].name, "x");
  EXPECT_EQ(made[1].base, "d2");
  EXPECT_EQ(made[1].adapter, 0);
  EXPECT_EQ(made[2].adapter, 1);
  const auto model = take(made[0].load());
  EXPECT_TRUE(model->worker->state().alive);
  EXPECT_EQ(model->about.at("adapters_sha256").at("x").as_string(), take(sha256_file(ours / model::kAdapterTensorsName)));
  EXPECT_TRUE(model->about.at("adapters_sha256").contains("y"));
  EXPECT_GT(model->load_seconds, 0);
  const auto wrong = entries({{"adapter", {"x=" + ours.string()}}}, "e2");
  ASSERT_FALSE(wrong.ok());
  EXPECT_TRUE(has(wrong.error().to_string(), "which is not model e2")) << wrong.error().to_string();
  EXPECT_TRUE(has(entries({{"adapter", {"x=" + run.string()}}}, "d2").error().to_string(), "is no adapter"));
}

// Half of the queue is for others.
TEST_F(ServedModelsTest, OneClientCannotFillTheQueue) {
  class Counter : public infer::RequestListener {
   public:
    explicit Counter(std::atomic<int>& count, std::atomic<int>& full) : count_(count), full_(full) {}
    void refused() override { ++full_; }
    void delta(const infer::Delta&) override {}
    void finished(const infer::Finish&) override {}
    void done(const Status& status, const infer::Usage&) override { count_ += status.ok(); }

   private:
    std::atomic<int>& count_;
    std::atomic<int>& full_;
  };
  save("sft", "d2");
  shares_queue_ = true;
  // They outlive the engine's thread.
  std::atomic<bool> open = false;
  std::atomic<int> greedy = 0, greedy_full = 0, modest = 0, modest_full = 0;
  const auto made = take(entries({{"max_waiting", {"4"}}, {"max_rows", {"1"}}}));
  const auto model = take(made[0].load());
  model->worker->set_fault_for_test([&] {
    while (!open) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  const auto ask = [&](const char* client, std::atomic<int>& count, std::atomic<int>& full) {
    infer::Request request;
    request.prompt = {1, 2};
    request.max_tokens = 2;
    request.client = client;
    EXPECT_EQ(model->worker->submit(std::move(request), std::make_shared<Counter>(count, full)), serve::Submission::kAccepted);
  };
  for (int i = 0; i < 4; ++i) ask("greedy", greedy, greedy_full);
  ask("modest", modest, modest_full);
  open = true;
  while (greedy + greedy_full + modest + modest_full < 5) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_GE(greedy_full, 1) << "of four one may run and two may wait";
  EXPECT_GE(greedy, 2);
  EXPECT_EQ(modest, 1);
}

TEST_F(ServedModelsTest, ADraftModelMustHaveTheSameWords) {
  save("sft", "d2");
  save("sft", "e2", 9);
  const std::string small = (base() / "chatsft_checkpoints" / "e2" / "step_3").string();
  const auto made = entries({{"draft_model", {small}}, {"draft_tokens", {"3"}}}, "d2");
  ASSERT_TRUE(made.ok()) << made.error().to_string();
  const auto other = entries({{"draft_model", {foreign("other", {"<|endoftext|>"}).string()}}, {"draft_tokens", {"3"}}}, "d2");
  ASSERT_FALSE(other.ok());
  EXPECT_TRUE(has(other.error().to_string(), "another tokenizer"));
}

TEST_F(ServedModelsTest, RefusesFlagsThatMeanNothing) {
  save("sft", "d2");
  EXPECT_TRUE(has(refused({{"model", {"nameless"}}}), "NAME=PATH"));
  EXPECT_TRUE(has(refused({{"model", {"x=" + (folder_.path() / "nothing").string()}}}), "does not exist"));
  EXPECT_TRUE(has(refused({{"max_rows", {"0"}}}), "max_rows"));
  EXPECT_TRUE(has(refused({{"max_waiting", {"-1"}}}), "max_waiting"));
  EXPECT_TRUE(has(refused({{"draft_model", {"x"}}}), "--draft-tokens"));
  EXPECT_TRUE(has(refused({{"kv_memory", {"12"}}}), "less than one page"));
  EXPECT_TRUE(has(refused({{"kv_memory", {"much"}}}), "much"));
  EXPECT_TRUE(has(refused({{"temperature", {"-1"}}}), "temperature"));
  const std::string run = (base() / "chatsft_checkpoints" / "d2").string();
  EXPECT_TRUE(has(refused({{"model", {"x=" + run, "x=" + run}}}), "two of those"));
}

}  // namespace
}  // namespace lathe::cli
