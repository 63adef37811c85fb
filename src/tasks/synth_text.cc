#include "tasks/synth_text.h"

#include <algorithm>
#include <array>

#include "core/check.h"

namespace lathe::tasks {
namespace {

bool is_vowel(char c) { return std::string_view("aeiouAEIOU").find(c) != std::string_view::npos; }

// Words whose sound does not follow their first letter.
constexpr std::array<std::string_view, 3> kSpokenAsVowel = {"hour", "honest", "heir"};
constexpr std::array<std::string_view, 5> kSpokenAsConsonant = {"uni", "use", "one", "once", "euro"};

struct Irregular {
  std::string_view one, many;
};
constexpr std::array<Irregular, 21> kIrregularPlurals = {{
    {"mouse", "mice"},      {"goose", "geese"},     {"man", "men"},           {"woman", "women"},
    {"child", "children"},  {"foot", "feet"},       {"tooth", "teeth"},       {"sheep", "sheep"},
    {"fish", "fish"},       {"deer", "deer"},       {"knife", "knives"},      {"leaf", "leaves"},
    {"loaf", "loaves"},     {"wolf", "wolves"},     {"shelf", "shelves"},     {"calf", "calves"},
    {"potato", "potatoes"}, {"tomato", "tomatoes"}, {"scissors", "scissors"}, {"ox", "oxen"},
    {"scarf", "scarves"},
}};

}  // namespace

std::string capitalized(std::string_view text) {
  std::string out(text);
  if (!out.empty() && out[0] >= 'a' && out[0] <= 'z') out[0] = static_cast<char>(out[0] - 'a' + 'A');
  return out;
}

std::string with_article(std::string_view noun) {
  bool vowel = !noun.empty() && is_vowel(noun[0]);
  for (const std::string_view start : kSpokenAsVowel) vowel = vowel || noun.starts_with(start);
  for (const std::string_view start : kSpokenAsConsonant) vowel = vowel && !noun.starts_with(start);
  return (vowel ? "an " : "a ") + std::string(noun);
}

std::string plural(std::string_view noun) {
  const size_t last = noun.rfind(' ') == std::string_view::npos ? 0 : noun.rfind(' ') + 1;
  const std::string_view word = noun.substr(last);
  for (const auto& [one, many] : kIrregularPlurals) {
    if (word == one) return std::string(noun.substr(0, last)) + std::string(many);
  }
  std::string out(noun);
  const auto ends = [&](std::string_view end) { return word.ends_with(end); };
  if (ends("y") && word.size() > 1 && !is_vowel(word[word.size() - 2])) {
    out.back() = 'i';
    return out + "es";
  }
  return out + (ends("s") || ends("x") || ends("ch") || ends("sh") ? "es" : "s");
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += separator;
    out += parts[i];
  }
  return out;
}

std::string join_with_and(const std::vector<std::string>& parts) {
  if (parts.size() < 2) return join(parts, "");
  const std::vector<std::string> head(parts.begin(), parts.end() - 1);
  return join(head, ", ") + " and " + parts.back();
}

void Scene::set(std::string_view key, std::string value) {
  for (auto& [name, held] : values_) {
    if (name == key) {
      held = std::move(value);
      return;
    }
  }
  values_.emplace_back(key, std::move(value));
}

const std::string* Scene::find(std::string_view key) const {
  const auto found = std::find_if(values_.begin(), values_.end(), [&](const auto& v) { return v.first == key; });
  return found == values_.end() ? nullptr : &found->second;
}

const std::string& Scene::get(std::string_view key) const {
  const std::string* value = find(key);
  require(value != nullptr, "[synth] template names \"", key, "\", which is not set");
  return *value;
}

std::string Scene::expand(std::string_view text) {
  std::string out;
  out.reserve(text.size() * 2);
  expand_into(text, out);
  return out;
}

void Scene::append_value(std::string_view expression, std::string& out) const {
  if (expression.size() > 2 && expression[1] == ' ') {
    const std::string& value = get(expression.substr(2));
    if (expression[0] == 'a') out += with_article(value);
    if (expression[0] == 'A') out += capitalized(with_article(value));
    if (expression[0] == 's') out += plural(value);
    if (expression[0] == 'S') out += capitalized(plural(value));
    return;
  }
  if (const std::string* value = find(expression)) {
    out += *value;
    return;
  }
  std::string key(expression);
  for (char& c : key) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  out += capitalized(get(key));  // a key in capitals, whole or in part
}

void Scene::expand_into(std::string_view text, std::string& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{') {
      const size_t end = text.find('}', i);
      require(end != std::string_view::npos, "[synth] open { in template: ", text);
      append_value(text.substr(i + 1, end - i - 1), out);
      i = end;
    } else if (text[i] == '[') {
      // Two passes over the bracket: count the alternatives, then take the drawn one.
      size_t end = i + 1, count = 1;
      for (int depth = 1; depth > 0; ++end) {
        require(end < text.size(), "[synth] open [ in template: ", text);
        depth += text[end] == '[' ? 1 : text[end] == ']' ? -1 : 0;
        count += depth == 1 && text[end] == '|' ? 1 : 0;
      }
      size_t skip = rng_.below(count), begin = i + 1, at = begin;
      for (int depth = 0; at < end - 1; ++at) {
        depth += text[at] == '[' ? 1 : text[at] == ']' ? -1 : 0;
        if (depth != 0 || text[at] != '|') continue;
        if (skip == 0) break;
        --skip;
        begin = at + 1;
      }
      expand_into(text.substr(begin, at - begin), out);
      i = end - 1;
    } else {
      out += text[i];
    }
  }
}

}  // namespace lathe::tasks
