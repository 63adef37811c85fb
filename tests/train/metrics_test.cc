// metrics.jsonl and the TensorBoard event file.
#include "train/metrics.h"

#include <bit>
#include <cstring>

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
  EXPECT_EQ(records(take(read_file(events[0]))).size(), 3u) << "the version, two scalars";
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

}  // namespace
}  // namespace lathe::testing
