// Writing text from templates: the one engine behind every story, passage and question of the built-in corpus.
//   {key}       the value of `key`; {Key} the same with a capital first letter
//   {a key}     the value with its article: "a kite", "an old boat"; {A key} at the start of a sentence
//   {s key}     the plural of the value; {S key} at the start of a sentence
//   [x|y|z]     one of the alternatives, drawn; they may hold keys and nest
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/rng.h"

namespace lathe::tasks {

std::string capitalized(std::string_view text);
std::string with_article(std::string_view noun);  // "a kite", "an hour"
std::string plural(std::string_view noun);        // of the last word: "red box" -> "red boxes", "mouse" -> "mice"
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string join_with_and(const std::vector<std::string>& parts);  // "a, b and c"

template <class T>
const T& pick(const std::vector<T>& items, Rng& rng) {
  return items[rng.below(items.size())];
}

// `count` different items in drawn order; count <= items.size().
template <class T>
std::vector<T> pick_distinct(const std::vector<T>& items, size_t count, Rng& rng) {
  std::vector<size_t> taken;
  std::vector<T> out;
  while (out.size() < count) {
    const size_t at = rng.below(items.size());
    bool fresh = true;
    for (const size_t t : taken) fresh = fresh && t != at;
    if (!fresh) continue;
    taken.push_back(at);
    out.push_back(items[at]);
  }
  return out;
}

template <class T>
void shuffle(std::vector<T>& items, Rng& rng) {
  for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[rng.below(i)]);
}

// The values of one text and the stream that draws its alternatives. A key that is not set is an API misuse and throws.
class Scene {
 public:
  explicit Scene(Rng& rng) : rng_(rng) {}
  void set(std::string_view key, std::string value);
  const std::string& get(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }
  std::string expand(std::string_view text);
  Rng& rng() { return rng_; }

 private:
  const std::string* find(std::string_view key) const;
  void expand_into(std::string_view text, std::string& out);
  void append_value(std::string_view expression, std::string& out) const;

  Rng& rng_;
  std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace lathe::tasks
