#include "serve/metrics.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <variant>

#include "core/check.h"
#include "core/text.h"

namespace lathe::serve {
namespace {

bool is_name(const std::string& name, bool colons) {
  const auto first = [&](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colons && c == ':'); };
  const auto later = [&](char c) { return first(c) || (c >= '0' && c <= '9'); };
  return !name.empty() && first(name.front()) && std::all_of(name.begin(), name.end(), later);
}

std::string escaped(const std::string& text, bool quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') out += "\\\\";
    else if (c == '\n') out += "\\n";
    else if (c == '"' && quotes) out += "\\\"";
    else out += c;
  }
  return out;
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return shortest_double(value);
}

// {a="1",b="2"} with `last` (already written) at the end.
std::string label_text(const MetricLabels& labels, const std::string& last = "") {
  std::string out;
  for (const auto& [name, value] : labels) out += (out.empty() ? "" : ",") + name + "=\"" + escaped(value, true) + "\"";
  if (!last.empty()) out += (out.empty() ? "" : ",") + last;
  return out.empty() ? "" : "{" + out + "}";
}

void add_to(std::atomic<double>& sum, double amount) {
  double before = sum.load(std::memory_order_relaxed);
  while (!sum.compare_exchange_weak(before, before + amount, std::memory_order_relaxed)) {
  }
}

}  // namespace

void Counter::add(double amount) {
  require(amount >= 0, "[metrics] a counter never falls");
  add_to(value_, amount);
}

Histogram::Histogram(std::vector<double> bounds) : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {
  require(std::is_sorted(bounds_.begin(), bounds_.end()), "[metrics] the bounds of a histogram must ascend");
}

void Histogram::observe(double value) {
  const auto place = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  counts_[static_cast<size_t>(place)].fetch_add(1, std::memory_order_relaxed);
  add_to(sum_, value);
}

struct Metrics::Impl {
  using One = std::variant<std::unique_ptr<Counter>, std::unique_ptr<Gauge>, std::unique_ptr<Histogram>>;
  struct Family {
    std::string help;
    size_t kind = 0;
    std::vector<std::pair<MetricLabels, One>> members;
  };
  mutable std::mutex mutex;
  std::map<std::string, Family> families;
  std::vector<std::function<void()>> updates;

  template <class T, class... Arguments>
  T& get(const std::string& name, const std::string& help, const MetricLabels& labels, Arguments... arguments) {
    require(is_name(name, true), "[metrics] \"", name, "\" is no name of a metric");
    for (const auto& label : labels)
      require(is_name(label.first, false) && label.first != "le", "[metrics] \"", label.first, "\" is no name of a label");
    const size_t kind = One(std::unique_ptr<T>()).index();
    const std::lock_guard lock(mutex);
    const auto found = families.try_emplace(name, Family{help, kind, {}}).first;
    require(found->second.kind == kind, "[metrics] ", name, " is of another kind");
    for (auto& member : found->second.members)
      if (member.first == labels) return *std::get<std::unique_ptr<T>>(member.second);
    auto made = std::make_unique<T>(std::move(arguments)...);
    T& result = *made;
    found->second.members.emplace_back(labels, std::move(made));
    return result;
  }
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(const std::string& name, const std::string& help, const MetricLabels& labels) {
  return impl_->get<Counter>(name, help, labels);
}

Gauge& Metrics::gauge(const std::string& name, const std::string& help, const MetricLabels& labels) {
  return impl_->get<Gauge>(name, help, labels);
}

Histogram& Metrics::histogram(const std::string& name, const std::string& help, std::vector<double> bounds, const MetricLabels& labels) {
  return impl_->get<Histogram>(name, help, labels, std::move(bounds));
}

void Metrics::before_scrape(std::function<void()> update) {
  const std::lock_guard lock(impl_->mutex);
  impl_->updates.push_back(std::move(update));
}

std::string Metrics::text() const {
  std::vector<std::function<void()>> updates;
  {
    const std::lock_guard lock(impl_->mutex);
    updates = impl_->updates;
  }
  for (const auto& update : updates) update();
  static constexpr const char* kKinds[] = {"counter", "gauge", "histogram"};
  const std::lock_guard lock(impl_->mutex);
  std::string out;
  for (const auto& [name, family] : impl_->families) {
    out += "# HELP " + name + " " + escaped(family.help, false) + "\n# TYPE " + name + " " + kKinds[family.kind] + "\n";
    for (const auto& [labels, one] : family.members) {
      if (const auto* counter = std::get_if<std::unique_ptr<Counter>>(&one)) {
        out += name + label_text(labels) + " " + number((*counter)->value()) + "\n";
      } else if (const auto* gauge = std::get_if<std::unique_ptr<Gauge>>(&one)) {
        out += name + label_text(labels) + " " + number((*gauge)->value()) + "\n";
      } else {
        const Histogram& histogram = *std::get<std::unique_ptr<Histogram>>(one);
        int64_t total = 0;
        for (size_t i = 0; i < histogram.counts_.size(); ++i) {
          total += histogram.counts_[i].load(std::memory_order_relaxed);
          const std::string bound = i < histogram.bounds_.size() ? number(histogram.bounds_[i]) : "+Inf";
          out += name + "_bucket" + label_text(labels, "le=\"" + bound + "\"") + " " + std::to_string(total) + "\n";
        }
        out += name + "_sum" + label_text(labels) + " " + number(histogram.sum_.load(std::memory_order_relaxed)) + "\n";
        out += name + "_count" + label_text(labels) + " " + std::to_string(total) + "\n";
      }
    }
  }
  return out;
}

}  // namespace lathe::serve
