// From a checked body to what the engine is asked.
#pragma once

#include <cstdint>

#include "infer/request.h"
#include "serve/api_bodies.h"
#include "serve/model_pool.h"

namespace lathe::serve {

// Sets everything but the prompt: sampling (the model's defaults where the body says nothing, row L-10.5), limits, stops, adapter, and
// the grammar, which may take long to compile. Faults name the field (traps S4, S7).
Wrong set_up(const GenerationBody& body, const ModelTarget& target, uint64_t drawn_seed, infer::Request& request);

// Whether the prompt and the request can be answered by the model at all. place: the prompt's field.
Wrong check_request(const infer::Request& request, const ModelTarget& target, const std::string& place);

// Ids of a text or list of ids; texts begin with the model's first token if special tokens are to be added and it has one.
Wrong prompt_ids(const PromptText& prompt, bool add_special, const ServedModel& model, const std::string& place, std::vector<int32_t>& ids);

// "input[3]", or "input" of a single one.
std::string prompt_place(const std::string& field, size_t index, size_t count);

}  // namespace lathe::serve
