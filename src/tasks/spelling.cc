#include "tasks/spelling.h"

#include <algorithm>

#include "core/check.h"
#include "core/python_random.h"
#include "core/sha256.h"
#include "core/text.h"
#include "data/line_reader.h"

namespace lathe::tasks {
namespace {

using tokenizer::Part;
using tokenizer::PartType;
using tokenizer::Role;

constexpr uint64_t kWordShuffleSeed = 42;
constexpr double kOwnLetter = 0.9, kLowerCase = 0.3, kQuestionMark = 0.5;

// The characters of valid UTF-8.
std::vector<std::string> letters_of(std::string_view word) {
  std::vector<std::string> letters;
  for (const char c : word) {
    if ((static_cast<unsigned char>(c) & 0xc0) == 0x80) letters.back() += c;
    else letters.emplace_back(1, c);
  }
  return letters;
}

std::string joined(const std::vector<std::string>& letters) {
  std::string out;
  for (const std::string& letter : letters) out += (out.empty() ? "" : ",") + letter;
  return out;
}

class Spelling : public ConversationSet {
 public:
  Spelling(WordListPtr words, SpellingSplit split, int64_t size) : words_(std::move(words)), split_(split), size_(size) {}
  int64_t size() const override { return size_; }
  Result<Example> get(int64_t index) const override {
    require(index >= 0 && index < size_, "[spelling] item ", index, " of ", size_);
    PythonRandom random(static_cast<uint64_t>(index + (split_ == SpellingSplit::kTest ? kSpellingTestSeed : 0)));
    return make(random);
  }

 protected:
  virtual Example make(PythonRandom& random) const = 0;
  int64_t draw_word(PythonRandom& random) const { return random.below(std::ssize(words_->words())); }
  const std::string& word(int64_t index) const { return words_->words()[static_cast<size_t>(index)]; }

 private:
  WordListPtr words_;
  SpellingSplit split_;
  int64_t size_;
};

class SimpleSpelling : public Spelling {
 public:
  SimpleSpelling(WordListPtr words, SpellingSplit split, int64_t size)
      : Spelling(words, split, size), order_(PythonRandom(kWordShuffleSeed).shuffled(std::ssize(words->words()))) {}

 private:
  Example make(PythonRandom& random) const override {
    const std::string& chosen = word(order_[static_cast<size_t>(draw_word(random))]);
    Example example;
    example.conversation.messages = {{Role::kUser, "Spell the word: " + chosen}, {Role::kAssistant, chosen + ":" + joined(letters_of(chosen))}};
    return example;
  }
  std::vector<int64_t> order_;
};

// The capitals in the wordings are all of ASCII; Python lowers all of Unicode.
std::string lower_case(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

std::string wording(std::string text, const std::string& letter, const std::string& word) {
  text.replace(text.find("{letter}"), 8, letter);
  // The letter may be part of nothing that looks like {word}: it is one character in quotation marks.
  text.replace(text.find("{word}"), 6, word);
  return text;
}

std::string quoted(PythonRandom& random, const std::string& text) {
  static constexpr const char* kQuotes[] = {"", "'", "\""};
  const char* quote = kQuotes[random.below(3)];
  return quote + text + quote;
}

struct Count {
  std::string by_hand;
  int64_t total = 0;
};

Count count_by_hand(const std::string& word, const std::vector<std::string>& letters, const std::string& letter) {
  Count count;
  count.by_hand = "We are asked to find the number '" + letter + "' in the word '" + word + "'. Let me try a manual approach first.\n\n" +
                  "First spell the word out:\n" + word + ":" + joined(letters) + "\n\nThen count the occurrences of '" + letter + "':\n";
  for (size_t i = 0; i < letters.size(); ++i) {
    count.by_hand += std::to_string(i + 1) + ":" + letters[i];
    if (letters[i] == letter) count.by_hand += " hit! count=" + std::to_string(++count.total);
    count.by_hand += "\n";
  }
  count.by_hand += "\nThis gives us " + std::to_string(count.total) + ".";
  return count;
}

class SpellingBee : public Spelling {
 public:
  using Spelling::Spelling;

 private:
  // Each draw stands in the origin's place.
  Example make(PythonRandom& random) const override {
    const std::string& chosen = word(draw_word(random));
    const std::vector<std::string> letters = letters_of(chosen);
    const std::string letter = random.random() < kOwnLetter ? letters[static_cast<size_t>(random.below(std::ssize(letters)))]
                                                            : std::string(1, static_cast<char>('a' + random.below(26)));
    const auto& templates = spelling_templates();
    std::string text(templates[static_cast<size_t>(random.below(std::ssize(templates)))]);
    if (random.random() < kLowerCase) text = lower_case(std::move(text));
    const std::string letter_wrapped = quoted(random, letter);
    const std::string word_wrapped = quoted(random, chosen);
    text = wording(std::move(text), letter_wrapped, word_wrapped);
    if (random.random() < kQuestionMark) text += "?";

    const Count count = count_by_hand(chosen, letters, letter);
    const std::string total = std::to_string(count.total);
    Example example;
    example.conversation.messages = {
        {Role::kUser, std::move(text)},
        {Role::kAssistant, std::vector<Part>{{PartType::kText, count.by_hand},
                                             {PartType::kText, "\n\nLet me double check this using Python:\n\n"},
                                             {PartType::kPython, "'" + chosen + "'.count('" + letter + "')"},
                                             {PartType::kPythonOutput, total},
                                             {PartType::kText, "\n\nPython gives us " + total + ".\n\nMy final answer is:\n\n#### " + total}}}};
    return example;
  }
};

template <class Set>
Result<ConversationSetPtr> make_set(WordListPtr words, SpellingSplit split, int64_t size) {
  if (size < 1 || size > kSpellingTestSeed)
    return error("a spelling set has 1 to ", with_thousands(kSpellingTestSeed), " conversations, not ", size, "; above that training meets the test's seeds");
  return ConversationSetPtr(std::make_shared<Set>(std::move(words), split, size));
}

}  // namespace

Result<std::shared_ptr<const WordList>> WordList::open(const fs::path& path) {
  std::error_code code;
  if (!fs::exists(path, code)) return error_at(path.string(), -1, "does not exist; fetch the words: lathe download words");
  LATHE_TRY(const auto reader, data::LineReader::open(path));
  auto list = std::make_shared<WordList>();
  Sha256 hash;
  for (std::string_view line;;) {
    LATHE_TRY(const bool more, reader->next(line));
    if (!more) break;
    const std::string_view word = trim_text(line);
    if (word.empty()) return error_at(path.string(), -1, "line ", reader->line_number(), " holds no word");
    if (first_invalid_utf8(word) >= 0) return error_at(path.string(), -1, "line ", reader->line_number(), " is no UTF-8");
    hash.update(word);
    hash.update("\n");
    list->words_.emplace_back(word);
  }
  if (list->words_.empty()) return error_at(path.string(), -1, "holds no word");
  list->sha256_ = hash.hex_digest();
  return std::shared_ptr<const WordList>(std::move(list));
}

Result<ConversationSetPtr> simple_spelling(WordListPtr words, SpellingSplit split, int64_t size) {
  return make_set<SimpleSpelling>(std::move(words), split, size);
}

Result<ConversationSetPtr> spelling_bee(WordListPtr words, SpellingSplit split, int64_t size) {
  return make_set<SpellingBee>(std::move(words), split, size);
}

std::string preview(const Example& example) {
  const std::string rule(100, '-');
  std::string out;
  for (const tokenizer::Message& message : example.conversation.messages) {
    if (std::holds_alternative<std::string>(message.content)) {
      out += tokenizer::user_text(message);
    } else {
      for (const Part& part : std::get<std::vector<Part>>(message.content)) {
        if (part.type == PartType::kText) out += part.text;
        if (part.type == PartType::kPython) out += "<<" + part.text + "=";
        if (part.type == PartType::kPythonOutput) out += part.text + ">>";
      }
    }
    out += "\n" + rule + "\n";
  }
  return out;
}

}  // namespace lathe::tasks
