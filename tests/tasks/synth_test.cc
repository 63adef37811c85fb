// The generators: right answers, the promised shape of every problem, clean text.
#include "tasks/synth.h"

#include <algorithm>
#include <map>
#include <regex>
#include <set>

#include "core/text.h"
#include "tasks/calculator.h"
#include "tasks/synth_people.h"
#include "tasks/synth_prose.h"
#include "tasks/synth_words.h"
#include "tasks/synth_world.h"
#include "tasks/task.h"
#include "tests/ref/testing.h"

namespace lathe::tasks {
namespace {

std::string text_of(const std::vector<Part>& parts) {
  std::string out;
  for (const Part& part : parts) out += part.text;
  return out;
}

// Names that stand in the text as whole words.
std::set<std::string> names_in(const std::string& text) {
  std::set<std::string> known, found;
  for (const Person& person : people()) known.insert(person.name);
  std::string word;
  for (const char c : text + " ") {
    if (std::isalpha(static_cast<unsigned char>(c)))
      word += c;
    else if (const std::string whole = std::exchange(word, {}); known.contains(whole))
      found.insert(whole);
  }
  return found;
}

template <class Look>
void for_problems(Problem (*make)(Rng&, Split), int count, Look&& look) {
  for (const Split split : {Split::kTrain, Split::kTest}) {
    for (int i = 0; i < count; ++i) {
      Rng rng(3, "test", static_cast<uint64_t>(i));
      const Problem problem = make(rng, split);
      SCOPED_TRACE(problem.question);
      look(problem);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

bool own_answer_passes(const char* task, const Problem& problem) {
  const TaskCase task_case{task, problem.kind, Json::array(), problem.expected, problem.candidates};
  return check(task_case, text_of(problem.answer));
}

TEST(SynthSums, EveryCallGivesItsOutputAndTheLastOneIsTheAnswer) {
  for_problems(make_sum, 2000, [](const Problem& problem) {
    std::string last;
    int calls = 0;
    for (size_t i = 0; i < problem.answer.size(); ++i) {
      if (problem.answer[i].kind != Part::Kind::kPython) continue;
      ++calls;
      last = problem.answer.at(i + 1).text;
      ASSERT_EQ(problem.answer.at(i + 1).kind, Part::Kind::kOutput);
      ASSERT_EQ(calculate(problem.answer[i].text), last);
    }
    ASSERT_GE(calls, 1);
    ASSERT_LE(calls, 3);
    ASSERT_EQ(last, problem.expected);
    ASSERT_EQ(problem.expected.find_first_not_of("0123456789"), std::string::npos);
    ASSERT_TRUE(own_answer_passes("sums", problem));
  });
}

TEST(SynthSums, NumbersOfTheFirstStepStandInTheQuestion) {
  const std::regex number("[0-9]+");
  for_problems(make_sum, 2000, [&](const Problem& problem) {
    int long_numbers = 0;
    for (auto it = std::sregex_iterator(problem.question.begin(), problem.question.end(), number);
         it != std::sregex_iterator(); ++it) {
      ASSERT_LE(it->length(), 4);
      long_numbers += it->length() >= 2 ? 1 : 0;
    }
    ASSERT_GE(long_numbers, 1);
    const std::string& first = problem.answer.at(1).text;
    for (auto it = std::sregex_iterator(first.begin(), first.end(), number); it != std::sregex_iterator(); ++it)
      ASSERT_TRUE(std::regex_search(problem.question, std::regex("\\b" + it->str() + "\\b")));
  });
}

TEST(SynthSpelling, LettersAreThoseOfAListedWord) {
  for_problems(make_spelling, 2000, [](const Problem& problem) {
    std::string word = problem.expected;
    word.erase(std::remove(word.begin(), word.end(), ','), word.end());
    ASSERT_TRUE(std::binary_search(spelling_words().begin(), spelling_words().end(), word));
    ASSERT_EQ(text_of(problem.answer), word + ":" + problem.expected);
    ASSERT_NE(problem.question.find(word), std::string::npos);
    ASSERT_TRUE(own_answer_passes("spelling", problem));
  });
}

TEST(SynthSpelling, WordsAreDifferentAndOf3To12Letters) {
  const auto& words = spelling_words();
  EXPECT_GE(words.size(), 1500u);
  EXPECT_EQ(std::set<std::string>(words.begin(), words.end()).size(), words.size());
  EXPECT_TRUE(std::is_sorted(words.begin(), words.end()));
  std::set<size_t> lengths;
  for (const std::string& word : words) {
    EXPECT_EQ(word.find_first_not_of("abcdefghijklmnopqrstuvwxyz"), std::string::npos) << word;
    lengths.insert(word.size());
  }
  EXPECT_EQ(*lengths.begin(), 3u);
  EXPECT_EQ(*lengths.rbegin(), 12u);
  EXPECT_EQ(lengths.size(), 10u);
}

TEST(SynthCounting, CountsTheLetterThatIsAskedFor) {
  std::set<std::string> counts;
  for_problems(make_counting, 2000, [&](const Problem& problem) {
    const std::string& call = problem.answer.at(1).text;
    const std::string word = call.substr(1, call.find('"', 1) - 1), letter = call.substr(call.size() - 3, 1);
    ASSERT_EQ(problem.expected, std::to_string(std::count(word.begin(), word.end(), letter[0])));
    ASSERT_EQ(problem.answer.at(0).text, spelled(word) + "\n");
    ASSERT_TRUE(std::regex_search(problem.question, std::regex("\\b" + word + "\\b")));
    ASSERT_TRUE(std::regex_search(problem.question, std::regex("\\b" + letter + "\\b")));
    ASSERT_TRUE(own_answer_passes("counting", problem));
    counts.insert(problem.expected);
  });
  EXPECT_GE(counts.size(), 4u);
}

TEST(SynthReading, PassagesHaveFourToEightSentencesAndThreeEntities) {
  for_problems(make_reading, 2000, [](const Problem& problem) {
    const auto ends = std::count(problem.question.begin(), problem.question.end(), '.');
    const bool instruction = problem.question.starts_with("Read the text") || problem.question.starts_with("Here is a");
    ASSERT_GE(ends - (instruction && problem.question.find("\n\n") < 50 ? 1 : 0), 4);
    ASSERT_LE(ends - (instruction && problem.question.find("\n\n") < 50 ? 1 : 0), 8);
    ASSERT_GE(names_in(problem.question).size(), 3u);
    ASSERT_TRUE(own_answer_passes("reading", problem));
    ASSERT_FALSE(problem.candidates.empty());
    // The answer stands in the passage, and so does every wrong candidate.
    std::string lower = problem.question;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return static_cast<char>(std::tolower(c)); });
    std::vector<std::string> all = problem.candidates;
    all.push_back(problem.expected);
    for (std::string value : all) {
      std::transform(value.begin(), value.end(), value.begin(),
                     [](char c) { return static_cast<char>(std::tolower(c)); });
      ASSERT_NE(lower.find(value), std::string::npos) << value;
    }
  });
}

std::vector<std::string> options_of(const std::string& question) {
  static const std::regex kOption("\n- (.*)=([A-D])");
  std::vector<std::string> options;
  for (auto it = std::sregex_iterator(question.begin(), question.end(), kOption); it != std::sregex_iterator(); ++it)
    options.push_back((*it)[1]);
  return options;
}

// C-7.32
TEST(SynthChoices, ExactlyOneOptionIsRight) {
  std::set<std::string> letters;
  for_problems(make_choice, 3000, [&](const Problem& problem) {
    ASSERT_TRUE(problem.question.starts_with("Multiple Choice question: "));
    ASSERT_TRUE(problem.question.ends_with("\n\nRespond only with the letter of the correct answer."));
    const std::vector<std::string> options = options_of(problem.question);
    ASSERT_EQ(options.size(), 4u);
    ASSERT_EQ(std::set<std::string>(options.begin(), options.end()).size(), 4u);
    ASSERT_TRUE(own_answer_passes("choices", problem));
    letters.insert(problem.expected);
    // Forward questions: with the subject found in the question, only the right option is among its objects.
    const auto relation =
        std::find_if(relations().begin(), relations().end(), [&](const Relation& r) { return r.name == problem.kind; });
    const std::string& right = options[static_cast<size_t>(problem.expected[0] - 'A')];
    int as_object = 0, as_subject = 0;
    for (const Relation::Fact& fact : relation->facts) {
      as_object += fact.object == right ? 1 : 0;
      as_subject += fact.subject == right ? 1 : 0;
    }
    ASSERT_GE(as_object + as_subject, 1);
  });
  EXPECT_EQ(letters.size(), 4u);
}

// The kinds of answer that a relation has: everything it says about anything.
bool is_of_kind(const Relation& relation, const std::string& option) {
  return std::any_of(relation.facts.begin(), relation.facts.end(),
                     [&](const Relation::Fact& fact) { return fact.subject == option || fact.object == option; });
}

// The test asks for fine distinctions only: all four options come from what the relation is about.
TEST(SynthChoices, TestOptionsAreAllOfTheKindAskedFor) {
  for (uint64_t i = 0; i < 1000; ++i) {
    Rng rng(3, "test", i);
    const Problem problem = make_choice(rng, Split::kTest);
    const auto relation = std::find_if(relations().begin(), relations().end(), [&](const Relation& r) { return r.name == problem.kind; });
    for (const std::string& option : options_of(problem.question)) ASSERT_TRUE(is_of_kind(*relation, option)) << problem.question;
  }
}

// The first course is to be answered by kind alone: mostly (a word may belong to several relations) one option fits.
TEST(SynthChoices, FirstCourseHasOneOptionOfTheKindAskedFor) {
  int clear = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    const std::string question = first_chat(1, i).conversation[0].user;
    int best = 4;
    for (const Relation& relation : relations()) {
      int fitting = 0;
      for (const std::string& option : options_of(question)) fitting += is_of_kind(relation, option) ? 1 : 0;
      if (fitting > 0) best = std::min(best, fitting);
    }
    clear += best == 1 ? 1 : 0;
  }
  EXPECT_GE(clear, 950);
}

// What is asked in a game stands above it: a repeated list, the letter of a word, the owner of a thing.
TEST(SynthGames, EveryAnswerStandsInThePage) {
  int repeated = 0, letters = 0, owners = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    Rng rng(1, "test", i);
    const std::string page = write_games_page(rng);
    SCOPED_TRACE(page);
    const std::vector<std::string> lines = split_text(page, '\n');
    std::string listed;
    std::vector<std::string> statements;
    for (const std::string& line : lines) {
      if (line.find('?') == std::string::npos)
        for (std::string& sentence : split_text(line, '.')) statements.push_back(std::move(sentence));
      const size_t colon = line.find(": "), mark = line.find("? ");
      if (colon != std::string::npos) {
        const std::string words = line.substr(colon + 2);
        if (words == listed) ++repeated;
        listed = words == listed ? "" : words;
      } else if (mark != std::string::npos && line.size() == mark + 3) {
        ASSERT_NE(page.find("- " + line.substr(0, mark) + "=" + line.substr(mark + 2) + "\n"), std::string::npos) << line;
        ++letters;
      } else if (mark != std::string::npos) {
        // "Who has the lamp? Anna." and "What does Anna have? The lamp.": one sentence above names both.
        const std::string words = line.substr(0, mark);
        const std::string asked = words.substr(words.find_last_of(' ') + 1);
        std::string answer = line.substr(mark + 2);
        answer = answer.substr(answer.find_last_of(' ') + 1);
        answer.pop_back();
        const bool found = std::any_of(statements.begin(), statements.end(), [&](const std::string& s) {
          const bool who = line.starts_with("Who");
          const std::string thing = who ? asked : answer;
          if (!std::regex_search(s, std::regex("\\b" + thing + "\\b"))) return false;
          return !who || std::regex_search(s, std::regex("\\b" + answer + "\\b"));
        });
        ASSERT_TRUE(found) << line;
        ++owners;
      }
    }
  }
  EXPECT_GE(repeated, 500);
  EXPECT_GE(letters, 1000);
  EXPECT_GE(owners, 1000);
}

TEST(SynthChoices, AQuizGivesTheLetterOfTheRightOption) {
  const std::regex option("- (.*)=([A-D])");
  int asked = 0;
  for (uint64_t i = 0; i < 4000; ++i) {
    Rng rng(1, "test", i);
    const std::string page = write_choices_page(rng);
    if (!page.starts_with("- ")) continue;
    SCOPED_TRACE(page);
    std::map<char, std::string> options;
    for (const std::string& line : split_text(page, '\n')) {
      std::smatch match;
      if (std::regex_match(line, match, option)) {
        options[match[2].str()[0]] = match[1];
        continue;
      }
      if (line.empty()) continue;
      ASSERT_EQ(options.size(), 4u);
      const std::string& right = options.at(line.back());
      // Some fact with this object is asked by this question, and no other option answers it.
      int answers = 0;
      for (const auto& [letter, text] : options) {
        bool holds = false;
        for (const Relation& relation : relations()) {
          for (const Relation::Fact& fact : relation.facts) {
            if (fact.object != text) continue;
            for (const std::string& form : relation.questions) {
              Scene scene(rng);
              scene.set("x", fact.subject);
              scene.set("y", fact.object);
              if (form.find('[') == std::string::npos && scene.expand(form) == line.substr(0, line.rfind(' '))) holds = true;
            }
          }
        }
        if (holds && text != right) ADD_FAILURE() << text << " answers it too: " << line;
        answers += holds ? 1 : 0;
      }
      ASSERT_LE(answers, 1);
      asked += answers;
    }
  }
  EXPECT_GE(asked, 2000);
}

// In a checklist a verdict stands where the letter would: "yes" behind the right option only, and the answer is the
// letter that is left for it.
TEST(SynthChoices, AChecklistTellsTheTruth) {
  int lists = 0, answered = 0;
  const std::regex line_form("- (.*)=([A-D]|yes|no)");
  for (uint64_t i = 0; i < 2000; ++i) {
    Rng rng(1, "test", i);
    const std::string page = write_choices_page(rng);
    if (page.find("=no\n") == std::string::npos && page.find("=yes") == std::string::npos) continue;
    SCOPED_TRACE(page);
    std::vector<std::pair<std::string, std::string>> options;
    std::string question;
    for (const std::string& line : split_text(page + "\nMultiple Choice question: ", '\n')) {
      std::smatch match;
      if (std::regex_match(line, match, line_form)) options.emplace_back(match[1], match[2]);
      if (line.starts_with("Answer: ")) {
        ++answered;
        const size_t at = static_cast<size_t>(line[8] - 'A');
        ASSERT_LT(at, options.size());
        ASSERT_EQ(options[at].second, line.substr(8));
        for (const auto& [text, mark] : options) ASSERT_NE(mark, "yes");
      }
      if (!line.starts_with("Multiple Choice question: ")) continue;
      if (!options.empty()) {
        ASSERT_EQ(options.size(), 4u);
        ASSERT_LE(std::count_if(options.begin(), options.end(), [](const auto& o) { return o.second == "yes"; }), 1);
        ++lists;
      }
      options.clear();
    }
  }
  EXPECT_GE(lists, 1500);
  EXPECT_GE(answered, 700);
}

// Every word is said in some conversation, those of the test too: what is held out is their spelling.
TEST(SynthRepeating, TheAnswerSaysTheWordsOfTheQuestion) {
  std::set<std::string> said;
  for (uint64_t i = 0; i < 4000; ++i) {
    Rng rng(1, "test", i);
    for (const Turn& turn : make_repeating(rng)) {
      const std::string answer = text_of(turn.answer);
      for (const std::string& word : split_text(answer, '\n')) {
        ASSERT_TRUE(std::binary_search(spelling_words().begin(), spelling_words().end(), word)) << answer;
        ASSERT_TRUE(std::regex_search(turn.user, std::regex("\\b" + word + "\\b"))) << turn.user;
        said.insert(word);
      }
    }
  }
  EXPECT_EQ(said.size(), spelling_words().size());
}

TEST(SynthWorld, EveryRelationCanBeStatedAndAsked) {
  ASSERT_GE(relations().size(), 20u);
  size_t facts = 0;
  for (const Relation& relation : relations()) {
    EXPECT_GE(relation.statements.size(), 2u) << relation.name;
    EXPECT_GE(relation.questions.size(), 2u) << relation.name;
    std::set<std::pair<std::string, std::string>> seen;
    for (const Relation::Fact& fact : relation.facts)
      EXPECT_TRUE(seen.insert({fact.subject, fact.object}).second) << relation.name << " " << fact.subject;
    facts += relation.facts.size();
  }
  EXPECT_GE(facts, 400u);
}

TEST(SynthProse, AStoryStaysWithItsPeople) {
  for (uint64_t i = 0; i < 500; ++i) {
    Rng rng(1, "test", i);
    const std::string story = write_story(rng);
    const std::set<std::string> names = names_in(story);
    EXPECT_GE(names.size(), 1u) << story;
    EXPECT_LE(names.size(), 2u) << story;
  }
}

// Articles, doubled words and blanks, unfilled templates, sentences that begin small, letters outside of ASCII.
TEST(SynthProse, TextIsClean) {
  const std::regex wrong(
      "[{}\\[\\]|]|  |\\ba [aeiou](?!ni|ne\\b|se)|\\b[Aa]n [^aeiouhAEIOU'\"]|\\b(the|a|an|and|to|is) \\1\\b|"
      "[a-z][.!?] [a-z]|\\.\\.|,,| [.,!]|[a-z] [?]|[^\\x00-\\x7F]");
  const auto look = [&](const std::string& text) {
    std::smatch match;
    if (std::regex_search(text, match, wrong)) ADD_FAILURE() << "\"" << match.str() << "\" in: " << text;
  };
  for (uint64_t i = 0; i < 3000; ++i) {
    const Page page = base_page(5, i);
    if (page.kind != PageKind::kSpelling) look(page.text);
    ASSERT_FALSE(page.text.empty());
    const Chat one = chat(5, i);
    if (one.kind == ChatKind::kSpelling || one.kind == ChatKind::kCounting) continue;
    for (const Turn& turn : one.conversation) {
      look(turn.user);
      look(text_of(turn.answer));
    }
    if (HasFailure()) break;
  }
}

TEST(SynthProse, VocabularyIsModest) {
  std::set<std::string> words;
  for (uint64_t i = 0; i < 20'000; ++i) {
    std::string word;
    for (const char c : base_page(1, i).text + " ") {
      if (std::isalpha(static_cast<unsigned char>(c)))
        word += static_cast<char>(std::tolower(c));
      else if (!word.empty())
        words.insert(std::exchange(word, {}));
    }
  }
  EXPECT_GE(words.size(), 2000u);
  EXPECT_LE(words.size(), 4500u);
}

}  // namespace
}  // namespace lathe::tasks
