#include "tasks/synth_prose.h"

#include "tasks/synth_plots.h"

namespace lathe::tasks {
namespace {

std::string write_plan(const Plan& plan, Rng& rng) {
  Scene scene(rng);
  prepare(plan, scene);
  return write_parts(plan, scene);
}

}  // namespace

std::string write_story(Rng& rng) { return write_plan(pick(story_plans(), rng), rng); }

std::string write_description(Rng& rng) { return write_plan(pick(description_plans(), rng), rng); }

Conversation make_story_request(Rng& rng) {
  const bool story = rng.chance(0.8);
  const Plan& plan = pick(story ? story_plans() : description_plans(), rng);
  Scene scene(rng);
  prepare(plan, scene);
  scene.set("topic", scene.expand(plan.topic));
  static const std::vector<std::string> kPlain = {
      "Tell me a story about {topic}.", "Write a story about {topic}.", "Can you tell me a story about {topic}?",
      "I would like to hear a story about {topic}.", "Please write a short story about {topic}."};
  static const std::vector<std::string> kNamed = {"Tell me a story about {n} and {topic}.",
                                                  "Write a story about {topic}. The hero is called {n}.",
                                                  "Tell me a story with {n} in it. It should be about {topic}.",
                                                  "Please tell me a story about {a kind} named {n}.",
                                                  "Tell me a story about {a kind} called {n}.",
                                                  "Write a short story about {a kind} named {n}."};
  static const std::vector<std::string> kDescription = {"Describe {topic}.", "Tell me about {topic}.",
                                                        "Can you tell me something about {topic}?",
                                                        "Write about {topic}."};
  // Where the topic speaks of the hero already ("how Tom made a kite"), "Tom and how Tom ..." would be said.
  const bool named = scene.has("n") && rng.chance(0.6);
  const bool tells_hero = plan.topic.find("{n}") != std::string::npos || plan.topic.find("{kind}") != std::string::npos;
  std::string question;
  if (!story) {
    question = plan.topic.starts_with("how ") ? "Tell me {topic}." : pick(kDescription, rng);
  } else if (named) {
    question = kNamed[tells_hero ? 3 + rng.below(3) : rng.below(kNamed.size())];
  } else {
    question = pick(kPlain, rng);
  }
  return {{scene.expand(question), {{Part::Kind::kText, write_parts(plan, scene)}}}};
}

}  // namespace lathe::tasks
