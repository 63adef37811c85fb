// The people and speaking animals of the built-in corpus.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tasks/synth_text.h"

namespace lathe::tasks {

struct Person {
  std::string name;
  bool female = false;
};

const std::vector<Person>& people();
// `count` different people.
std::vector<Person> draw_people(size_t count, Rng& rng);

// Sets {PREFIXn}, {PREFIXhe}, {PREFIXhim}, {PREFIXhis}, {PREFIXkind} ("girl" or "boy").
void set_person(Scene& scene, std::string_view prefix, const Person& person);
void set_pronouns(Scene& scene, std::string_view prefix, bool female);

// Hero kinds of a story.
// A child {n} of {kind}, home {home} / {town}; a friend with prefix f; an older helper {elder} with prefix e.
void set_child_cast(Scene& scene, const Person* hero = nullptr);
// A speaking animal {n} of {kind} that lives at {home}; another one with prefix f ({fn}, {fkind}).
void set_animal_cast(Scene& scene, const Person* hero = nullptr);

}  // namespace lathe::tasks
