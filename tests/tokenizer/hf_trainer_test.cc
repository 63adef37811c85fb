// The trainer in Hugging Face's style (row C-2.21) against that library's own, which runs in Python: LATHE_PYTHON names
// the interpreter, else python3. Skipped where it has no package "tokenizers".
#include <cstdlib>

#include "tests/ref/testing.h"
#include "tokenizer/bpe_trainer.h"

namespace lathe::tokenizer {
namespace {

using testing::check;
using testing::take;

std::string python() {
  const char* given = std::getenv("LATHE_PYTHON");
  return given ? given : "python3";
}

bool has_library() { return std::system((python() + " -c 'import tokenizers' > /dev/null 2>&1").c_str()) == 0; }

// Trains on texts.json as the origin's alternative trainer does, loads tokenizer.json, and writes what both make of
// the texts.
constexpr const char* kScript = R"(
import json, sys
from tokenizers import Tokenizer, Regex, decoders, models, pre_tokenizers, trainers
folder = sys.argv[1]
given = json.load(open(folder + '/texts.json', encoding='utf-8'))
own = Tokenizer(models.BPE(byte_fallback=True, unk_token=None, fuse_unk=False))
own.pre_tokenizer = pre_tokenizers.Sequence([
    pre_tokenizers.Split(pattern=Regex(given['split']), behavior='isolated', invert=False),
    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
own.decoder = decoders.ByteLevel()
own.train_from_iterator(given['texts'], trainers.BpeTrainer(
    vocab_size=given['vocab_size'], min_frequency=given['min_frequency'], show_progress=False,
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=given['special_tokens']))
loaded = Tokenizer.from_file(folder + '/tokenizer.json')
def ids(tokenizer): return [tokenizer.encode(text, add_special_tokens=False).ids for text in given['texts']]
own_file = json.loads(own.to_str())
json.dump({'own_ids': ids(own), 'loaded_ids': ids(loaded), 'own_vocab': own.get_vocab(), 'loaded_vocab': loaded.get_vocab(),
           'own_merges': own_file['model']['merges'], 'decoded': loaded.decode(loaded.encode(given['texts'][0]).ids, skip_special_tokens=False)},
          open(folder + '/result.json', 'w', encoding='utf-8'))
)";

Json strings(const std::vector<std::string>& texts) { return Json(Json::Array(texts.begin(), texts.end())); }

struct Outcome {
  Json python, file;
  Tokenizer trained, loaded;
};

Outcome train_both(const std::vector<std::string>& texts, int64_t vocab_size, int64_t min_frequency) {
  const TemporaryFolder folder;
  TrainSettings settings;
  settings.vocab_size = vocab_size;
  settings.min_pair_count = std::max<int64_t>(1, min_frequency);
  settings.doc_cap = 1 << 30;
  settings.style = TrainStyle::kHuggingFace;
  const Tokenizer trained = take(train_bpe(settings, texts)).tokenizer;
  check(save_trained(trained, settings.style, folder.path()));
  Json given = Json::object();
  given["texts"] = strings(texts);
  given["split"] = std::string(settings.split->portable);
  given["vocab_size"] = vocab_size;
  given["min_frequency"] = min_frequency;
  given["special_tokens"] = strings(settings.special_tokens);
  check(write_json_atomic(folder.path() / "texts.json", given));
  check(write_file_atomic(folder.path() / "run.py", kScript));
  const std::string command = join_text(python(), " '", (folder.path() / "run.py").string(), "' '", folder.path().string(), "'");
  EXPECT_EQ(std::system(command.c_str()), 0);
  return {testing::read_json_or_fail(folder.path() / "result.json"), testing::read_json_or_fail(folder.path() / "tokenizer.json"), trained,
          take(Tokenizer::load(folder.path()))};
}

std::vector<std::string> sample_texts() {
  std::vector<std::string> texts = {
      "The cat's 1234 hats, they'll be re-knitted <|bos|> by 2026!  \n\n\tDone.", "naïve Ünïcode — “quotes” … и немного кириллицы, 漢字, 한국어, 🙂🙂",
      "aaaaaaa bbbb aaaa aaa ababababab abab", "def f(x):\n    return x ** 2  # squared\n"};
  std::string prose;
  for (int i = 0; i < 60; ++i) prose += join_text("line ", i * 37 % 101, " of the theory that thinkers thought through thoroughly; ");
  texts.push_back(prose);
  return texts;
}

// C-2.21
TEST(HuggingFaceStyle, EqualsThatLibrarysTrainerAndLoadsThere) {
  if (!has_library()) GTEST_SKIP() << python() << " has no package tokenizers";
  const std::vector<std::string> texts = sample_texts();
  const Outcome outcome = train_both(texts, 420, 0);
  EXPECT_EQ(outcome.python.at("own_merges").dump(), outcome.file.at("model").at("merges").dump());
  EXPECT_EQ(outcome.python.at("own_ids").dump(), outcome.python.at("loaded_ids").dump());
  EXPECT_EQ(outcome.python.at("decoded").as_string(), texts[0]);
  EXPECT_EQ(outcome.python.at("own_vocab").size(), 420u);
  for (const auto& [token, id] : outcome.python.at("own_vocab").as_object())
    EXPECT_EQ(outcome.python.at("loaded_vocab").get_int(token, -1), id.as_int()) << token;
  for (size_t i = 0; i < texts.size(); ++i)
    for (const Tokenizer& tokenizer : {outcome.trained, outcome.loaded}) {
      const std::vector<int32_t> ids = tokenizer.encode(texts[i], {.recognise_special = true});
      EXPECT_EQ(Json(Json::Array(ids.begin(), ids.end())).dump(), outcome.python.at("own_ids").at(i).dump()) << texts[i];
    }
}

// L-3.26
TEST(HuggingFaceStyle, MergesStopBelowTheMinimumFrequencyAsThere) {
  if (!has_library()) GTEST_SKIP() << python() << " has no package tokenizers";
  const Outcome outcome = train_both(sample_texts(), 5000, 3);
  EXPECT_LT(outcome.trained.vocab_size(), 1000);
  EXPECT_EQ(static_cast<int64_t>(outcome.python.at("own_vocab").size()), outcome.trained.vocab_size());
  EXPECT_EQ(outcome.python.at("own_merges").dump(), outcome.file.at("model").at("merges").dump());
}

// C-2.21: what of it needs no Python.
TEST(HuggingFaceStyle, SpecialTokensComeFirstAndTheFileHasThatLibrarysForm) {
  const TemporaryFolder folder;
  TrainSettings settings;
  settings.vocab_size = 300;
  settings.style = TrainStyle::kHuggingFace;
  const Tokenizer trained = take(train_bpe(settings, sample_texts())).tokenizer;
  check(save_trained(trained, settings.style, folder.path()));
  EXPECT_EQ(trained.vocab_size(), 300);
  EXPECT_EQ(trained.special_tokens(), chat_special_tokens());
  EXPECT_EQ(trained.bos_id(), 0);
  EXPECT_EQ(trained.special_id(kOutputEnd), 8);
  EXPECT_EQ(trained.token_bytes_of(9), "!") << "the first letter of the alphabet";
  EXPECT_EQ(trained.token_bytes_of(9 + 188), std::string(1, '\0')) << "the first byte without a letter of its own";
  const Json file = testing::read_json_or_fail(folder.path() / "tokenizer.json");
  const Json& model = file.at("model");
  EXPECT_TRUE(model.at("byte_fallback").as_bool());
  EXPECT_FALSE(model.at("fuse_unk").as_bool());
  EXPECT_TRUE(model.at("unk_token").is_null());
  EXPECT_EQ(model.at("vocab").size(), 300u);
  EXPECT_EQ(model.at("vocab").at("<|bos|>").as_int(), 0);
  EXPECT_EQ(file.at("added_tokens").size(), 9u);
  const Json& cuts = file.at("pre_tokenizer").at("pretokenizers");
  EXPECT_EQ(cuts.at(size_t{0}).at("behavior").as_string(), "Isolated");
  EXPECT_FALSE(cuts.at(size_t{1}).at("add_prefix_space").as_bool());
  EXPECT_EQ(take(Tokenizer::load(folder.path())).hash(), trained.hash());
  EXPECT_NE(trained.encode("<|bos|>")[0], 0) << "plain text by default";
}

}  // namespace
}  // namespace lathe::tokenizer
