// Multiple-choice questions about the facts of the small world. The key is the question with its options in their
// order: the facts themselves stand in the base corpus, the combination does not.
#include <algorithm>

#include "tasks/multiple_choice.h"
#include "tasks/synth_problem.h"
#include "tasks/synth_world.h"

namespace lathe::tasks {
namespace {

constexpr size_t kOptions = 4;
const std::vector<std::string>& letters() {
  static const std::vector<std::string> kLetters = {"A", "B", "C", "D"};
  return kLetters;
}

bool holds(const Relation& relation, std::string_view subject, std::string_view object) {
  return std::any_of(relation.facts.begin(), relation.facts.end(),
                     [&](const Relation::Fact& fact) { return fact.subject == subject && fact.object == object; });
}

// Wrong options of the same kind as the right one, all different; empty when the relation has too few.
std::vector<std::string> near_options(const Relation& relation, const Relation::Fact& fact, bool reverse, size_t count,
                                      Rng& rng) {
  std::vector<std::string> pool;
  for (const Relation::Fact& other : relation.facts) {
    const std::string& option = reverse ? other.subject : other.object;
    const bool right = reverse ? holds(relation, option, fact.object) : holds(relation, fact.subject, option);
    // The subject itself would be a strange option ("What comes after May?" with May).
    if (right || option == (reverse ? fact.object : fact.subject)) continue;
    if (std::find(pool.begin(), pool.end(), option) == pool.end()) pool.push_back(option);
  }
  if (pool.size() < count) return {};
  return pick_distinct(pool, count, rng);
}

// By fact, not by relation: large relations are asked more often.
std::pair<const Relation*, const Relation::Fact*> draw_fact(Rng& rng) {
  static const std::vector<std::pair<const Relation*, const Relation::Fact*>> kAll = [] {
    std::vector<std::pair<const Relation*, const Relation::Fact*>> out;
    for (const Relation& relation : relations())
      for (const Relation::Fact& fact : relation.facts) out.emplace_back(&relation, &fact);
    return out;
  }();
  return pick(kAll, rng);
}

// Fills up to three wrong options with words of other relations.
void add_far_options(const Relation& relation, const Relation::Fact& fact, bool reverse, std::vector<std::string>& options,
                     Rng& rng) {
  while (options.size() < kOptions - 1) {
    const auto [other_relation, other] = draw_fact(rng);
    const std::string& option = rng.chance(0.5) ? other->subject : other->object;
    const bool right = reverse ? holds(relation, option, fact.object) : holds(relation, fact.subject, option);
    if (other_relation == &relation || right || option == fact.subject || option == fact.object) continue;
    if (std::find(options.begin(), options.end(), option) == options.end()) options.push_back(option);
  }
}

struct Choice {
  Problem problem;
  std::string statement;
};

std::string key_of(const std::string& question, const std::vector<std::string>& options) {
  return "choices|" + question + "|" + join(options, "|");
}

// How many of the wrong options are of the kind that was asked for. Where all are, the model has to learn at once which
// one fits and that its letter is the answer, and learns neither. Where none is, the letters are learned within some
// ten thousand cases, and the finer distinctions after them. The test asks for the finest only.
size_t near_count(Split split, Rng& rng) {
  if (split == Split::kTest) return kOptions - 1;
  return rng.chance(0.3) ? 0 : 1 + rng.below(kOptions - 1);
}

Choice draw_choice(size_t near, Rng& rng) {
  for (;;) {
    const auto [relation, fact] = draw_fact(rng);
    const bool reverse = !relation->reverse.empty() && rng.chance(0.4);
    std::vector<std::string> options = near_options(*relation, *fact, reverse, near, rng);
    if (options.size() < near) continue;
    add_far_options(*relation, *fact, reverse, options, rng);
    shuffle(options, rng);
    const size_t right = rng.below(kOptions);
    options.insert(options.begin() + static_cast<std::ptrdiff_t>(right), reverse ? fact->subject : fact->object);
    const std::string question = reverse ? ask_reverse(*relation, *fact, rng) : ask_fact(*relation, *fact, rng);
    Choice out;
    out.problem.kind = relation->name;
    out.problem.question = render_multiple_choice(question, letters(), options);
    out.problem.key = key_of(question, options);
    out.problem.answer = {{Part::Kind::kText, letters()[right]}};
    out.problem.expected = letters()[right];
    out.problem.candidates = letters();
    out.statement = state_fact(*relation, *fact, rng);
    return out;
  }
}

// A multiple choice in which some options carry their verdict in place of their letter. So each option has to say by
// itself whether it fits, letter or not; and the letter of the answer is learned from lists where it is the only one up
// to lists where nothing but the facts tells it.
std::string checklist(Rng& rng) {
  for (;;) {
    const Choice choice = draw_choice(near_count(Split::kTrain, rng), rng);
    if (!belongs_to(choice.problem.key, Split::kTrain)) continue;
    std::string out = choice.problem.question;
    const double share = rng.uniform();
    bool answered = true;
    for (const std::string& letter : letters()) {
      const bool right = letter == choice.problem.expected;
      if (!rng.chance(right ? 0.4 : share)) continue;
      out.replace(out.find("=" + letter + "\n"), 2, right ? "=yes" : "=no");
      if (right) answered = false;
    }
    if (answered) return out + "\n\nAnswer: " + choice.problem.expected;
    out.resize(out.rfind("\n\n"));
    return out;
  }
}

// Four facts of different relations share one list of options: four questions, each right answer in the list. A page
// of these holds four times as many letters to learn as single questions of the same length.
std::string quiz(Rng& rng) {
  std::vector<const Relation*> asked;
  std::vector<const Relation::Fact*> facts;
  std::vector<std::string> options, lines;
  while (facts.size() < kOptions) {
    const auto [relation, fact] = draw_fact(rng);
    // Each option answers one question only.
    bool clear = std::find(options.begin(), options.end(), fact->object) == options.end();
    for (size_t i = 0; clear && i < facts.size(); ++i)
      clear = !holds(*asked[i], facts[i]->subject, fact->object) && !holds(*relation, fact->subject, options[i]);
    if (!clear) continue;
    asked.push_back(relation);
    facts.push_back(fact);
    options.push_back(fact->object);
  }
  for (size_t i = 0; i < kOptions; ++i) {
    const std::string question = ask_fact(*asked[i], *facts[i], rng);
    if (belongs_to(key_of(question, options), Split::kTrain)) lines.push_back(question + " " + letters()[i]);
  }
  shuffle(lines, rng);
  std::string out;
  for (size_t i = 0; i < kOptions; ++i) out += "- " + options[i] + "=" + letters()[i] + "\n";
  return out + "\n" + join(lines, "\n");
}

}  // namespace

Problem make_choice(Rng& rng, Split split) {
  return draw_problem(split, [&] { return draw_choice(near_count(split, rng), rng).problem; });
}

Problem make_easy_choice(Rng& rng) {
  return draw_problem(Split::kTrain, [&] { return draw_choice(0, rng).problem; });
}

std::string write_choices_page(Rng& rng) {
  std::string out;
  if (const double u = rng.uniform(); u < 0.6) {
    for (uint64_t count = 2 + rng.below(3), i = 0; i < count; ++i) out += (i > 0 ? "\n\n" : "") + (u < 0.45 ? checklist(rng) : quiz(rng));
    return out;
  }
  for (uint64_t count = 1 + rng.below(4), i = 0; i < count;) {
    const Choice choice = draw_choice(near_count(Split::kTrain, rng), rng);
    if (!belongs_to(choice.problem.key, Split::kTrain)) continue;
    if (i++ > 0) out += "\n\n";
    out += choice.problem.question + "\n\nAnswer: " + choice.problem.expected + "\n" + choice.statement;
  }
  return out;
}

}  // namespace lathe::tasks
