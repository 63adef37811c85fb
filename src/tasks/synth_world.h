// The facts of the small world: relations between subjects and objects ("cow" says "moo"), each with the sentences
// that state it and the questions that ask for either side. Base documents state every fact many times; the
// multiple-choice task and the dialogues ask for them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tasks/synth_text.h"

namespace lathe::tasks {

struct Relation {
  struct Fact {
    std::string subject, object;
  };
  std::string name;
  std::vector<std::string> statements;  // templates over {x} (the subject) and {y} (the object)
  std::vector<std::string> questions;   // ask for {y}
  std::vector<std::string> reverse;     // ask for {x}; empty when {y} does not tell {x} apart
  std::vector<Fact> facts;
};

const std::vector<Relation>& relations();

// A fact as a sentence, in one of its wordings.
std::string state_fact(const Relation& relation, const Relation::Fact& fact, Rng& rng);
std::string ask_fact(const Relation& relation, const Relation::Fact& fact, Rng& rng);
std::string ask_reverse(const Relation& relation, const Relation::Fact& fact, Rng& rng);

// All facts of one subject over all relations, for pages and follow-up questions.
struct Subject {
  std::string name;
  std::vector<std::pair<const Relation*, const Relation::Fact*>> facts;
};
const std::vector<Subject>& rich_subjects();  // those with three facts or more

// A page of facts: several of one relation, or all of one subject, in prose.
std::string write_facts_page(Rng& rng);

// Data of relations(), in the form explained in synth_world.cc.
extern const std::string_view kNatureFacts;
extern const std::string_view kPeopleFacts;

}  // namespace lathe::tasks
