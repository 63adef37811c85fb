// Spelling of words and counting of letters. A held-out word is never asked for in a conversation or in a question of
// the base corpus; its letters do stand in the spelled lists of the base corpus, because a word that is one token
// carries no letters that a model could read.
#include <algorithm>

#include "tasks/synth_problem.h"
#include "tasks/synth_text.h"
#include "tasks/synth_words.h"

namespace lathe::tasks {
namespace {

std::string letters_of(std::string_view word) {
  std::string out;
  for (const char c : word) {
    if (!out.empty()) out += ',';
    out += c;
  }
  return out;
}

const std::vector<std::string>& words_of(Split split) {
  const auto filter = [](Split wanted) {
    std::vector<std::string> out;
    for (const std::string& word : spelling_words()) {
      if (belongs_to(word_key(word), wanted)) out.push_back(word);
    }
    return out;
  };
  static const std::vector<std::string> kTrain = filter(Split::kTrain), kTest = filter(Split::kTest);
  return split == Split::kTrain ? kTrain : kTest;
}

const std::vector<std::string>& spelling_questions() {
  static const std::vector<std::string> kQuestions = {
      "Spell the word {w}.",
      "Spell the word: {w}",
      "How do you spell {w}?",
      "How do you spell the word {q}?",
      "Please spell {w}.",
      "Please spell the word {q} for me.",
      "Can you spell {w}?",
      "Can you spell the word {q}?",
      "What are the letters of {w}?",
      "What are the letters of the word {q}?",
      "Which letters are in the word {w}?",
      "Write the word {w} letter by letter.",
      "Write {w} letter by letter, please.",
      "How is {w} spelled?",
      "How is the word {q} written?",
      "Spell {w} for me.",
      "Tell me how to spell {w}.",
      "Tell me the letters of {q}.",
      "I want to spell {w}. How do I do it?",
      "Give me the letters of the word {w}.",
      "Show me the spelling of {w}.",
      "Break the word {w} into letters.",
      "Split {w} into its letters.",
      "List the letters of {q}.",
      "Say {w} letter by letter.",
  };
  return kQuestions;
}

const std::vector<std::string>& counting_questions() {
  static const std::vector<std::string> kQuestions = {
      "How many {l} are in {w}?",
      "How many {l} are in the word {w}?",
      "How many times does the letter {l} appear in {w}?",
      "How many times does {l} appear in the word {q}?",
      "How often does the letter {l} occur in {w}?",
      "How often is the letter {l} in the word {w}?",
      "Count the letter {l} in {w}.",
      "Count the letter {l} in the word {q}.",
      "Count how many times {l} is in {w}.",
      "How many of the letters in {w} are {l}?",
      "How many times is {l} in the word {w}?",
      "In the word {w}, how many times do you see {l}?",
      "In {w}, how many times does {l} occur?",
      "What is the number of {l} in {w}?",
      "What is the count of the letter {l} in the word {q}?",
      "Please count the letter {l} in {w}.",
      "Please tell me how many {l} are in {w}.",
      "Can you count the letter {l} in the word {w}?",
      "Tell me how often {l} appears in {w}.",
      "Find the number of times {l} occurs in {w}.",
      "Does the word {w} have the letter {l}? How many times?",
      "Look at the word {w}. How many times is the letter {l} in it?",
      "I see the word {q}. How many {l} does it have?",
      "How many letters {l} are there in {w}?",
  };
  return kQuestions;
}

std::string in_quotes(std::string_view word, Rng& rng) {
  const char quote = rng.chance(0.5) ? '"' : '\'';
  return quote + std::string(word) + quote;
}

std::string fill(const std::string& form, std::string_view word, std::string_view letter, Rng& rng) {
  Scene scene(rng);
  scene.set("w", std::string(word));
  scene.set("q", in_quotes(word, rng));
  scene.set("l", std::string(letter));
  return scene.expand(form);
}

// Mixed so that "one" is not the answer to almost everything: a letter that repeats, any letter of the word, or one
// that is not in it.
char draw_letter(std::string_view word, Rng& rng) {
  const double u = rng.uniform();
  std::string repeated, absent;
  for (char c = 'a'; c <= 'z'; ++c) {
    const auto count = std::count(word.begin(), word.end(), c);
    if (count >= 2) repeated += c;
    if (count == 0) absent += c;
  }
  if (u < 0.45 && !repeated.empty()) return repeated[rng.below(repeated.size())];
  if (u < 0.65) return absent[rng.below(absent.size())];
  return word[rng.below(word.size())];
}

}  // namespace

std::string word_key(std::string_view word) { return "word|" + std::string(word); }
std::string spelled(std::string_view word) { return std::string(word) + ":" + letters_of(word); }

Problem make_spelling(Rng& rng, Split split) {
  const std::string& word = pick(words_of(split), rng);
  Problem problem;
  problem.kind = word.size() <= 5 ? "short" : word.size() <= 8 ? "medium" : "long";
  problem.key = word_key(word);
  problem.question = fill(pick(spelling_questions(), rng), word, "", rng);
  problem.answer = {{Part::Kind::kText, spelled(word)}};
  problem.expected = letters_of(word);
  return problem;
}

Problem make_counting(Rng& rng, Split split) {
  const std::string& word = pick(words_of(split), rng);
  const std::string letter(1, draw_letter(word, rng));
  const std::string count = std::to_string(std::count(word.begin(), word.end(), letter[0]));
  Problem problem;
  problem.kind = count == "0" ? "none" : count == "1" ? "one" : "several";
  problem.key = word_key(word);
  problem.question = fill(pick(counting_questions(), rng), word, letter, rng);
  // Double quotes: a letter behind a single one may be cut off as a contraction ('s, 't) by the tokenizer's split.
  problem.answer = {{Part::Kind::kText, spelled(word) + "\n"},
                    {Part::Kind::kPython, "\"" + word + "\".count(\"" + letter + "\")"},
                    {Part::Kind::kOutput, count},
                    {Part::Kind::kText, "\nThe letter " + letter + " is in " + word + " " + count +
                                            (count == "1" ? " time.\n#### " : " times.\n#### ") + count}};
  problem.expected = count;
  return problem;
}

std::string write_spelling_page(Rng& rng) {
  std::vector<std::string> lines;
  const uint64_t form = rng.below(6);  // half of the pages are lists: they hold the held-out words too
  const size_t count = static_cast<size_t>(8 + rng.below(16));
  if (form < 2) {
    static const std::vector<std::string> kHeads = {
        "Spelling list:", "Words and their letters:", "We practice spelling.",
        "These words are spelled letter by letter."};
    lines.push_back(pick(kHeads, rng));
    for (const std::string& word : pick_distinct(spelling_words(), count, rng)) lines.push_back(spelled(word));
    return join(lines, "\n");
  }
  if (form == 2) {
    static const std::vector<std::string> kForms = {"The word {w} is spelled {s}.", "{w} is written {s}.",
                                                    "To write {w}, you need the letters {s}.",
                                                    "The letters of {w} are {s}."};
    const std::string& sentence = pick(kForms, rng);
    for (const std::string& word : pick_distinct(spelling_words(), count, rng)) {
      Scene scene(rng);
      scene.set("w", word);
      scene.set("s", letters_of(word));
      lines.push_back(scene.expand(sentence));
    }
    return join(lines, "\n");
  }
  for (size_t i = 0; i < count / 3 + 1; ++i) {
    const bool counting = form == 5;
    const Problem problem = counting ? make_counting(rng, Split::kTrain) : make_spelling(rng, Split::kTrain);
    // In prose the call and the mark of the answer are left out. A call would also teach the tokenizer pieces such as
    // "t that begin a quoted word, and the word in a call would no longer be the pieces of the word spelled before it.
    std::string answer = problem.answer[0].text;
    if (counting) answer += problem.answer.back().text.substr(1, problem.answer.back().text.rfind("\n####") - 1);
    lines.push_back(problem.question + "\n" + answer);
  }
  return join(lines, "\n\n");
}

}  // namespace lathe::tasks
