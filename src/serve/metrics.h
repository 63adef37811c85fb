// Counters, gauges and histograms, and their text for Prometheus (exposition format 0.0.4). Any thread; what is returned lives as
// long as the registry.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace lathe::serve {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  void add(double amount = 1);  // not negative
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_ = 0;
};

class Gauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_ = 0;
};

class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds);
  void observe(double value);

 private:
  friend class Metrics;
  const std::vector<double> bounds_;  // upper, inclusive, ascending, without infinity
  std::vector<std::atomic<int64_t>> counts_;  // one more than bounds
  std::atomic<double> sum_ = 0;
};

class Metrics {
 public:
  Metrics();
  ~Metrics();

  // The same name and labels give the same object. Throws std::invalid_argument for a name or label Prometheus does not allow, and for
  // one name with two kinds. Label values must come from a bounded set, never from a client.
  Counter& counter(const std::string& name, const std::string& help, const MetricLabels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const MetricLabels& labels = {});
  Histogram& histogram(const std::string& name, const std::string& help, std::vector<double> bounds, const MetricLabels& labels = {});

  // Called before every text(): sets gauges from figures kept elsewhere.
  void before_scrape(std::function<void()> update);
  std::string text() const;
  static constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lathe::serve
