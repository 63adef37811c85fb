// metrics.jsonl and the TensorBoard event file.
#include "train/metrics.h"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "tests/ref/testing.h"
#include "train/tensorboard.h"

namespace lathe::testing {
namespace {

template <class Value>
Value read_raw(std::string_view bytes, size_t at) {
  Value value;
  std::memcpy(&value, bytes.substr(at, sizeof value).data(), sizeof value);
  return value;
}

uint32_t unmasked(uint32_t masked) { return std::rotl(masked - 0xA282EAD8u, 15); }

// The payloads of a TFRecord stream, every length and checksum verified.
std::vector<std::string> records(std::string_view bytes) {
  std::vector<std::string> out;
  while (!bytes.empty()) {
    if (bytes.size() < 16) throw std::runtime_error("torn record");
    const auto length = read_raw<uint64_t>(bytes, 0);
    if (length > bytes.size() - 16) throw std::runtime_error("record longer than the file");
    const std::string_view data = bytes.substr(12, length);
    EXPECT_EQ(unmasked(read_raw<uint32_t>(bytes, 8)), train::crc32c(bytes.substr(0, 8)));
    EXPECT_EQ(unmasked(read_raw<uint32_t>(bytes, 12 + length)), train::crc32c(data));
    out.emplace_back(data);
    bytes.remove_prefix(16 + length);
  }
  return out;
}

// RFC 3720, appendix B.4, and the check value of the CRC catalogue.
TEST(TensorBoard, Crc32cKnownVectors) {
  EXPECT_EQ(train::crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(train::crc32c(""), 0u);
  EXPECT_EQ(train::crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(train::crc32c(std::string(32, '\xff')), 0x62A8AB43u);
  std::string rising;
  for (int i = 0; i < 32; ++i) rising += static_cast<char>(i);
  EXPECT_EQ(train::crc32c(rising), 0x46DD794Eu);
}

TEST(TensorBoard, RecordsAreFramedEvents) {
  const std::string header = train::tensorboard_header(2.0), scalar = train::tensorboard_scalar(2.0, 300, "val/bpb", 1.5f);
  const std::vector<std::string> events = records(header + scalar);
  ASSERT_EQ(events.size(), 2u);
  const std::string time = std::string("\x09\0\0\0\0\0\0\0\x40", 9);  // field 1, double 2.0
  EXPECT_EQ(events[0], time + "\x1a\x0d" "brain.Event:2");
  // field 2 varint 300; field 5 summary { field 1 value { field 1 tag; field 2 float 1.5 } }
  EXPECT_EQ(events[1], time + "\x10\xac\x02" "\x2a\x10" "\x0a\x0e" "\x0a\x07" "val/bpb" + std::string("\x15\0\0\xc0\x3f", 5));
}

class MetricsTest : public ::testing::Test {
 protected:
  const std::filesystem::path& run() const { return folder_.path(); }
  std::vector<Json> lines() const { return read_jsonl(run() / "metrics.jsonl"); }
  static Json loss(double value) {
    Json values = Json::object();
    values["train/loss"] = value;
    return values;
  }
  TemporaryFolder folder_;
};

// C-17.3, C-17.6: local JSON lines whatever the run's name; the first holds all settings.
TEST_F(MetricsTest, WritesSettingsAndLines) {
  Json settings = Json::object();
  settings["run"] = "dummy";
  settings["depth"] = 2;
  {
    const auto metrics = take(train::Metrics::open(run(), settings, -1));
    check(metrics->log(0, loss(4.5)));
    Json values = loss(4.25);
    values["note"] = "text stays out of TensorBoard";
    check(metrics->log(100, values));
  }
  const std::vector<Json> written = lines();
  ASSERT_EQ(written.size(), 3u);
  EXPECT_EQ(written[0].at("settings"), settings);
  EXPECT_EQ(written[1].dump(), R"({"step": 0, "train/loss": 4.5})");
  EXPECT_EQ(written[2].at("note").as_string(), "text stays out of TensorBoard");
  std::vector<std::filesystem::path> events;
  for (const auto& entry : std::filesystem::directory_iterator(run() / "tensorboard")) events.push_back(entry.path());
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].filename().string().find("events.out.tfevents."), 0u);
  EXPECT_EQ(records(take(read_file(events[0]))).size(), 4u) << "the version, the start, two scalars";
}

TEST_F(MetricsTest, ANewRunStartsANewFile) {
  { check(take(train::Metrics::open(run(), Json::object(), -1))->log(7, loss(1))); }
  { check(take(train::Metrics::open(run(), Json::object(), -1))->log(0, loss(2))); }
  const std::vector<Json> written = lines();
  ASSERT_EQ(written.size(), 2u);
  EXPECT_EQ(written[1].at("train/loss").as_double(), 2);
}

// Lines of the run that was cut off, from the resumed step on, are written again; a torn last line goes.
TEST_F(MetricsTest, AResumedRunRepeatsNoLine) {
  {
    const auto metrics = take(train::Metrics::open(run(), Json::object(), -1));
    for (const int64_t step : {0, 5, 9, 10, 11}) check(metrics->log(step, loss(static_cast<double>(step))));
  }
  check(write_file_atomic(run() / "metrics.jsonl", take(read_file(run() / "metrics.jsonl")) + "{\"step\": 12, \"train/lo"));
  {
    const auto metrics = take(train::Metrics::open(run(), Json::object(), 10));
    check(metrics->log(10, loss(10)));
    check(metrics->log(15, loss(15)));
  }
  std::vector<int64_t> steps;
  for (const Json& line : lines()) steps.push_back(line.get_int("step", -1));
  EXPECT_EQ(steps, (std::vector<int64_t>{-1, 0, 5, 9, 10, 15}));
}

// L-5.58: a run that goes back keeps no line of the steps it makes again.
TEST_F(MetricsTest, ARewindDropsTheLaterSteps) {
  const auto metrics = take(train::Metrics::open(run(), Json::object(), -1));
  for (const int64_t step : {0, 4, 5, 6, 7}) check(metrics->log(step, loss(1)));
  check(metrics->rewind(5));
  Json values = loss(2);
  values["rewind/from"] = 7;
  check(metrics->log(5, values));
  std::vector<double> losses;
  std::vector<int64_t> steps;
  for (const Json& line : lines()) {
    steps.push_back(line.get_int("step", -1));
    losses.push_back(line.get_double("train/loss", 0));
  }
  EXPECT_EQ(steps, (std::vector<int64_t>{-1, 0, 4, 5}));
  EXPECT_EQ(losses, (std::vector<double>{0, 1, 1, 2}));
}

// What TensorBoard itself makes of the files: LATHE_PYTHON names an interpreter that has the package, else python3.
class TensorBoardReads : public MetricsTest {
 protected:
  void SetUp() override {
    const char* given = std::getenv("LATHE_PYTHON");
    python_ = given ? given : "python3";
    if (std::system((python_ + " -c 'import tensorboard' > /dev/null 2>&1").c_str()) != 0) GTEST_SKIP() << python_ << " has no package tensorboard";
  }
  // {"scalars": {tag: [[step, value], ...]}, "texts": {tag: [[step, [text, ...]], ...]}}
  Json read() const {
    constexpr const char* kScript = R"(
import json, sys
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.util import tensor_util
events = event_accumulator.EventAccumulator(sys.argv[1], size_guidance={'scalars': 0, 'tensors': 0})
events.Reload()
texts = {}
for tag in events.Tags()['tensors']:
    assert events.SummaryMetadata(tag).plugin_data.plugin_name == 'text'
    texts[tag] = [[e.step, [t.decode() for t in tensor_util.make_ndarray(e.tensor_proto)]] for e in events.Tensors(tag)]
scalars = {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()['scalars']}
json.dump({'scalars': scalars, 'texts': texts}, open(sys.argv[2], 'w'))
)";
    check(write_file_atomic(run() / "read.py", kScript));
    const std::string command = join_text(python_, " ", run() / "read.py", " ", run() / "tensorboard", " ", run() / "read.json", " 2> ", run() / "read.err");
    EXPECT_EQ(std::system(command.c_str()), 0) << take(read_file(run() / "read.err"));
    return take(read_json(run() / "read.json"));
  }
  std::string python_;
};

// L-5.58, C-17.3
TEST_F(TensorBoardReads, ScalarsAndSamplesAsTheyWereWritten) {
  const auto metrics = take(train::Metrics::open(run(), Json::object(), -1));
  check(metrics->log(0, loss(4.5)));
  Json values = loss(4.25);
  values["samples"] = Json(Json::Array{"The capital of France is \xC3\xA9", "two\nlines"});
  check(metrics->log(1000000, values));
  const Json read = this->read();
  EXPECT_EQ(read.at("scalars").dump(), R"({"train/loss": [[0, 4.5], [1000000, 4.25]]})");
  EXPECT_EQ(read.at("texts").dump(), "{\"samples\": [[1000000, [\"The capital of France is \xC3\xA9\", \"two\\nlines\"]]]}");
}

// L-5.58
TEST_F(TensorBoardReads, NoStepTwiceAfterResumeAndRewind) {
  {
    const auto metrics = take(train::Metrics::open(run(), Json::object(), -1));
    for (const int64_t step : {0, 5, 9, 10, 11}) check(metrics->log(step, loss(1)));
  }
  // The next file is of a later second: event files are read in the order of their names.
  for (const auto& entry : std::filesystem::directory_iterator(run() / "tensorboard"))
    std::filesystem::rename(entry.path(), run() / "tensorboard" / "events.out.tfevents.1000000000.lathe.1");
  const auto metrics = take(train::Metrics::open(run(), Json::object(), 10));
  for (const int64_t step : {10, 11, 12, 13}) check(metrics->log(step, loss(2)));
  check(metrics->rewind(12));
  check(metrics->log(12, loss(3)));
  EXPECT_EQ(read().at("scalars").at("train/loss").dump(), "[[0, 1.0], [5, 1.0], [9, 1.0], [10, 2.0], [11, 2.0], [12, 3.0]]");
}

}  // namespace
}  // namespace lathe::testing
