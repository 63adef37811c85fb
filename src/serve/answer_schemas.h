// JSON Schemas of the API's answers, for /openapi.json.
#pragma once

#include "core/json.h"

namespace lathe::serve {

Json chat_answer_schema();
Json completion_answer_schema();
Json embedding_answer_schema();
Json tokenize_answer_schema();
Json detokenize_answer_schema();
Json models_answer_schema();
Json model_answer_schema();
Json generate_answer_schema();
Json health_answer_schema();
Json stats_answer_schema();
Json origin_fault_schema();  // {"detail": ...}
Json fault_schema();         // {"error": ...}

}  // namespace lathe::serve
