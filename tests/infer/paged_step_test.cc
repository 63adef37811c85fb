// Steps over pages: what a row gets is what the model says of its text alone, bit for bit.
#include <cmath>
#include <cstring>
#include <numeric>

#include "core/parallel.h"
#include "infer/transformer_model.h"
#include "tests/infer/paged_text.h"
#include "tests/model/small_adapters.h"

namespace lathe::infer {
namespace {

using namespace lathe::infer::testing;
using lathe::testing::disturb;
using lathe::testing::random_adapter;
using lathe::testing::random_model;
using lathe::testing::small_adapter_config;
using lathe::testing::SmallModel;
using lathe::testing::take;
using model::KvFormat;

constexpr int64_t kLength = 150;  // three pages; longer than the windows of all small models

std::vector<SmallModel> models() {
  std::vector<SmallModel> out = lathe::testing::small_models(54);
  model::ModelConfig wide = lathe::testing::small_chat(model::ChatState::kNewest, 54);
  wide.n_layer = 2;
  wide.n_embd = 384;
  wide.vocab_size = 1000;
  out.push_back({"wide", wide});
  for (SmallModel& small : out)
    if (small.config.positions == model::Positions::kLearned) small.config.sequence_len = 160;
  return out;
}

class PagedStep : public ::testing::TestWithParam<DType> {
 protected:
  void TearDown() override { set_num_threads(2); }
};

// L-12.10
TEST_P(PagedStep, HasTheBitsOfThePassWithoutACacheHoweverAPromptIsCut) {
  for (const SmallModel& small : models()) {
    SCOPED_TRACE(small.name);
    const auto transformer = random_model(small.config, GetParam());
    TransformerModel model(*transformer);
    const std::vector<int32_t> ids = small_text(kLength, 3);
    const std::vector<float> whole = all_logits(*transformer, ids);
    for (const std::vector<int64_t>& cut : {std::vector<int64_t>{kLength}, {1}, {64, 64, 22}, {7, 70, 1, 1, 31}}) {
      model::PagedCache cache = model.new_pages(5, KvFormat::kActivation);
      PagedText text{ids, {4, 0, 2}};
      EXPECT_TRUE(same_bits(read_in_pieces(model, cache, text, cut), whole)) << "pieces of " << cut[0];
    }
  }
}

// C-10.4
TEST_P(PagedStep, HasTheBitsOfTheContiguousCache) {
  for (const SmallModel& small : models()) {
    SCOPED_TRACE(small.name);
    const auto transformer = random_model(small.config, GetParam());
    TransformerModel model(*transformer);
    const std::vector<int32_t> ids = small_text(90, 4);
    const std::span<const int32_t> all(ids);
    model::KvCache contiguous = model.new_cache(1, 90);
    model::PagedCache cache = model.new_pages(2, KvFormat::kActivation);
    PagedText text{ids, {1, 0}};
    for (const size_t count : {size_t{80}, size_t{1}, size_t{1}, size_t{8}}) {
      const std::vector<float> expected = floats(model.forward(all.subspan(static_cast<size_t>(text.done), count), contiguous));
      const model::PagedRow row = text.next(static_cast<int64_t>(count));
      EXPECT_EQ(floats(model.step({&row, 1}, cache)), expected);
    }
  }
}

// Rows come and go, in any order and number, with pages anywhere, on any number of threads.
// L-12.10
TEST_P(PagedStep, GivesARowTheSameBitsInAnyCompany) {
  for (const SmallModel& small : models())
    for (const KvFormat format : {KvFormat::kActivation, KvFormat::kInt8}) {
      SCOPED_TRACE(small.name + (format == KvFormat::kInt8 ? " int8" : ""));
      const auto transformer = random_model(small.config, GetParam());
      TransformerModel model(*transformer);
      Rng rng(5, "company");
      std::vector<int32_t> numbers(21);
      std::iota(numbers.begin(), numbers.end(), 0);
      for (size_t i = numbers.size(); i > 1; --i) std::swap(numbers[i - 1], numbers[rng.below(i)]);
      std::vector<PagedText> texts;
      std::vector<std::vector<float>> alone, got(7);
      for (size_t s = 0; s < 7; ++s) {
        texts.push_back({small_text(static_cast<int64_t>(20 + 21 * s), 10 + s), {numbers[3 * s], numbers[3 * s + 1], numbers[3 * s + 2]}});
        model::PagedCache own = model.new_pages(3, format);
        PagedText copy{texts[s].ids, {0, 1, 2}};
        alone.push_back(read_in_pieces(model, own, copy, {static_cast<int64_t>(copy.ids.size())}));
        if (format == KvFormat::kActivation) {
          EXPECT_TRUE(same_bits(alone.back(), all_logits(*transformer, copy.ids)));
        }
      }
      model::PagedCache cache = model.new_pages(21, format);
      for (int64_t step = 0, left = 7; left > 0; ++step) {
        set_num_threads(static_cast<int>(1 + step % 3));
        std::vector<size_t> who;
        for (size_t s = 0; s < 7; ++s)
          if (texts[s].left() > 0 && rng.below(3) > 0) who.insert(who.begin() + static_cast<int64_t>(rng.below(who.size() + 1)), s);
        std::vector<model::PagedRow> rows;
        for (const size_t s : who) {
          const int64_t count = std::min<int64_t>(texts[s].left(), rng.below(2) == 0 ? 1 : 1 + static_cast<int64_t>(rng.below(70)));
          rows.push_back(texts[s].next(count, count));
          left -= texts[s].left() == 0;
        }
        if (rows.empty()) continue;
        const std::vector<float> logits = floats(model.step(rows, cache));
        size_t at = 0;
        for (size_t i = 0; i < who.size(); ++i) {
          const size_t n = rows[i].ids.size() * static_cast<size_t>(model.vocab_size());
          got[who[i]].insert(got[who[i]].end(), logits.begin() + static_cast<int64_t>(at), logits.begin() + static_cast<int64_t>(at + n));
          at += n;
        }
      }
      for (size_t s = 0; s < 7; ++s) EXPECT_TRUE(same_bits(got[s], alone[s])) << "text " << s;
    }
}

TEST_P(PagedStep, ReadsPagesThatOtherRowsWroteAndCopiesOfThem) {
  for (const SmallModel& small : models())
    for (const KvFormat format : {KvFormat::kActivation, KvFormat::kInt8}) {
      SCOPED_TRACE(small.name);
      const auto transformer = random_model(small.config, GetParam());
      TransformerModel model(*transformer);
      std::vector<int32_t> ids = small_text(100, 6), other = ids;
      for (size_t i = 80; i < 100; ++i) other[i] = (other[i] + 1) % 27;
      model::PagedCache cache = model.new_pages(6, format);
      PagedText first{ids, {3, 1}}, fresh{other, {4, 5}};
      read_in_pieces(model, cache, first, {100});
      const std::vector<float> expected = read_in_pieces(model, cache, fresh, {100});
      cache.copy_page(0, 1);  // the page in which they part
      PagedText second{other, {3, 0}};
      second.done = 80;
      EXPECT_TRUE(same_bits(read_in_pieces(model, cache, second, {20}), std::span(expected).subspan(static_cast<size_t>(80 * model.vocab_size()))));
    }
}

// Relative to the logits' size; the codes' step is 1/254 of a head's largest number.
TEST_P(PagedStep, CodesChangeLogitsLittleAndTakeHalfTheMemory) {
  double largest = 0;
  for (const SmallModel& small : models()) {
    SCOPED_TRACE(small.name);
    const auto transformer = random_model(small.config, GetParam());
    TransformerModel model(*transformer);
    const std::vector<int32_t> ids = small_text(kLength, 3);
    const std::vector<float> exact = all_logits(*transformer, ids);
    model::PagedCache cache = model.new_pages(3, KvFormat::kInt8), full = model.new_pages(3, KvFormat::kActivation);
    PagedText text{ids, {0, 1, 2}};
    const std::vector<float> coded = read_in_pieces(model, cache, text, {kLength});
    double difference = 0, size = 0;
    for (size_t i = 0; i < exact.size(); ++i) {
      difference += std::pow(static_cast<double>(coded[i] - exact[i]), 2);
      size += std::pow(static_cast<double>(exact[i]), 2);
    }
    EXPECT_GT(difference, 0);
    EXPECT_LT(std::sqrt(difference / size), 0.03);
    largest = std::max(largest, std::sqrt(difference / size));
    const double width = static_cast<double>(small.config.head_width()), share = (width + 4) / (width * static_cast<double>(dtype_size(GetParam())));
    EXPECT_DOUBLE_EQ(static_cast<double>(cache.bytes()) / static_cast<double>(full.bytes()), share);
    EXPECT_EQ(cache.bytes(), 3 * model.bytes_per_page(KvFormat::kInt8));
    EXPECT_EQ(full.bytes(), 3 * model.bytes_per_page(KvFormat::kActivation));
  }
  RecordProperty("largest_error", std::to_string(largest));
}

TEST_P(PagedStep, GivesTheLogitsThatAreWanted) {
  const auto transformer = random_model(models()[1].config, GetParam());
  TransformerModel model(*transformer);
  const std::vector<int32_t> a = small_text(30, 1), b = small_text(12, 2), c = small_text(9, 3);
  const std::vector<float> of_a = all_logits(*transformer, a), of_b = all_logits(*transformer, b);
  model::PagedCache cache = model.new_pages(3, KvFormat::kActivation);
  PagedText first{a, {0}}, second{b, {1}}, third{c, {2}};
  const std::vector<model::PagedRow> rows = {first.next(30, 1), second.next(12, 5), third.next(9, 0)};
  const Tensor logits = model.step(rows, cache);
  ASSERT_EQ(logits.dim(0), 6);
  const auto v = static_cast<size_t>(model.vocab_size());
  EXPECT_TRUE(same_bits(floats(logits.rows(0, 1)), std::span(of_a).subspan(29 * v)));
  EXPECT_TRUE(same_bits(floats(logits.rows(1, 6)), std::span(of_b).subspan(7 * v)));
  PagedText again{c, {2}};
  const model::PagedRow none = again.next(9, 0);
  EXPECT_EQ(model.step({&none, 1}, cache).dim(0), 0);
}

TEST_P(PagedStep, HiddenStatesAreThoseBeforeTheHead) {
  for (const SmallModel& small : models()) {
    const auto transformer = random_model(small.config, GetParam());
    TransformerModel model(*transformer);
    const std::vector<int32_t> ids = small_text(21, 8);
    const Tensor hidden = model.hidden_states(ids);
    ASSERT_EQ(hidden.shape(), (Shape{21, small.config.n_embd}));
    ASSERT_EQ(hidden.dtype(), DType::kFloat32);
    ops::Context ctx;
    const Tensor back = hidden.to(GetParam());
    EXPECT_TRUE(same_bits(floats(transformer->logits(ctx, back)), all_logits(*transformer, ids))) << small.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Dtypes, PagedStep, ::testing::Values(DType::kFloat32, DType::kBFloat16),
                         [](const auto& info) { return std::string(dtype_name(info.param)); });

TEST(PagedStepErrors, NameTheRowAndWhatIsWrong) {
  const auto transformer = random_model(models()[1].config, DType::kFloat32);  // smears
  TransformerModel model(*transformer);
  model::PagedCache cache = model.new_pages(2, KvFormat::kActivation);
  const std::vector<int32_t> ids = small_text(70, 1), pages = {0, 1}, strange = {0, 2};
  const auto message = [&](const model::PagedRow& row) -> std::string {
    try {
      model.step({&row, 1}, cache);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  const std::span<const int32_t> all(ids);
  EXPECT_NE(message({{}, 0, -1, pages}).find("0 tokens"), std::string::npos);
  EXPECT_NE(message({all, 60, 3, pages}).find("needs 130 positions, its 2 pages hold 128"), std::string::npos);
  EXPECT_NE(message({all, 0, -1, strange}).find("names page 2 of 2"), std::string::npos);
  EXPECT_NE(message({all.first(1), 5, -1, pages}).find("the token before position 5"), std::string::npos);
  EXPECT_NE(message({all, 0, -1, pages, 71}).find("71 logits of 70"), std::string::npos);
  EXPECT_NE(message({all, 0, -1, pages, 1, 0}).find("adapter 0 of 0"), std::string::npos);
  EXPECT_THROW(model.step({}, cache), std::invalid_argument);
  EXPECT_THROW(model.new_pages(0, KvFormat::kActivation), std::invalid_argument);
  EXPECT_EQ(message({all, 0, -1, pages}), "");
}

// Every row with its own adapter or none, in one step: the bits of the model with only that adapter on.
TEST(RowAdapters, GiveARowTheBitsOfTheModelWithThatAdapterAlone) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16})
    for (const SmallModel& small : models()) {
      SCOPED_TRACE(small.name);
      const auto transformer = random_model(small.config, dtype);
      transformer->freeze();
      std::vector<std::unique_ptr<model::Adapter>> adapters;
      for (int64_t i = 0; i < 3; ++i) {
        model::AdapterConfig config = small_adapter_config(2 + i);
        config.rslora = i == 1;
        if (i == 2) config.targets = {"q_proj", "down_proj"};
        adapters.push_back(random_adapter(*transformer, config, 20 + static_cast<uint64_t>(i)));
        adapters.back()->set_enabled(false);
      }
      const std::vector<int32_t> ids = small_text(90, 2);
      std::vector<std::vector<float>> expected = {all_logits(*transformer, ids)};
      for (const auto& adapter : adapters) {
        adapter->set_enabled(true);
        expected.push_back(all_logits(*transformer, ids));
        adapter->set_enabled(false);
        EXPECT_FALSE(same_bits(expected.back(), expected.front())) << "an adapter that changes nothing proves nothing";
      }
      TransformerModel model(*transformer);
      for (int32_t i = 0; i < 3; ++i) EXPECT_EQ(take(model.add_adapter(*adapters[static_cast<size_t>(i)])), i);
      EXPECT_EQ(model.adapters(), 3);
      model::PagedCache cache = model.new_pages(10, KvFormat::kActivation);
      const std::vector<int32_t> which = {2, -1, 0, 1, 0};  // row 0 of the caller is not the first of the pass
      std::vector<PagedText> texts;
      for (int32_t s = 0; s < 5; ++s) texts.push_back({ids, {2 * s, 2 * s + 1}, 0, which[static_cast<size_t>(s)]});
      for (const int64_t count : {40, 1, 49}) {
        std::vector<model::PagedRow> rows;
        for (PagedText& text : texts) rows.push_back(text.next(count, count));
        const int64_t before = texts[0].done - count, v = model.vocab_size();
        const std::vector<float> logits = floats(model.step(rows, cache));
        for (size_t s = 0; s < 5; ++s)
          EXPECT_TRUE(same_bits(std::span(logits).subspan(s * static_cast<size_t>(count * v), static_cast<size_t>(count * v)),
                                std::span(expected[static_cast<size_t>(which[s] + 1)]).subspan(static_cast<size_t>(before * v), static_cast<size_t>(count * v))))
              << "row " << s << " at " << before;
      }
      EXPECT_TRUE(same_bits(all_logits(*transformer, ids), expected.front())) << "the base itself stays as it is";
    }
}

TEST(RowAdapters, RefuseFormsThatChangeTheBase) {
  model::ModelConfig config = models()[3].config;
  const auto refused = [&](const std::function<void(model::AdapterConfig&)>& change, const std::string& says) {
    const auto transformer = random_model(config, DType::kFloat32);
    transformer->freeze();
    model::AdapterConfig wanted = small_adapter_config();
    change(wanted);
    const auto adapter = random_adapter(*transformer, wanted);
    TransformerModel model(*transformer);
    const auto result = model.add_adapter(*adapter);
    ASSERT_FALSE(result.ok());
    EXPECT_NE(result.error().to_string().find(says), std::string::npos) << result.error().to_string();
    EXPECT_TRUE(adapter->enabled()) << "nothing has changed";
  };
  refused([](model::AdapterConfig& c) { c.dora = true; }, "use_dora");
  refused([](model::AdapterConfig& c) { c.token_rows = {3}; }, "token rows");
  refused([](model::AdapterConfig& c) { c.modules_to_save = {"lm_head"}; }, "modules_to_save");
}

}  // namespace
}  // namespace lathe::infer
