#include "cli/run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "cli/help.h"
#include "core/environment.h"
#include "core/parallel.h"
#include "fake_verb.h"
#include "tests/ref/testing.h"

namespace lathe::cli {
namespace {

// Sets an environment variable for one test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name), former_(environment(name)) { setenv(name, value, 1); }
  ~Variable() {
    if (former_.empty()) unsetenv(name_);
    else setenv(name_, former_.c_str(), 1);
  }

 private:
  const char* name_;
  std::string former_;
};

std::string config_file(const TemporaryFolder& folder, std::string_view text) {
  const fs::path path = folder.path() / "config.json";
  testing::check(write_file_atomic(path, text));
  return path.string();
}

// L-15.1
TEST(Run, DefaultsGiveWayToTheConfigFileAndThatToFlags) {
  const TemporaryFolder folder;
  const std::string config = config_file(folder, "{\n  // chosen by hand\n  \"_why\": \"a test\",\n  \"depth\": 8,\n  \"temperature\": 0.5\n}\n");
  Bench lathe;
  EXPECT_EQ(lathe({"train", "--depth", "4", "--config", config}), Exit::kDone) << lathe.err.str();
  EXPECT_EQ(lathe.verb->depth, 4);            // flag
  EXPECT_EQ(lathe.verb->temperature, 0.5);    // config file
  EXPECT_EQ(lathe.verb->window_pattern, "SSSL");  // default
}

// L-11.5
TEST(Run, TheUsualConfigFileIsReadWhereItStandsAndNoOtherIsNamed) {
  const TemporaryFolder folder;
  const std::string named = config_file(folder, R"({"depth": 8})"), usual = folder.path() / "usual.json";
  const auto depth_of = [&](std::vector<std::string> words) {
    Bench lathe;
    lathe.verb->usual_config = usual;
    EXPECT_EQ(lathe(std::move(words)), Exit::kDone) << lathe.err.str();
    return lathe.verb->depth;
  };
  EXPECT_EQ(depth_of({"train"}), 20) << "absent: not a word";
  testing::check(write_file_atomic(usual, R"({"depth": 6})"));
  EXPECT_EQ(depth_of({"train"}), 6);
  EXPECT_EQ(depth_of({"train", "--depth", "20"}), 20) << "a flag that repeats the default wins";
  EXPECT_EQ(depth_of({"train", "--config", named}), 8);
  testing::check(write_file_atomic(usual, "{"));
  Bench lathe;
  lathe.verb->usual_config = usual;
  EXPECT_EQ(lathe({"train"}), Exit::kBadInput);
  EXPECT_NE(lathe.err.str().find("usual.json"), std::string::npos);
}

TEST(Run, AWrongConfigFileEndsWithStatus1AndNamesFileAndKey) {
  const TemporaryFolder folder;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{\"dept\": 8}", "did you mean \"depth\"?"}, {"{\"depth\": \"8\"}", "key \"depth\""}, {"{\"depth\": 8", "config.json at byte"}, {"[1]", "must be a JSON object"}};
  for (const auto& [text, message] : cases) {
    Bench lathe;
    const std::string config = config_file(folder, text);
    EXPECT_EQ(lathe({"train", "--config", config}), Exit::kBadInput) << text;
    EXPECT_NE(lathe.err.str().find(message), std::string::npos) << lathe.err.str();
    EXPECT_NE(lathe.err.str().find("config.json"), std::string::npos) << lathe.err.str();
    EXPECT_EQ(lathe.verb->runs, 0);
  }
  Bench lathe;
  EXPECT_EQ(lathe({"train", "--config", (folder.path() / "absent.json").string()}), Exit::kBadInput);
  EXPECT_NE(lathe.err.str().find("absent.json"), std::string::npos);
}

TEST(Run, PrintConfigShowsTheResolvedSettingsAndDoesNotRun) {
  Bench lathe;
  EXPECT_EQ(lathe({"train", "--depth", "4", "--print-config", "--seed", "7"}), Exit::kDone);
  const Json settings = testing::take(parse_json(lathe.out.str()));
  EXPECT_EQ(settings.at("depth").as_int(), 4);
  EXPECT_EQ(settings.at("temperature").as_double(), 0.8);
  EXPECT_EQ(settings.at("seed").as_int(), 7);
  EXPECT_EQ(lathe.verb->runs, 0);
}

// C-17.6
TEST(Run, TheVerbGetsASnapshotOfEverySetting) {
  Bench lathe;
  lathe.verb->body = [](Context& context) -> Result<Exit> {
    EXPECT_TRUE(context.given("depth"));
    EXPECT_FALSE(context.given("temperature"));
    return Exit::kDone;
  };
  EXPECT_EQ(lathe({"train", "--depth", "4", "--model-tag", "d4"}), Exit::kDone);
  for (const char* key : {"depth", "window_pattern", "data_dirs", "data_weights", "temperature", "use_cache", "seed", "dtype", "device", "tag"})
    EXPECT_TRUE(lathe.verb->settings.contains(key)) << key;
  EXPECT_EQ(lathe.verb->settings.at("tag").as_string(), "d4");
}

TEST(Run, JsonPrintsTheFiguresOnTheLastLine) {
  Bench lathe;
  lathe.verb->body = [](Context& context) -> Result<Exit> {
    context.print("for people");
    return context.finish(Json(Json::Object{{"loss", 1.5}, {"n", 2}}), Exit::kInterrupted);
  };
  EXPECT_EQ(lathe({"train", "--json"}), Exit::kInterrupted);
  EXPECT_EQ(lathe.out.str(), "for people\n{\"loss\": 1.5, \"n\": 2}\n");
  lathe.out.str("");
  EXPECT_EQ(lathe({"train", "--no-json"}), Exit::kInterrupted);
  EXPECT_EQ(lathe.out.str(), "for people\n");
}

TEST(Run, AnErrorOfTheVerbEndsWithStatus1AndItsText) {
  Bench lathe;
  lathe.verb->body = [](Context&) -> Result<Exit> { return error_at("data.txt", 17, "not UTF-8; convert it"); };
  EXPECT_EQ(lathe({"train"}), Exit::kBadInput);
  EXPECT_EQ(lathe.err.str(), "lathe train: " + error_at("data.txt", 17, "not UTF-8; convert it").to_string() + "\n");
  lathe.verb->body = [](Context&) -> Result<Exit> { throw std::bad_alloc(); };
  EXPECT_EQ(lathe({"train"}), Exit::kBadInput);
  EXPECT_NE(lathe.err.str().find("out of memory"), std::string::npos);
  lathe.verb->body = [](Context&) -> Result<Exit> { throw std::invalid_argument("[matmul] shapes differ"); };
  EXPECT_EQ(lathe({"train"}), Exit::kBadInput);
  EXPECT_NE(lathe.err.str().find("[matmul] shapes differ"), std::string::npos);
}

TEST(Run, StandardOutputThatCannotBeWrittenIsAnError) {
  Bench lathe;
  lathe.verb->body = [&](Context& context) -> Result<Exit> {
    lathe.out.setstate(std::ios::badbit);
    context.print("lost");
    return Exit::kDone;
  };
  EXPECT_EQ(lathe({"train"}), Exit::kBadInput);
  EXPECT_NE(lathe.err.str().find("standard output"), std::string::npos);
}

TEST(Run, AnUnknownVerbNamesTheNearest) {
  Bench lathe;
  EXPECT_EQ(lathe({"trian"}), Exit::kUsage);
  EXPECT_NE(lathe.err.str().find("did you mean \"lathe train\"?"), std::string::npos) << lathe.err.str();
  Bench tokenizer("tokenizer train");
  EXPECT_EQ(tokenizer({"tokenizer", "trian"}), Exit::kUsage);
  EXPECT_NE(tokenizer.err.str().find("did you mean \"lathe tokenizer train\"?"), std::string::npos) << tokenizer.err.str();
  EXPECT_EQ(tokenizer({"--depth", "4"}), Exit::kUsage);
  EXPECT_EQ(tokenizer({}), Exit::kUsage);
}

TEST(Run, OldProgramNamesReachTheirVerbs) {
  for (const char* name : {"base_train", "scripts/base_train.py", "scripts.base_train"}) {
    Bench lathe;
    EXPECT_EQ(lathe({name, "--", "--depth=12", "--device_batch_size_typo"}), Exit::kUsage);
    EXPECT_EQ(lathe({name, "--", "--depth=12"}), Exit::kDone) << lathe.err.str();
    EXPECT_EQ(lathe.verb->depth, 12);
    EXPECT_EQ(lathe.verb->program, "base_train");
  }
  Bench tokenizer("tokenizer train");
  EXPECT_EQ(tokenizer({"tok_train"}), Exit::kDone) << tokenizer.err.str();
  EXPECT_EQ(tokenizer({"tokenizer", "train", "--depth", "3"}), Exit::kDone) << tokenizer.err.str();
  EXPECT_EQ(tokenizer.verb->depth, 3);
}

// L-13.7
TEST(Run, TheLabsNameOfTheDtypeIsUnderstood) {
  Bench lathe;
  EXPECT_EQ(lathe({"train", "--amp_dtype", "bf16"}), Exit::kDone) << lathe.err.str();
  EXPECT_EQ(lathe.verb->settings.at("dtype").as_string(), "bf16");
  EXPECT_EQ(lathe({"train", "--amp-dtype", "fp16"}), Exit::kUsage);
}

// L-15.3
TEST(Run, LauncherFlagsMayStandBeforeTheProgram) {
  Bench lathe;
  EXPECT_EQ(lathe({"--mixed_precision", "bf16", "train", "--depth", "4"}), Exit::kDone) << lathe.err.str();
  EXPECT_EQ(lathe.verb->settings.at("dtype").as_string(), "bf16");
  EXPECT_EQ(lathe.verb->depth, 4);
  lathe.reset();
  EXPECT_EQ(lathe({"train", "--mixed-precision=no"}), Exit::kDone) << lathe.err.str();
  EXPECT_EQ(lathe.verb->settings.at("dtype").as_string(), "fp32");
  EXPECT_EQ(lathe({"--mixed_precision", "fp16", "train"}), Exit::kBadInput);
  EXPECT_EQ(lathe({"--nproc", "2", "train"}), Exit::kBadInput);
  EXPECT_EQ(lathe({"--nproc", "1", "train"}), Exit::kDone);
}

// C-17.5
TEST(Run, RanksComeFromTheEnvironment) {
  Bench lathe;
  const Variable world("WORLD_SIZE", "2");
  EXPECT_EQ(lathe({"train"}), Exit::kBadInput);  // two ranks, but this build is one process
  EXPECT_NE(lathe.err.str().find("WORLD_SIZE"), std::string::npos);
  const Variable rank("RANK", "2");
  EXPECT_EQ(lathe({"train"}), Exit::kBadInput);
  EXPECT_NE(lathe.err.str().find("RANK=2"), std::string::npos);
  EXPECT_EQ(lathe.verb->runs, 0);
}

// C-17.2
TEST(Run, OnlyRankZeroPrints) {
  CommonOptions common;
  common.json = true;
  const SettingsTable table;
  std::ostringstream first, second;
  for (const int rank : {0, 1}) {
    Context context(common, table, {}, "train", rank == 0 ? first : second, rank);
    context.print_banner();
    context.finish(Json::object());
  }
  EXPECT_NE(first.str().find(tool_version()), std::string::npos);
  EXPECT_EQ(second.str(), "");
}

// C-17.4
TEST(Run, AnAbsentDeviceIsAnError) {
  Bench lathe;
  lathe.verb->body = [](Context& context) -> Result<Exit> {
    EXPECT_EQ(context.device(), Device::kCpu);
    return Exit::kDone;
  };
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(lathe({"train", "--device-type", "auto"}), Exit::kDone) << lathe.err.str();
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("device cpu"), std::string::npos);
  EXPECT_EQ(lathe({"train", "--device", "mps"}), Exit::kBadInput);
  if (!device_available(Device::kCuda)) {
    EXPECT_EQ(lathe({"train", "--device", "cuda"}), Exit::kBadInput);
    EXPECT_NE(lathe.err.str().find("--device cpu"), std::string::npos);
  }
}

// C-1.1
TEST(Run, TheBaseFolderIsTheFlagThenTheVariableThenTheCache) {
  const TemporaryFolder folder;
  const std::string flag = folder.path() / "flag", variable = folder.path() / "variable", home = folder.path() / "home";
  fs::path seen;
  Bench lathe;
  lathe.verb->body = [&](Context& context) -> Result<Exit> {
    LATHE_TRY(seen, context.base_folder());
    return Exit::kDone;
  };
  const Variable set_home("HOME", home.c_str());
  {
    const Variable empty("LATHE_BASE_DIR", "");
    EXPECT_EQ(lathe({"train"}), Exit::kDone);
    EXPECT_EQ(seen, fs::path(home) / ".cache" / "lathe");
  }
  const Variable base("LATHE_BASE_DIR", variable.c_str());
  EXPECT_EQ(lathe({"train"}), Exit::kDone);
  EXPECT_EQ(seen, variable);
  EXPECT_EQ(lathe({"train", "--base-dir", flag}), Exit::kDone);
  EXPECT_EQ(seen, flag);
  EXPECT_TRUE(fs::is_directory(flag) && fs::is_directory(variable) && fs::is_directory(seen));
}

TEST(Run, ThreadsAreSetForTheWholeProcess) {
  const int before = num_threads();
  Bench lathe;
  EXPECT_EQ(lathe({"train", "--threads", "1"}), Exit::kDone);
  EXPECT_EQ(num_threads(), 1);
  EXPECT_EQ(lathe({"train", "--threads", "-1"}), Exit::kBadInput);
  EXPECT_EQ(lathe({"train", "--threads", "100000"}), Exit::kBadInput);
  set_num_threads(before);
}

// L-15.7
TEST(Run, LogFileHoldsTheLinesWithoutColours) {
  const TemporaryFolder folder;
  const std::string path = folder.path() / "run.log";
  Bench lathe;
  lathe.verb->body = [](Context& context) -> Result<Exit> {
    context.device();
    return Exit::kDone;
  };
  EXPECT_EQ(lathe({"train", "--log-file", path}), Exit::kDone);
  const std::string text = testing::take(read_file(path));
  EXPECT_NE(text.find(" - cli - INFO - device cpu\n"), std::string::npos) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(lathe({"train", "--log-file", (folder.path() / "no" / "such" / "folder" / "x").string()}), Exit::kDone);
  EXPECT_EQ(lathe({"train", "--log-file", folder.path().string()}), Exit::kBadInput);
}

// L-15.5
TEST(Run, LogLevelChoosesWhatIsLogged) {
  const auto logged = [](std::vector<std::string> flags) {
    Bench lathe;
    lathe.verb->body = [](Context& context) -> Result<Exit> {
      context.device();
      return Exit::kDone;
    };
    std::vector<std::string> words = {"train"};
    words.insert(words.end(), flags.begin(), flags.end());
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(lathe(words), Exit::kDone) << lathe.err.str();
    const std::string text = ::testing::internal::GetCapturedStderr();
    return std::count(text.begin(), text.end(), '\n');
  };
  EXPECT_EQ(logged({}), 1);                          // INFO is the default
  EXPECT_EQ(logged({"--log-level", "debug"}), 2);    // the settings, too
  EXPECT_EQ(logged({"--log-level", "WARNING"}), 0);
  EXPECT_EQ(logged({"--quiet"}), 0);
  EXPECT_EQ(logged({"--quiet", "--log_level", "INFO"}), 1);
  Bench lathe;
  EXPECT_EQ(lathe({"train", "--log-level", "LOUD"}), Exit::kBadInput);
  EXPECT_NE(lathe.err.str().find("DEBUG, INFO, WARNING or ERROR"), std::string::npos);
}

// C-14.10
TEST(Run, ATrainingVerbWithoutMemorySaysWhatToHalve) {
  class Greedy : public FakeVerb {
   public:
    void describe(SettingsTable& table) override {
      FakeVerb::describe(table);
      table.add("device_batch_size", &rows_, "");
      table.add("max_seq_len", &length_, "");
    }

   private:
    int64_t rows_ = 32, length_ = 2048;
  };
  auto verb = std::make_unique<Greedy>();
  verb->body = [](Context&) -> Result<Exit> { throw std::bad_alloc(); };
  VerbList verbs;
  verbs.push_back(std::move(verb));
  std::ostringstream out, err;
  EXPECT_EQ(run_words(verbs, {"train"}, out, err), Exit::kBadInput);
  const size_t batch = err.str().find("halve --device-batch-size (32, 16, 8, 4, 2, 1;"), depth = err.str().find("--depth (16 for 20)"),
               length = err.str().find("--max-seq-len (1024 for 2048)");
  ASSERT_NE(length, std::string::npos) << err.str();
  EXPECT_LT(batch, depth);
  EXPECT_LT(depth, length);
}

}  // namespace
}  // namespace lathe::cli
