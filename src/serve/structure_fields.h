// Fields that constrain an answer: OpenAI's response_format, vLLM's guided_* and structured_outputs.
#pragma once

#include "serve/api_bodies.h"
#include "serve/body_table.h"

namespace lathe::serve {

// At most one of them may be given; more are refused.
void add_structure_fields(BodyTable& table, Structure& structure);

}  // namespace lathe::serve
