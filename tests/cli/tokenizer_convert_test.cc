// lathe tokenizer convert, and what the libraries whose forms it writes make of them. Those run in Python: LATHE_PYTHON
// names the interpreter, else python3; a test is skipped where it has not their packages.
#include <gtest/gtest.h>

#include <cstdlib>

#include "real_verbs.h"
#include "tests/tokenizer/small_spm.h"
#include "tokenizer/frozen.h"
#include "tokenizer/tokenizer_file.h"

namespace lathe::cli {
namespace {

using testing::check;
using testing::real_data;
using testing::take;
using tokenizer::Tokenizer;

std::string python() {
  const char* given = std::getenv("LATHE_PYTHON");
  return given ? given : "python3";
}

bool has_package(const std::string& name) {
  return std::system((python() + " -c 'import " + name + "' > /dev/null 2>&1").c_str()) == 0;
}

#define LATHE_NEEDS_PACKAGE(name) \
  if (!has_package(name)) GTEST_SKIP() << "python has no package " << (name)

// Texts that no tokenizer here changes: valid UTF-8 without U+2581 or special tokens.
std::vector<std::string> probe_texts() {
  std::vector<std::string> texts = {"", " ", "Hello world", "  two  blanks ", "a\n\nb\tc\r\n", "caf\xC3\xA9 na\xC3\xAFve", "12345 67 8.9",
                                    "\xF0\x9F\x98\x80\xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD", "\xE4\xBD\xA0\xE5\xA5\xBD", "I'm don't WE'LL", "x=y+1; // {}", "e\xCC\x81"};
  for (const std::string& text : tokenizer::small_spm_text()) {
    texts.push_back(text);
    if (texts.size() == 60) break;
  }
  return texts;
}

// Runs a script with (folder); it reads texts.json there and writes ids.json, a list of lists.
std::vector<std::vector<int32_t>> python_ids(const fs::path& folder, const std::string& script, const std::vector<std::string>& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) list.push_back(text);
  check(write_json_atomic(folder / "texts.json", list));
  check(write_file_atomic(folder / "run.py", "import json, sys\nfolder = sys.argv[1]\ntexts = json.load(open(folder + '/texts.json', encoding='utf-8'))\n" +
                                                 script + "\njson.dump([list(ids(t)) for t in texts], open(folder + '/ids.json', 'w'))\n"));
  if (std::system((python() + " " + (folder / "run.py").string() + " " + folder.string() + " > " + (folder / "log").string() + " 2>&1").c_str()) != 0)
    throw std::runtime_error(take(read_file(folder / "log")));
  std::vector<std::vector<int32_t>> all;
  const Json result = take(read_json(folder / "ids.json"));
  for (const Json& row : result.as_array()) {
    all.emplace_back();
    for (const Json& id : row.as_array()) all.back().push_back(static_cast<int32_t>(id.as_int()));
  }
  return all;
}

void expect_same(const Tokenizer& tokenizer, const std::vector<std::string>& texts, const std::vector<std::vector<int32_t>>& theirs) {
  ASSERT_EQ(texts.size(), theirs.size());
  for (size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(tokenizer.encode(texts[i]), theirs[i]) << texts[i];
}

Tokenizer trained_bpe(const fs::path& folder) {
  std::string lines;
  for (const std::string& text : tokenizer::small_spm_text()) lines += Json(Json::Object{{"text", text}}).dump() + "\n";
  check(write_file_atomic(folder / "text.jsonl", lines));
  const Outcome outcome = run_lathe({"tokenizer", "train", "--data", folder / "text.jsonl", "--vocab-size", "400", "--base-dir", folder / "base"});
  if (outcome.exit != Exit::kDone) throw std::runtime_error(outcome.err);
  return take(Tokenizer::load(folder / "base/tokenizer"));
}

Outcome convert(const fs::path& from, const std::string& to, const fs::path& output) {
  return run_lathe({"tokenizer", "convert", "--from", from, "--to", to, "--output", output, "--json"});
}

// C-2.21
TEST(TokenizerConvert, HuggingFacesLibraryAgreesOnBytePairs) {
  LATHE_NEEDS_PACKAGE("tokenizers");
  const TemporaryFolder folder;
  const Tokenizer ours = trained_bpe(folder.path());
  ASSERT_EQ(convert(folder.path() / "base/tokenizer", "hf", folder.path() / "hf").exit, Exit::kDone);
  expect_same(ours, probe_texts(), python_ids(folder.path(), "from tokenizers import Tokenizer\ntok = Tokenizer.from_file(folder + '/hf/tokenizer.json')\n"
                                                             "ids = lambda t: tok.encode(t, add_special_tokens=False).ids", probe_texts()));
  EXPECT_EQ(take(Tokenizer::load(folder.path() / "hf")).hash(), ours.hash());
}

// C-2.21
TEST(TokenizerConvert, TiktokenAgreesOnRanks) {
  LATHE_NEEDS_PACKAGE("tiktoken");
  const TemporaryFolder folder;
  const Tokenizer ours = trained_bpe(folder.path());
  const Outcome outcome = convert(folder.path() / "base/tokenizer", "tiktoken", folder.path() / "ranks.tiktoken");
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  check(write_json_atomic(folder.path() / "about.json", outcome.figures()));
  expect_same(ours, probe_texts(),
              python_ids(folder.path(),
                         "import base64, tiktoken\nabout = json.load(open(folder + '/about.json'))\n"
                         "ranks = {base64.b64decode(l.split()[0]): int(l.split()[1]) for l in open(folder + '/ranks.tiktoken', 'rb') if l.strip()}\n"
                         "enc = tiktoken.Encoding('x', pat_str=about['pattern'], mergeable_ranks=ranks, special_tokens=about['special_tokens'])\n"
                         "ids = lambda t: enc.encode_ordinary(t)",
                         probe_texts()));
}

// L-3.7, L-3.9, L-3.14
TEST(TokenizerConvert, SentencePiecesOwnPackageAgrees) {
  LATHE_NEEDS_PACKAGE("sentencepiece");
  const TemporaryFolder folder;
  check(tokenizer::small_spm().save(folder.path() / "own"));
  ASSERT_EQ(convert(folder.path() / "own", "spm", folder.path() / "out").exit, Exit::kDone);
  const std::string script = "import sentencepiece\nsp = sentencepiece.SentencePieceProcessor(model_file=folder + '/out/spm.model')\nids = lambda t: sp.encode(t)";
  expect_same(tokenizer::small_spm(), probe_texts(), python_ids(folder.path(), script, probe_texts()));
  for (const std::string& text : probe_texts()) EXPECT_EQ(tokenizer::small_spm().decode(tokenizer::small_spm().encode(text)), text);
}

// L-3.7, L-3.10
TEST(TokenizerConvert, SentencePiecesOwnPackageAgreesOnForeignModels) {
  LATHE_NEEDS_PACKAGE("sentencepiece");
  const fs::path models = real_data("tokenizers") / "sentencepiece";
  LATHE_NEEDS(models);
  for (const auto& entry : fs::directory_iterator(models)) {
    const TemporaryFolder folder;
    const Tokenizer ours = take(Tokenizer::load(entry.path()));
    fs::copy_file(entry.path(), folder.path() / "m.model");
    const std::string script = "import sentencepiece\nsp = sentencepiece.SentencePieceProcessor(model_file=folder + '/m.model')\nids = lambda t: sp.encode(t)";
    SCOPED_TRACE(entry.path().string());
    expect_same(ours, probe_texts(), python_ids(folder.path(), script, probe_texts()));
  }
}

// L-3.9
TEST(TokenizerConvert, HuggingFacesLibraryAgreesOnSentencePieceModels) {
  LATHE_NEEDS_PACKAGE("tokenizers");
  const TemporaryFolder folder;
  const std::string script = "from tokenizers import Tokenizer\ntok = Tokenizer.from_file(folder + '/hf/tokenizer.json')\n"
                             "ids = lambda t: tok.encode(t, add_special_tokens=False).ids";
  check(tokenizer::small_spm().save(folder.path() / "own"));
  ASSERT_EQ(convert(folder.path() / "own", "hf", folder.path() / "hf").exit, Exit::kDone);
  expect_same(tokenizer::small_spm(), probe_texts(), python_ids(folder.path(), script, probe_texts()));
  const fs::path llama = real_data("tokenizers") / "sentencepiece/llama2_tokenizer.model";
  LATHE_NEEDS(llama);
  fs::remove_all(folder.path() / "hf");
  ASSERT_EQ(convert(llama, "hf", folder.path() / "hf").exit, Exit::kDone);
  std::vector<std::string> texts = probe_texts();
  texts.erase(texts.begin());  // that library puts a blank before an empty text too
  expect_same(take(Tokenizer::load(llama)), texts, python_ids(folder.path(), script, texts));
}

// C-2.12, C-2.20
TEST(TokenizerConvert, EveryFormBecomesLathesOwn) {
  const TemporaryFolder folder;
  const Tokenizer bpe = trained_bpe(folder.path());
  ASSERT_EQ(convert(folder.path() / "base/tokenizer", "tiktoken", folder.path() / "ranks.tiktoken").exit, Exit::kDone);
  ASSERT_EQ(convert(folder.path() / "base/tokenizer", "hf", folder.path() / "hf").exit, Exit::kDone);
  for (const char* from : {"ranks.tiktoken", "hf", "hf/tokenizer.json", "base/tokenizer"}) {
    const fs::path output = folder.path() / "again" / fs::path(from).filename();
    const Outcome outcome = convert(folder.path() / from, "lathe", output.has_extension() ? output.parent_path() / "x" : output);
    ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
    EXPECT_EQ(take(Tokenizer::load(outcome.figures().at("output").as_string())).hash(), bpe.hash()) << from;
    fs::remove_all(folder.path() / "again");
  }
  const fs::path models = real_data("tokenizers") / "sentencepiece";
  LATHE_NEEDS(models);
  ASSERT_EQ(convert(models / "test_model.model", "lathe", folder.path() / "spm").exit, Exit::kDone);
  EXPECT_EQ(take(Tokenizer::load(folder.path() / "spm")).hash(), take(Tokenizer::load(models / "test_model.model")).hash());
}

// C-2.12
TEST(TokenizerConvert, ThePickleOfTheChatOriginIsReadAsData) {
  LATHE_NEEDS_PACKAGE("tiktoken");
  const TemporaryFolder folder;
  const Tokenizer ours = trained_bpe(folder.path());
  const Outcome ranks = convert(folder.path() / "base/tokenizer", "tiktoken", folder.path() / "ranks.tiktoken");
  check(write_json_atomic(folder.path() / "about.json", ranks.figures()));
  python_ids(folder.path(),
             "import base64, pickle, tiktoken\nabout = json.load(open(folder + '/about.json'))\n"
             "ranks = {base64.b64decode(l.split()[0]): int(l.split()[1]) for l in open(folder + '/ranks.tiktoken', 'rb') if l.strip()}\n"
             "enc = tiktoken.Encoding('rustbpe', pat_str=about['pattern'], mergeable_ranks=ranks, special_tokens=about['special_tokens'])\n"
             "pickle.dump(enc, open(folder + '/tokenizer.pkl', 'wb'))\nids = lambda t: []",
             {});
  const Outcome outcome = convert(folder.path() / "tokenizer.pkl", "lathe", folder.path() / "own");
  ASSERT_EQ(outcome.exit, Exit::kDone) << outcome.err;
  EXPECT_EQ(outcome.figures().at("sha256").as_string(), ours.hash());
}

// L-1.9
TEST(TokenizerConvert, RefusesWhatAFormCannotSay) {
  const TemporaryFolder folder;
  check(tokenizer::small_spm().save(folder.path() / "own"));
  EXPECT_EQ(convert(folder.path() / "own", "tiktoken", folder.path() / "x.tiktoken").exit, Exit::kBadInput);
  EXPECT_FALSE(fs::exists(folder.path() / "x.tiktoken"));
  EXPECT_EQ(convert(folder.path() / "own", "hf", folder.path() / "x.model").exit, Exit::kBadInput);
  EXPECT_EQ(run_lathe({"tokenizer", "convert", "--from", folder.path() / "own", "--to", "hf"}).exit, Exit::kBadInput);
  ASSERT_EQ(convert(folder.path() / "own", "spm", folder.path() / "out").exit, Exit::kDone);
  const Outcome twice = convert(folder.path() / "own", "spm", folder.path() / "out");
  EXPECT_EQ(twice.exit, Exit::kBadInput);
  EXPECT_NE(twice.err.find("--force"), std::string::npos);
  EXPECT_EQ(convert(folder.path() / "absent", "hf", folder.path() / "y").exit, Exit::kBadInput);
}

}  // namespace
}  // namespace lathe::cli
