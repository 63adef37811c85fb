#include "corpus/length_filter.h"

#include "core/text.h"

namespace lathe::corpus {
namespace {

// The longest beginning of `text` with at most `most` characters.
std::string_view first_characters(std::string_view text, int64_t most) {
  size_t at = 0;
  for (; at < text.size(); ++at)
    if ((static_cast<uint8_t>(text[at]) & 0xC0) != 0x80 && most-- == 0) break;
  return text.substr(0, at);
}

// The whole paragraphs, or else lines, of `text` that end within the first `fits` bytes.
std::string_view whole_pieces(std::string_view text, size_t fits) {
  for (const std::string_view gap : {"\n\n", "\n"}) {
    const size_t end = text.rfind(gap, fits);  // a piece of exactly `fits` bytes ends there
    if (end != std::string_view::npos && end > 0) return trim_text(text.substr(0, end));
  }
  return {};
}

}  // namespace

void describe(SettingsTable& table, LengthSettings& settings) {
  table.group("length");
  table.add("min_length", &settings.min_length, "fewest characters of a document");
  table.add("max_length", &settings.max_length, "most characters of a document, 0 for any");
  table.add("over_long", &settings.over_long, "longer documents: drop, or cut at a paragraph").choices = {"drop",
                                                                                                          "cut"};
}

LengthCounts& LengthCounts::operator+=(const LengthCounts& other) {
  seen += other.seen, too_short += other.too_short, too_long += other.too_long, cut += other.cut;
  seen_characters += other.seen_characters, removed_characters += other.removed_characters;
  return *this;
}

Json LengthCounts::to_json() const {
  Json json = Json::object();
  json["seen"] = seen;
  json["too_short"] = too_short;
  json["too_long"] = too_long;
  json["cut"] = cut;
  json["seen_characters"] = seen_characters;
  json["removed_characters"] = removed_characters;
  json["removes_too_much"] = removes_too_much();
  return json;
}

Measured limit_length(std::string_view text, const LengthSettings& settings, LengthCounts& counts) {
  const int64_t characters = count_code_points(text);
  ++counts.seen;
  counts.seen_characters += characters;
  const auto drop = [&](int64_t& counter, LengthVerdict verdict) {
    ++counter;
    counts.removed_characters += characters;
    return Measured{{}, verdict};
  };
  if (characters < settings.min_length) return drop(counts.too_short, LengthVerdict::kTooShort);
  if (settings.max_length == 0 || characters <= settings.max_length) return {text, LengthVerdict::kKept};
  if (settings.over_long != "cut") return drop(counts.too_long, LengthVerdict::kTooLong);
  const std::string_view left = whole_pieces(text, first_characters(text, settings.max_length).size());
  const int64_t left_characters = count_code_points(left);
  if (left.empty() || left_characters < settings.min_length) return drop(counts.too_long, LengthVerdict::kTooLong);
  ++counts.cut;
  counts.removed_characters += characters - left_characters;
  return {left, LengthVerdict::kCut};
}

}  // namespace lathe::corpus
