// What the lab's evaluations measure of one model, and how two models differ. The data are opened once, before any model is
// measured; what is not there is "not run" with the reason and the command that brings it (rows L-1.41, L-6.7).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/lab_eval_subject.h"
#include "data/packed_loader.h"
#include "data/preference_pair.h"
#include "eval/boolq.h"
#include "eval/generations.h"
#include "eval/perplexity.h"
#include "eval/smoke_tests.h"

namespace lathe::cli {

struct LabMeasured {
  Json metrics = Json::object();  // by name: a figure of eval/results.h, for generation and preferences an object of figures
  std::vector<double> perplexity, validation;  // losses of blocks and batches
  std::vector<uint8_t> boolq, smoke_tests;
  std::vector<eval::Generation> texts;
  std::vector<Json> boolq_answers, smoke_answers;
};

class LabMetrics {
 public:
  // Everything that can be wrong with settings is an error here. Missing data are none.
  static Result<LabMetrics> open(const Context& context, const LabEvalSettings& settings, const LabSubjects& subjects);

  // is_baseline: preferences are left out. Prints a line per metric. An error that says "cancelled" after a signal.
  Result<LabMeasured> measure(Context& context, const LabSubject& subject, bool is_baseline);
  // Model less baseline, by metric, with 95 % intervals and paired tests (row L-8.7).
  static Json differences(const LabMeasured& model, const LabMeasured& baseline);

  // Of all the data, by metric; decides with the settings whether results are those of an earlier run.
  const Json& data() const { return data_; }
  const std::vector<fs::path>& inputs() const { return inputs_; }
  const std::vector<std::string>& prompts() const { return prompts_; }  // of the texts, one each
  const Json& protocol() const { return protocol_; }

 private:
  Status open_text(const Context& context);
  Status open_boolq(const Context& context);
  Status open_validation(const LabSubjects& subjects);
  Status open_preferences(const LabSubjects& subjects);
  Result<std::vector<std::vector<int32_t>>> prompt_ids(const std::vector<std::string>& prompts) const;
  Result<std::vector<eval::Generation>> write_texts(const LabSubject& subject, const std::vector<std::string>& prompts) const;

  Status perplexity(Context& context, const LabSubject& subject, LabMeasured& out);
  Status boolq(Context& context, const LabSubject& subject, LabMeasured& out);
  Status validation(Context& context, const LabSubject& subject, LabMeasured& out);
  Status smoke_tests(Context& context, const LabSubject& subject, LabMeasured& out);
  Status generation(Context& context, const LabSubject& subject, LabMeasured& out);
  Status preferences(Context& context, const LabSubject& subject, LabMeasured& out);

  LabEvalSettings settings_;
  uint64_t seed_ = 42;
  std::optional<tokenizer::Tokenizer> tokenizer_;
  std::optional<tokenizer::ChatTemplate> form_;
  std::optional<int32_t> start_;
  std::string text_, text_hash_, why_no_text_, why_no_boolq_, why_no_validation_, why_no_pairs_;
  std::vector<eval::BoolqItem> boolq_;
  std::function<Result<std::unique_ptr<data::PackedLoader>>()> validation_;
  int64_t validation_batches_ = 0;
  std::vector<data::EncodedPair> pairs_;
  const LabSubject* reference_ = nullptr;
  double beta_ = 0.1;
  std::vector<eval::SmokeTest> smoke_;
  std::vector<std::string> prompts_;
  Json data_ = Json::object(), protocol_ = Json::object();
  std::vector<fs::path> inputs_;
  std::unique_ptr<ops::Context> ctx_ = std::make_unique<ops::Context>();
};

}  // namespace lathe::cli
