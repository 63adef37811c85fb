// What a language model is asked for when it writes conversations in which the assistant speaks of itself: topic, user, course
// and openers are drawn from fixed pools by Python's Random(index), so that item i is the same everywhere.
// Rows C-17.11 to C-17.14.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace lathe::tasks {

struct NamedPool {
  std::string_view name;
  std::vector<std::string_view> items;
};
// The pools, in the order that the draws depend on (identity_pools_data.cc).
const std::vector<NamedPool>& identity_topics();             // 9 groups, 58 topics
const std::vector<std::string_view>& identity_personas();    // 12
const std::vector<std::string_view>& identity_dynamics();    // 10
const std::vector<NamedPool>& identity_openers();            // 8 groups

struct IdentityChoice {
  std::string topic, persona, dynamic;
  std::vector<std::string> openers;  // 3
};
IdentityChoice choose_identity(uint64_t index);

// The instruction to the model; `knowledge` is what the assistant may say of itself.
std::string identity_prompt(const IdentityChoice& choice, std::string_view knowledge);

// The body of a chat-completions request with a strict schema for the answer.
Json identity_request(const std::string& model, const std::string& prompt);

// The messages in the body of the answer: an `error` field, another shape, or what check_identity_messages refuses is an error.
Result<Json> identity_messages(std::string_view body);

// At least two messages, user and assistant by turns from the user on, no blank content.
Status check_identity_messages(const Json& messages);

}  // namespace lathe::tasks
