#include "serve/metrics.h"

#include <cmath>
#include <map>
#include <regex>
#include <thread>

#include "core/log.h"
#include "serve/access_log.h"
#include "tests/ref/testing.h"

namespace lathe::serve {
namespace {

struct Sample {
  std::map<std::string, std::string> labels;
  double value;
};

// Reads the exposition format as its description says, and nothing else.
struct Exposition {
  std::map<std::string, std::string> kinds, helps;
  std::multimap<std::string, Sample> samples;

  explicit Exposition(const std::string& text) {
    EXPECT_TRUE(text.empty() || text.back() == '\n');
    std::istringstream lines(text);
    const std::regex head(R"(# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*))"), sample(R"(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(.*)\})? (\S+))");
    std::string family;
    for (std::string line; std::getline(lines, line);) {
      std::smatch found;
      if (std::regex_match(line, found, head)) {
        auto& table = found[1] == "HELP" ? helps : kinds;
        EXPECT_TRUE(table.emplace(found[2], found[3]).second) << "twice: " << line;
        family = found[2];
        continue;
      }
      if (!std::regex_match(line, found, sample)) {
        ADD_FAILURE() << line;
        continue;
      }
      EXPECT_EQ(found[1].str().substr(0, family.size()), family) << "the samples of a family stand together";
      samples.emplace(found[1], Sample{read_labels(found[3]), read_value(found[4])});
    }
  }

  static double read_value(const std::string& text) {
    if (text == "+Inf") return INFINITY;
    if (text == "NaN") return NAN;
    size_t used = 0;
    const double value = std::stod(text, &used);
    EXPECT_EQ(used, text.size()) << text;
    return value;
  }
  static std::map<std::string, std::string> read_labels(const std::string& text) {
    std::map<std::string, std::string> labels;
    for (size_t at = 0; at < text.size();) {
      const size_t equals = text.find("=\"", at);
      EXPECT_NE(equals, std::string::npos) << text;
      std::string value;
      size_t i = equals + 2;
      for (; i < text.size() && text[i] != '"'; ++i) value += text[i] != '\\' ? text[i] : text[++i] == 'n' ? '\n' : text[i];
      EXPECT_LT(i, text.size()) << "unclosed: " << text;
      labels[text.substr(at, equals - at)] = value;
      at = i + 1;
      if (at < text.size()) {
        EXPECT_EQ(text[at++], ',');
      }
    }
    return labels;
  }
  double value(const std::string& name, const std::map<std::string, std::string>& labels = {}) const {
    const auto range = samples.equal_range(name);
    for (auto i = range.first; i != range.second; ++i)
      if (i->second.labels == labels) return i->second.value;
    return NAN;
  }
};

TEST(Metrics, EveryKindIsReadBack) {
  Metrics metrics;
  metrics.counter("requests_total", "All of them").add(3);
  metrics.counter("requests_total", "All of them").add();
  metrics.counter("by_code_total", "By code", {{"code", "200"}, {"method", "GET"}}).add(2);
  metrics.gauge("queue", "Waiting").set(-1.5);
  Histogram& seconds = metrics.histogram("seconds", "How long", {0.1, 1, 10});
  for (const double value : {0.05, 0.1, 0.5, 100.0}) seconds.observe(value);
  const Exposition read(metrics.text());
  EXPECT_EQ(read.kinds.at("requests_total"), "counter");
  EXPECT_EQ(read.kinds.at("queue"), "gauge");
  EXPECT_EQ(read.kinds.at("seconds"), "histogram");
  EXPECT_EQ(read.helps.at("queue"), "Waiting");
  EXPECT_EQ(read.value("requests_total"), 4);
  EXPECT_EQ(read.value("by_code_total", {{"code", "200"}, {"method", "GET"}}), 2);
  EXPECT_EQ(read.value("queue"), -1.5);
  EXPECT_EQ(read.value("seconds_bucket", {{"le", "0.1"}}), 2) << "a bound belongs to its bucket";
  EXPECT_EQ(read.value("seconds_bucket", {{"le", "1"}}), 3) << "buckets add up";
  EXPECT_EQ(read.value("seconds_bucket", {{"le", "10"}}), 3);
  EXPECT_EQ(read.value("seconds_bucket", {{"le", "+Inf"}}), 4);
  EXPECT_EQ(read.value("seconds_count"), 4);
  EXPECT_DOUBLE_EQ(read.value("seconds_sum"), 100.65);
}

TEST(Metrics, TextsAreEscaped) {
  Metrics metrics;
  const std::string nasty = "a\"b\\c\nd}{,=\" 1";
  metrics.gauge("g", "two\nlines \\ and \"quotes\"", {{"model", nasty}, {"other", ""}}).set(7);
  const Exposition read(metrics.text());
  EXPECT_EQ(read.value("g", {{"model", nasty}, {"other", ""}}), 7);
  EXPECT_EQ(read.helps.at("g"), "two\\nlines \\\\ and \"quotes\"");
}

TEST(Metrics, WrongNamesAndKindsAreRefused) {
  Metrics metrics;
  metrics.counter("a_total", "");
  EXPECT_THROW(metrics.gauge("a_total", ""), std::invalid_argument);
  EXPECT_THROW(metrics.counter("1a", ""), std::invalid_argument);
  EXPECT_THROW(metrics.counter("a-b", ""), std::invalid_argument);
  EXPECT_THROW(metrics.counter("a", "", {{"le:x", "1"}}), std::invalid_argument);
  EXPECT_THROW(metrics.histogram("h", "", {1}, {{"le", "1"}}), std::invalid_argument);
  EXPECT_THROW(metrics.histogram("h", "", {2, 1}), std::invalid_argument);
  EXPECT_THROW(metrics.counter("b_total", "").add(-1), std::invalid_argument);
}

TEST(Metrics, GaugesAreSetBeforeEveryScrape) {
  Metrics metrics;
  int calls = 0;
  metrics.before_scrape([&] { metrics.gauge("calls", "").set(++calls); });
  EXPECT_EQ(Exposition(metrics.text()).value("calls"), 1);
  EXPECT_EQ(Exposition(metrics.text()).value("calls"), 2);
}

TEST(Metrics, ManyThreadsLoseNothing) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        metrics.counter("c_total", "").add();
        metrics.histogram("h", "", {0.5}).observe(i % 2);
        if (i % 500 == 0) metrics.text();
      }
    });
  for (std::thread& thread : threads) thread.join();
  const Exposition read(metrics.text());
  EXPECT_EQ(read.value("c_total"), 20000);
  EXPECT_EQ(read.value("h_count"), 20000);
  EXPECT_EQ(read.value("h_sum"), 10000);
}

TEST(Metrics, ClientsCannotMakeSeries) {
  Metrics metrics;
  const HttpObserver observer = make_access_log(&metrics);
  set_log_level(LogLevel::kOff);
  for (int i = 0; i < 1000; ++i) {
    HttpRecord record;
    record.method = "M" + std::to_string(i);
    record.path = "/" + std::to_string(i);
    record.status = 404;
    observer(record);
  }
  set_log_level(LogLevel::kInfo);
  const Exposition read(metrics.text());
  EXPECT_EQ(read.value("lathe_http_requests_total", {{"method", "other"}, {"code", "404"}}), 1000);
  EXPECT_LT(read.samples.size(), 30u);
}

}  // namespace
}  // namespace lathe::serve
