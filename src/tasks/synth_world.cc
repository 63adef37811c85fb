#include "tasks/synth_world.h"

#include "core/check.h"
#include "core/text.h"

namespace lathe::tasks {
namespace {

// One item a line: "@name" starts a relation, "s " a statement, "q " a question, "r " a reverse question, and
// "d " facts as subject:object, separated by "|".
void parse_relations(std::string_view text, std::vector<Relation>& out) {
  for (const std::string& raw : split_text(text, '\n')) {
    const std::string line(trim_text(raw));
    if (line.empty()) continue;
    if (line[0] == '@') {
      out.push_back({line.substr(1), {}, {}, {}, {}});
      continue;
    }
    require(!out.empty() && line.size() > 2 && line[1] == ' ', "[synth] not a line of a relation: ", line);
    const std::string rest = line.substr(2);
    Relation& relation = out.back();
    switch (line[0]) {
      case 's':
        relation.statements.push_back(rest);
        break;
      case 'q':
        relation.questions.push_back(rest);
        break;
      case 'r':
        relation.reverse.push_back(rest);
        break;
      default:
        for (const std::string& pair : split_text(rest, '|')) {
          const size_t colon = pair.find(':');
          require(colon != std::string::npos, "[synth] fact without colon: ", pair);
          relation.facts.push_back({pair.substr(0, colon), pair.substr(colon + 1)});
        }
    }
  }
}

std::string fill(const std::string& form, const Relation::Fact& fact, Rng& rng) {
  Scene scene(rng);
  scene.set("x", fact.subject);
  scene.set("y", fact.object);
  return scene.expand(form);
}

std::string page_of_relation(Rng& rng) {
  const Relation& relation = pick(relations(), rng);
  const size_t count = std::min(relation.facts.size(), static_cast<size_t>(4 + rng.below(5)));
  std::vector<std::string> sentences;
  for (const Relation::Fact& fact : pick_distinct(relation.facts, count, rng)) {
    const bool asked = rng.chance(0.25);
    sentences.push_back((asked ? ask_fact(relation, fact, rng) + " " : "") + state_fact(relation, fact, rng));
  }
  return join(sentences, rng.chance(0.3) ? "\n" : " ");
}

std::string page_of_subject(Rng& rng) {
  auto subject = pick(rich_subjects(), rng);
  shuffle(subject.facts, rng);
  std::vector<std::string> sentences;
  for (const auto& [relation, fact] : subject.facts) sentences.push_back(state_fact(*relation, *fact, rng));
  return join(sentences, " ");
}

}  // namespace

const std::vector<Relation>& relations() {
  static const std::vector<Relation> kRelations = [] {
    std::vector<Relation> out;
    parse_relations(kNatureFacts, out);
    parse_relations(kPeopleFacts, out);
    return out;
  }();
  return kRelations;
}

const std::vector<Subject>& rich_subjects() {
  static const std::vector<Subject> kSubjects = [] {
    std::vector<Subject> all;
    for (const Relation& relation : relations()) {
      for (const Relation::Fact& fact : relation.facts) {
        size_t at = 0;
        while (at < all.size() && all[at].name != fact.subject) ++at;
        if (at == all.size()) all.push_back({fact.subject, {}});
        all[at].facts.emplace_back(&relation, &fact);
      }
    }
    std::erase_if(all, [](const Subject& subject) { return subject.facts.size() < 3; });
    return all;
  }();
  return kSubjects;
}

std::string state_fact(const Relation& relation, const Relation::Fact& fact, Rng& rng) {
  return fill(pick(relation.statements, rng), fact, rng);
}
std::string ask_fact(const Relation& relation, const Relation::Fact& fact, Rng& rng) {
  return fill(pick(relation.questions, rng), fact, rng);
}
std::string ask_reverse(const Relation& relation, const Relation::Fact& fact, Rng& rng) {
  return fill(pick(relation.reverse, rng), fact, rng);
}

std::string write_facts_page(Rng& rng) {
  std::string out = rng.chance(0.4) ? page_of_subject(rng) : page_of_relation(rng);
  for (uint64_t more = rng.below(3); more > 0; --more)
    out += "\n\n" + (rng.chance(0.4) ? page_of_subject(rng) : page_of_relation(rng));
  return out;
}

}  // namespace lathe::tasks
