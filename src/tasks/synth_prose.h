// Stories, descriptions and dialogues of the built-in corpus.
#pragma once

#include <string>

#include "tasks/synth_problem.h"

namespace lathe::tasks {

std::string write_story(Rng& rng);
std::string write_description(Rng& rng);
// A dialogue in prose between two people, for the base corpus.
std::string write_dialogue_page(Rng& rng);
// Word games: repeat these words, which letter has this thing, who has what.
std::string write_games_page(Rng& rng);

// A conversation with the assistant: greetings, who it is, facts with follow-up questions, small talk.
Conversation make_dialogue(Rng& rng);
// "Repeat the words ...", with words of the spelling list, held-out ones too: those are never spelled in a
// conversation, but a model that never said them cannot begin to.
Conversation make_repeating(Rng& rng);
// "Tell me a story about ..." with the story.
Conversation make_story_request(Rng& rng);

}  // namespace lathe::tasks
