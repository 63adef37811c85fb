#include "corpus/tally.h"

#include <algorithm>

namespace lathe::corpus {

int64_t Tally::count(const std::string& name) const {
  const auto found = counts.find(name);
  return found == counts.end() ? 0 : found->second;
}

void Tally::add_counts(const std::string& prefix, const Json& whole_numbers) {
  for (const auto& [key, value] : whole_numbers.as_object())
    if (value.is_int()) counts[prefix + "." + key] += value.as_int();
}

void Tally::add(const Tally& next, int64_t most_examples, size_t most_samples) {
  for (const auto& [name, value] : next.counts) counts[name] += value;
  for (const auto& [name, list] : next.examples) {
    std::vector<Json>& mine = examples[name];
    for (const Json& example : list)
      if (static_cast<int64_t>(mine.size()) < most_examples) mine.push_back(example);
  }
  for (const Sample& sample : next.samples)
    if (samples.size() < most_samples) samples.push_back(sample);
}

Json Tally::below(const std::string& prefix) const {
  Json out = Json::object();
  const std::string start = prefix + ".";
  for (auto at = counts.lower_bound(start); at != counts.end() && at->first.starts_with(start); ++at)
    out[at->first.substr(start.size())] = at->second;
  return out;
}

Json Tally::to_json() const {
  Json out = Json::object(), numbers = Json::object(), lists = Json::object(), rows = Json::array();
  for (const auto& [name, value] : counts) numbers[name] = value;
  for (const auto& [name, list] : examples) lists[name] = Json(Json::Array(list.begin(), list.end()));
  for (const Sample& sample : samples)
    rows.push_back(Json(Json::Array{sample.characters, sample.alphabetic_share, sample.mean_word_length, sample.english}));
  out["counts"] = std::move(numbers);
  out["examples"] = std::move(lists);
  out["samples"] = std::move(rows);
  return out;
}

Result<Tally> Tally::from_json(const Json& json, const std::string& path) {
  const Error bad = error_at(path, -1, "not the counts of a part of a corpus");
  const Json *numbers = json.find("counts"), *lists = json.find("examples"), *rows = json.find("samples");
  if (numbers == nullptr || !numbers->is_object() || lists == nullptr || !lists->is_object() || rows == nullptr || !rows->is_array()) return bad;
  Tally tally;
  for (const auto& [name, value] : numbers->as_object()) {
    if (!value.is_int()) return bad;
    tally.counts[name] = value.as_int();
  }
  for (const auto& [name, list] : lists->as_object()) {
    if (!list.is_array()) return bad;
    tally.examples[name] = list.as_array();
  }
  for (const Json& row : rows->as_array()) {
    if (!row.is_array() || row.size() != 4) return bad;
    for (const Json& value : row.as_array())
      if (!value.is_number()) return bad;
    tally.samples.push_back({row.at(size_t{0}).as_double(), row.at(1).as_double(), row.at(2).as_double(), row.at(3).as_double()});
  }
  return tally;
}

std::string excerpt(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  while (bytes > 0 && (static_cast<uint8_t>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return std::string(text.substr(0, bytes)) + "...";
}

}  // namespace lathe::corpus
