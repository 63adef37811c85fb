// No problem of the evaluation sets occurs in training. Checked on the texts, not on the keys that decide it.
#include <algorithm>
#include <regex>
#include <set>

#include "core/text.h"
#include "tasks/synth.h"
#include "tests/ref/testing.h"

namespace lathe::tasks {
namespace {

constexpr uint64_t kSeed = 11;
constexpr uint64_t kPages = 12'000, kChats = 25'000;
constexpr int kCases = 500;

std::vector<Problem> test_problems(Problem (*make)(Rng&, Split)) {
  std::vector<Problem> out;
  for (int i = 0; i < kCases; ++i) {
    Rng rng(kSeed, "test", static_cast<uint64_t>(i));
    out.push_back(make(rng, Split::kTest));
  }
  return out;
}

std::vector<Page> pages(PageKind kind) {
  std::vector<Page> out;
  for (uint64_t i = 0; i < kPages; ++i) {
    Page page = base_page(kSeed, i);
    if (page.kind == kind) out.push_back(std::move(page));
  }
  return out;
}

std::vector<Chat> chats(ChatKind kind) {
  std::vector<Chat> out;
  for (uint64_t i = 0; i < kChats; ++i) {
    Chat one = chat(kSeed, i);
    if (one.kind == kind) out.push_back(std::move(one));
  }
  return out;
}

std::vector<std::string> paragraphs(const std::string& text) {
  std::vector<std::string> out;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find("\n\n", at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 2;
  }
  return out;
}

// The numbers of the question, sorted, and the result: the same for every wording of a sum.
std::string sum_signature(const std::string& question, const std::string& result) {
  static const std::regex kNumber("[0-9]+");
  std::vector<std::string> numbers;
  for (auto it = std::sregex_iterator(question.begin(), question.end(), kNumber); it != std::sregex_iterator(); ++it)
    numbers.push_back(it->str());
  std::sort(numbers.begin(), numbers.end());
  std::string out = "=" + result;
  for (const std::string& number : numbers) out += " " + number;
  return out;
}

TEST(SynthHeldOut, NumbersAndResultOfASumNeverOccurInTraining) {
  std::set<std::string> test;
  for (const Problem& problem : test_problems(make_sum)) test.insert(sum_signature(problem.question, problem.expected));
  EXPECT_GE(test.size(), 490u);
  int64_t seen = 0;
  for (const Chat& one : chats(ChatKind::kSums)) {
    const std::string& last = one.conversation[0].answer.back().text;
    const std::string signature = sum_signature(one.conversation[0].user, last.substr(last.rfind(' ') + 1));
    EXPECT_FALSE(test.contains(signature)) << signature;
    ++seen;
  }
  for (const Page& page : pages(PageKind::kSums)) {
    for (const std::string& paragraph : paragraphs(page.text)) {
      const std::string signature =
          sum_signature(paragraph.substr(0, paragraph.find('\n')), paragraph.substr(paragraph.rfind(' ') + 1));
      EXPECT_FALSE(test.contains(signature)) << signature;
      ++seen;
    }
  }
  EXPECT_GE(seen, 2500);
}

TEST(SynthHeldOut, WordsAreNeverAskedInTrainingButTheirLettersStandInLists) {
  std::set<std::string> test;
  for (auto make : {make_spelling, make_counting})
    for (const Problem& problem : test_problems(make))
      test.insert(problem.answer[0].text.substr(0, problem.answer[0].text.find(':')));
  EXPECT_GE(test.size(), 100u);
  for (const ChatKind kind : {ChatKind::kSpelling, ChatKind::kCounting}) {
    for (const Chat& one : chats(kind)) {
      const std::string& text = one.conversation[0].answer[0].text;
      EXPECT_FALSE(test.contains(text.substr(0, text.find(':')))) << text;
    }
  }
  int64_t listed = 0;
  for (const Page& page : pages(PageKind::kSpelling)) {
    const std::vector<std::string> lines = split_text(page.text, '\n');
    for (size_t i = 1; i < lines.size(); ++i) {
      const std::string word = lines[i].substr(0, lines[i].find(':'));
      if (word == lines[i] || !test.contains(word)) continue;
      ++listed;
      EXPECT_FALSE(std::regex_search(lines[i - 1], std::regex("\\b" + word + "[^a-z:]"))) << lines[i - 1];
    }
  }
  EXPECT_GE(listed, static_cast<int64_t>(test.size()));
}

// Sentences in any order, and the question.
std::string reading_signature(const std::string& passage, const std::string& question) {
  std::vector<std::string> sentences = split_text(passage, '.');
  for (std::string& sentence : sentences) sentence = std::string(trim_text(sentence));
  std::sort(sentences.begin(), sentences.end());
  std::string out = question;
  for (const std::string& sentence : sentences) out += "|" + sentence;
  return out;
}

TEST(SynthHeldOut, QuestionsOnAPassageNeverOccurInTraining) {
  // The prompts differ in form; the longest paragraph is the passage, the one with the question mark the question.
  const auto signature_of = [](const std::string& prompt) {
    std::string passage, question;
    for (const std::string& part : paragraphs(prompt)) {
      if (part.ends_with('?'))
        question = part.starts_with("Question: ") ? part.substr(10) : part;
      else if (part.size() > passage.size())
        passage = part.starts_with("Text: ") ? part.substr(6) : part;
    }
    return reading_signature(passage, question);
  };
  std::set<std::string> test;
  for (const Problem& problem : test_problems(make_reading)) test.insert(signature_of(problem.question));
  EXPECT_GE(test.size(), 490u);
  int64_t further = 0;
  for (const Chat& one : chats(ChatKind::kReading)) {
    const std::string& first = one.conversation[0].user;
    EXPECT_FALSE(test.contains(signature_of(first))) << first;
    // Later turns ask about the passage of the first one.
    const std::vector<std::string> parts = paragraphs(first);
    const std::string& passage = *std::max_element(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
    for (size_t turn = 1; turn < one.conversation.size(); ++turn, ++further) {
      const std::string signature = signature_of(passage + "\n\n" + one.conversation[turn].user);
      EXPECT_FALSE(test.contains(signature)) << signature;
    }
  }
  EXPECT_GE(further, 5000);
  for (const Page& page : pages(PageKind::kReading)) {
    const std::vector<std::string> parts = paragraphs(page.text);
    for (size_t i = 1; i < parts.size(); ++i) {
      const std::string question = parts[i].substr(10, parts[i].find('\n') - 10);
      EXPECT_FALSE(test.contains(reading_signature(parts[0], question))) << page.text;
    }
  }
}

TEST(SynthHeldOut, ChoicesWithTheirOptionsNeverOccurInTraining) {
  std::set<std::string> test;
  for (const Problem& problem : test_problems(make_choice)) test.insert(paragraphs(problem.question)[0]);
  EXPECT_GE(test.size(), 490u);
  int64_t seen = 0;
  for (const Chat& one : chats(ChatKind::kChoices)) {
    EXPECT_FALSE(test.contains(paragraphs(one.conversation[0].user)[0])) << one.conversation[0].user;
    ++seen;
  }
  for (uint64_t i = 0; i < 2000; ++i) {
    const std::string question = first_chat(1, i).conversation[0].user;
    EXPECT_FALSE(test.contains(paragraphs(question)[0])) << question;
  }
  // In a quiz, several questions stand below one list of options.
  std::string options;
  int64_t asked = 0;
  for (const Page& page : pages(PageKind::kChoices)) {
    for (const std::string& part : paragraphs(page.text)) {
      EXPECT_FALSE(test.contains(part)) << part;
      if (part.starts_with("- ")) {
        options = part;
        continue;
      }
      for (const std::string& line : split_text(part, '\n')) {
        if (options.empty() || line.find("? ") == std::string::npos) continue;
        EXPECT_FALSE(test.contains("Multiple Choice question: " + line.substr(0, line.rfind(' ')) + "\n" + options)) << line;
        ++asked;
      }
      options.clear();
    }
  }
  EXPECT_GE(seen, 4000);
  EXPECT_GE(asked, 3000);
}

TEST(SynthHeldOut, OneKeyInTenAndIndependentOfTheSeed) {
  int count = 0;
  for (int i = 0; i < 100'000; ++i) count += held_out("sums|" + std::to_string(i)) ? 1 : 0;
  EXPECT_NEAR(count, 10'000, 400);
  EXPECT_TRUE(belongs_to("x", Split::kTest) != belongs_to("x", Split::kTrain));
}

}  // namespace
}  // namespace lathe::tasks
