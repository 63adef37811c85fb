// Batches and states of the origin's fine-tuning packer, both versions: one case a run of index.json.
#include <gtest/gtest.h>

#include "data/conversation_packer.h"
#include "tests/data/read_safetensors.h"

namespace lathe::data {
namespace {

using lathe::testing::check;
using lathe::testing::golden;
using lathe::testing::take;

class Rendered : public ConversationSource {
 public:
  Rendered(const fs::path& file, const Json& selected) {
    const auto rows = lathe::testing::read_jsonl(file);
    for (const Json& i : selected.as_array()) {
      const Json& row = rows.at(static_cast<size_t>(i.as_int()));
      RenderedConversation& c = conversations_.emplace_back();
      for (const Json& id : row.at("ids").as_array()) c.ids.push_back(static_cast<int32_t>(id.as_int()));
      for (const Json& m : row.at("mask").as_array()) c.mask.push_back(static_cast<uint8_t>(m.as_int()));
    }
  }
  int64_t size() const override { return std::ssize(conversations_); }
  Status get(int64_t index, RenderedConversation& conversation) override {
    conversation = conversations_.at(static_cast<size_t>(index));
    return {};
  }
  int32_t first_id() const { return conversations_.at(0).ids.at(0); }

 private:
  std::vector<RenderedConversation> conversations_;
};

class GoldenPacker : public ::testing::Test {
 protected:
  void SetUp() override {
    LATHE_NEEDS(golden("sft_loader/index.json"));
    LATHE_NEEDS(golden("chat_render/rendered.jsonl"));
    index_ = lathe::testing::read_json_or_fail(golden("sft_loader/index.json"));
    tensors_ = lathe::testing::read_int_tensors(golden("sft_loader/batches.safetensors"));
    source_ = std::make_unique<Rendered>(golden("chat_render/rendered.jsonl"), index_.at("selected"));
    ASSERT_FALSE(index_.at("runs").as_array().empty());
  }

  std::unique_ptr<ConversationPacker> packer(const Json& run) {
    ConversationPackerOptions options;
    options.rows = run.at("batch_size").as_int();
    options.columns = run.at("max_seq_len").as_int();
    options.rank = run.at("rank").as_int();
    options.world = run.at("world").as_int();
    options.buffer_size = run.at("buffer_size").as_int();
    options.num_iterations = run.at("num_iterations").as_int();
    options.bos_id = source_->first_id();
    options.epochs = EpochMode::kCompatible;
    options.targets = run.at("reference").as_string() == "seed" ? TargetMode::kEveryToken : TargetMode::kCompletion;
    return conversation_packer(*source_, options);
  }

  void expect_golden(ConversationPacker& packer, const Json& run, size_t begin) {
    const std::string& name = run.at("name").as_string();
    SCOPED_TRACE(name);
    const auto &x = tensors_.at(name + ".x"), &y = tensors_.at(name + ".y");
    const auto& states = run.at("states").as_array();
    TokenBatch batch;
    for (size_t i = begin; i < states.size(); ++i) {
      check(packer.next(batch));
      const size_t size = batch.inputs().size();
      ASSERT_EQ(size * states.size(), x.values.size());
      ASSERT_TRUE(std::equal(batch.inputs().begin(), batch.inputs().end(), x.values.begin() + std::ptrdiff_t(i * size)))
          << "inputs of batch " << i;
      ASSERT_TRUE(
          std::equal(batch.targets().begin(), batch.targets().end(), y.values.begin() + std::ptrdiff_t(i * size)))
          << "targets of batch " << i;
      const Json state = packer.state();
      for (const auto& [key, value] : states[i].as_object()) {
        ASSERT_TRUE(state.contains(key)) << key;
        if (value.is_number())
          ASSERT_EQ(state.at(key).as_double(), value.as_double()) << key << " of batch " << i;
        else
          ASSERT_EQ(state.at(key), value) << key << " of batch " << i;
      }
    }
  }

  Json index_;
  std::map<std::string, lathe::testing::IntTensor> tensors_;
  std::unique_ptr<Rendered> source_;
};

// C-8.8, C-8.9, C-8.31
TEST_F(GoldenPacker, PacksTheOriginsBatches) {
  for (const Json& run : index_.at("runs").as_array()) expect_golden(*packer(run), run, 0);
}

// C-8.13: the stop flag and progress, which stand in the states that expect_golden compares.
TEST_F(GoldenPacker, ExactResumeKeepsBatchesProgressAndStop) {
  for (const Json& run : index_.at("runs").as_array()) {
    auto first = packer(run);
    TokenBatch batch;
    for (size_t stop = 0; stop < run.at("states").size(); ++stop) {
      const Json state = take(parse_json(first->state().dump()));
      auto second = packer(run);
      check(second->restore(state, ResumeMode::kExact));
      EXPECT_EQ(second->state(), state);
      expect_golden(*second, run, stop);
      check(first->next(batch));
    }
  }
}

}  // namespace
}  // namespace lathe::data
