// A model card: Markdown with the YAML head that the Hugging Face Hub reads. What was not recorded or not measured is said so in
// words. docs/evaluation.md, "The report".
#pragma once

#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "eval/report_curves.h"
#include "eval/report_findings.h"

namespace lathe::eval {

struct ModelCard {
  std::string name, source, tag;  // "d4-sft", "sft", "d4"
  int64_t step = 0;
  std::string language = "en";
  std::string licence;                   // an identifier of the Hub, "mit"; empty: follows from the data's
  std::vector<DataSource> data;          // of the training data
  std::vector<RunCurves> stages;         // those that led to this model, the first first
  Json model_config = Json::object();
  std::string weights_file, weights_sha256, tokenizer_sha256;
  int64_t parameters = 0, weight_bytes = 0;
  Json evaluations = Json::object();     // section, then name: figures of docs/formats/report.md, of these very weights
  std::string environment;               // Markdown list
  std::string command;                   // that talks to the model
  std::string version;                   // of lathe
};

std::string model_card(const ModelCard& card);

// From what the base folder holds. step -1: the latest checkpoint. Errors: no such checkpoint.
Result<ModelCard> gather_model_card(const fs::path& base, const std::string& tag, const std::string& source, int64_t step);

}  // namespace lathe::eval
