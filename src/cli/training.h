// What the verbs that train share: tokenizer, data type, validation, samples, the lines at the start.
#pragma once

#include <functional>

#include "cli/verb.h"
#include "core/folder_lock.h"
#include "data/corpus.h"
#include "data/token_loader.h"
#include "model/transformer.h"
#include "tokenizer/tokenizer.h"
#include "train/language_objective.h"
#include "train/load_model.h"
#include "train/loop.h"
#include "train/plan.h"

namespace lathe::cli {

DType resolved_dtype(const Context& context);

// The flags --source (-i) and --step (-s) of a verb that works on a trained model; returns the setting of the step.
Setting& add_checkpoint_flags(SettingsTable& table, std::string* source, int64_t* step);

// By the name that --split of training has: last_file, tail, else auto.
data::SplitRule split_rule(const std::string& name);

// By the name that --loss-normalisation has: global, else micro_batch.
train::LossNormalisation loss_normalisation(const std::string& name);

// A folder or file given by the user, else `fallback` below the base folder.
Result<fs::path> given_or_base(const Context& context, const std::string& given, const char* fallback);

// Data paths of a run's settings, bound to the folder in which the program runs, so that a record of them holds from elsewhere.
// One that is not there stays as it is.
Json with_whole_paths(Json settings, const std::vector<std::string>& keys = {"data", "val_data", "data_path", "data_dirs"});

// Bits per byte over `batches` batches of a fresh loader; each call sees the same ones (rows C-1.30, C-5.15).
using MakeLoader = std::function<Result<std::unique_ptr<data::TokenLoader>>()>;
Result<double> validate(model::Transformer& model, ops::Context& ctx, const MakeLoader& make_loader, int64_t batches,
                        const std::vector<int32_t>& token_bytes);

// The seven prompts of row C-5.17, greedily continued by 16 tokens, one line each.
Result<std::vector<std::string>> sample_lines(model::Transformer& model, const tokenizer::Tokenizer& tokenizer);

// The lock of a run's folder, whose parent is made: two processes must not train into one.
Result<FolderLock> lock_run(const fs::path& run);

// Goes on from the checkpoint of step `resume`, with a warning for each changed setting; below 0: starts anew, with a
// warning where checkpoints stand.
Status resume_or_start(const char* module, train::Loop& loop, const fs::path& run, int64_t resume, const Json& settings);

// Which step's checkpoint a run goes on from: the one asked for, with `latest` the newest in the folder, else -1.
Result<int64_t> step_to_resume(const fs::path& run, int64_t asked, bool latest);

// The settings that a stage on top of `loaded` records; whoever loads its result finds the tokenizer as it was found here.
Json stage_settings(const Context& context, const train::LoadedModel& loaded);

// The last lines of a run (row C-5.32): the signal that stopped it, or memory, time and the best validation.
// `run` is empty where nothing is saved. digits: of the best validation, which is told by the name of what it measures; 0: not told.
// go_on: what to do after a signal.
void print_ending(Context& context, const train::LoopResult& result, const fs::path& run, int digits, const char* go_on);

// The performance of a run as items of its report section.
Json report_items(const train::Performance& performance);

// The figures of --json that every run has.
Json run_figures(const train::LoopResult& result);

// Row C-5.25: model config, parameter table, FLOPs per token.
void print_model(Context& context, const model::Transformer& model);

}  // namespace lathe::cli
