#include "eval/smoke_tests.h"

#include <algorithm>

#include "core/check.h"
#include "eval/perplexity.h"

namespace lathe::eval {
namespace {

using Words = std::initializer_list<std::string_view>;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80; }

std::string lower(const std::string& text) {
  std::string out = text;
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// A whole word (or phrase) of the text, whatever the case of its ASCII letters.
bool has_word(const std::string& text, std::string_view word) {
  const std::string low = lower(text);
  for (size_t at = low.find(word); at != low.npos; at = low.find(word, at + 1)) {
    const size_t end = at + word.size();
    if ((at == 0 || !is_letter(low[at - 1])) && (end == low.size() || !is_letter(low[end]))) return true;
  }
  return false;
}
int64_t count_of(const std::string& text, Words words) {
  return std::count_if(words.begin(), words.end(), [&](std::string_view word) { return has_word(text, word); });
}
bool any_of(const Generation& answer, Words words) { return count_of(answer.text, words) > 0; }

// So many words, and not the same few again and again.
bool is_prose(const Generation& answer, int64_t min_words, int64_t max_words = 1000) {
  const int64_t words = count_words(answer.text);
  return words >= min_words && words <= max_words && repeated_share(answer.text, 4) < 0.5;
}

// Lines that begin with "1.", "2)", "-" or "*".
int64_t list_items(const std::string& text) {
  int64_t items = 0;
  for (const std::string& raw : split_text(text, '\n')) {
    const std::string_view line = trim_text(raw);
    const size_t digits = std::min(line.find_first_not_of("0123456789"), line.size());
    items += (digits > 0 && digits < line.size() && (line[digits] == '.' || line[digits] == ')')) || line.starts_with("- ") || line.starts_with("* ");
  }
  return items;
}

std::vector<SmokeTest> make_tests() {
  std::vector<SmokeTest> out;
  const auto add = [&](const char* category, const char* prompt, const char* expects, bool (*passes)(const Generation&)) {
    out.push_back({category, prompt, expects, passes});
  };
  using G = const Generation&;
  const char* group = "basic_knowledge";
  add(group, "What is the capital of France?", "names Paris", [](G a) { return any_of(a, {"paris"}); });
  add(group, "How many days are there in a week?", "says 7 or seven", [](G a) { return any_of(a, {"7", "seven"}); });
  add(group, "What do bees make?", "names honey or wax", [](G a) { return any_of(a, {"honey", "wax", "beeswax"}); });
  group = "language_understanding";
  add(group, "What is the opposite of hot?", "says cold, cool or chilly", [](G a) { return any_of(a, {"cold", "cool", "chilly"}); });
  add(group, "Tom gave the red ball to Anna. Who has the red ball now?", "names Anna", [](G a) { return any_of(a, {"anna"}); });
  add(group, "Give another word that means the same as happy.", "a word for happy",
      [](G a) { return any_of(a, {"glad", "joyful", "cheerful", "content", "pleased", "delighted", "merry", "joyous", "elated", "blissful"}); });
  group = "reasoning";
  add(group, "What is 2 + 3?", "says 5 or five", [](G a) { return any_of(a, {"5", "five"}); });
  add(group, "If yesterday was Monday, what day is today?", "says Tuesday", [](G a) { return any_of(a, {"tuesday"}); });
  add(group, "Which is heavier, one kilogram of stone or two kilograms of feathers?", "names the feathers, or two kilograms",
      [](G a) { return any_of(a, {"feathers", "two kilograms", "2 kilograms"}); });
  group = "creativity";
  add(group, "Write a short story about a cat.", "15 words or more without loops, with the cat", [](G a) { return is_prose(a, 15) && any_of(a, {"cat", "cats", "kitten"}); });
  add(group, "Write two sentences about the sea.", "8 words or more without loops, with the sea",
      [](G a) { return is_prose(a, 8) && any_of(a, {"sea", "ocean", "waves", "water"}); });
  add(group, "Invent a name for a robot and describe it.", "6 words or more without loops", [](G a) { return is_prose(a, 6); });
  group = "instruction_following";
  add(group, "Answer with one word only: what color is the sky?", "at most 3 words, among them blue",
      [](G a) { return count_words(a.text) <= 3 && any_of(a, {"blue"}); });
  add(group, "List three fruits.", "three fruits, or a list of three", [](G a) {
    return count_of(a.text, {"apple", "apples", "banana", "bananas", "orange", "oranges", "pear", "pears", "grape", "grapes", "mango", "mangoes", "cherry",
                             "cherries", "strawberry", "strawberries", "peach", "peaches", "plum", "plums", "kiwi", "lemon", "lemons", "pineapple"}) >= 3 ||
           list_items(a.text) == 3;
  });
  add(group, "Repeat this word: lantern", "holds the word lantern, in at most 12 words", [](G a) { return any_of(a, {"lantern"}) && count_words(a.text) <= 12; });
  group = "encyclopedic_style";
  add(group, "Describe what a volcano is.", "10 words or more without loops, with a word of the subject",
      [](G a) { return is_prose(a, 10) && any_of(a, {"volcano", "lava", "magma", "eruption", "mountain"}); });
  add(group, "Explain what photosynthesis is.", "10 words or more without loops, with a word of the subject",
      [](G a) { return is_prose(a, 10) && any_of(a, {"plants", "plant", "light", "sunlight", "photosynthesis"}); });
  add(group, "Who was Albert Einstein?", "8 words or more without loops, with a word of the subject",
      [](G a) { return is_prose(a, 8) && any_of(a, {"physicist", "physics", "scientist", "relativity", "einstein"}); });
  group = "conversation";
  add(group, "Hello! How are you today?", "2 to 80 words, ended by itself", [](G a) { return is_prose(a, 2, 80) && a.stopped; });
  add(group, "Thank you for your help!", "1 to 60 words, ended by itself", [](G a) { return is_prose(a, 1, 60) && a.stopped; });
  add(group, "Can you recommend something to do on a rainy day?", "5 words or more without loops", [](G a) { return is_prose(a, 5); });
  group = "multilingual";
  add(group, "Bonjour ! Comment \303\247a va ?", "two common French words or more",
      [](G a) { return count_of(a.text, {"je", "bien", "merci", "et", "vous", "\303\247a", "va", "bonjour", "suis", "est", "le", "la"}) >= 2; });
  add(group, "\302\277Cu\303\241l es la capital de Espa\303\261a?", "names Madrid", [](G a) { return any_of(a, {"madrid"}); });
  add(group, "Translate to German: good morning", "says guten Morgen", [](G a) { return any_of(a, {"guten morgen"}); });
  return out;
}

}  // namespace

const std::vector<SmokeTest>& smoke_tests() {
  static const std::vector<SmokeTest> list = make_tests();
  return list;
}

const std::vector<std::string>& smoke_categories() {
  static const std::vector<std::string> list = [] {
    std::vector<std::string> out;
    for (const SmokeTest& test : smoke_tests())
      if (out.empty() || out.back() != test.category) out.push_back(test.category);
    return out;
  }();
  return list;
}

Result<std::vector<SmokeTest>> choose_smoke_tests(const std::vector<std::string>& categories) {
  const std::vector<std::string>& known = smoke_categories();
  for (const std::string& name : categories)
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::string near = nearest_word(name, known);
      std::string list;
      for (const std::string& one : known) list += (list.empty() ? "" : ", ") + one;
      return error_at("categories", -1, "no category \"", name, "\"; there are ", list, near.empty() ? "" : "; did you mean \"" + near + "\"?");
    }
  std::vector<SmokeTest> out;
  for (const SmokeTest& test : smoke_tests())
    if (categories.empty() || std::find(categories.begin(), categories.end(), test.category) != categories.end()) out.push_back(test);
  return out;
}

SmokeScore judge_smoke_tests(std::vector<SmokeTest> tests, std::vector<Generation> answers) {
  require(tests.size() == answers.size(), "[smoke_tests] ", tests.size(), " tests, ", answers.size(), " answers");
  SmokeScore out{std::move(tests), std::move(answers), {}};
  for (size_t i = 0; i < out.tests.size(); ++i) out.passed.push_back(out.tests[i].passes(out.answers[i]));
  return out;
}

int64_t SmokeScore::correct() const { return std::count(passed.begin(), passed.end(), 1); }

Json SmokeScore::to_json() const {
  const auto figure = [](int64_t right, int64_t n) {
    const tasks::Interval range = tasks::wilson_interval(right, n);
    return Json(Json::Object{{"accuracy", n == 0 ? 0.0 : static_cast<double>(right) / static_cast<double>(n)}, {"n", n}, {"low", range.low}, {"high", range.high}});
  };
  Json out = figure(correct(), std::ssize(tests));
  out["categories"] = Json::object();
  for (const std::string& category : smoke_categories()) {
    int64_t n = 0, right = 0;
    for (size_t i = 0; i < tests.size(); ++i) {
      n += tests[i].category == category;
      right += tests[i].category == category && passed[i] != 0;
    }
    if (n > 0) out["categories"][category] = figure(right, n);
  }
  return out;
}

std::vector<Json> smoke_answers(const SmokeScore& score) {
  std::vector<Json> out;
  for (size_t i = 0; i < score.tests.size(); ++i) {
    Json line = Json::object();
    line["index"] = static_cast<int64_t>(i);
    line["category"] = score.tests[i].category;
    line["prompt"] = score.tests[i].prompt;
    line["output"] = score.answers[i].text;
    line["answer"] = score.answers[i].text;
    line["expected"] = score.tests[i].expects;
    line["correct"] = score.passed[i] != 0;
    line["stopped_by_itself"] = score.answers[i].stopped;
    out.push_back(std::move(line));
  }
  return out;
}

}  // namespace lathe::eval
