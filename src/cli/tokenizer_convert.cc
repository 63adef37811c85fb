// lathe tokenizer convert: a tokenizer in the file form of another program (rows C-2.12, C-2.20, C-2.21).
#include "cli/training.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "tokenizer/bpe_model.h"
#include "tokenizer/frozen.h"
#include "tokenizer/hf_file.h"
#include "tokenizer/spm_model.h"
#include "tokenizer/tiktoken.h"
#include "tokenizer/tokenizer_file.h"

namespace lathe::cli {
namespace {

struct Form {
  const char* name;
  const char* file;    // its name in a folder
  const char* ending;  // what a file given by name must end in
};
constexpr Form kForms[] = {{"lathe", tokenizer::kTokenizerFile, ".json"},
                           {"hf", tokenizer::kTokenizerFile, ".json"},
                           {"tiktoken", "tokenizer.tiktoken", ".tiktoken"},
                           {"spm", tokenizer::kSpmFile, ".model"}};

class TokenizerConvert : public Verb {
 public:
  VerbInfo info() const override {
    return {"tokenizer convert", "data", "write a tokenizer in the form of another program",
            "lathe tokenizer convert --from tokenizer.pkl --to hf --output exported/", "", 0};
  }
  void describe(SettingsTable& table) override {
    table.add("from", &from_, "folder or file: tokenizer.json (also Hugging Face's), *.tiktoken, *.model, tokenizer.pkl; empty: <base>/tokenizer");
    table.add("to", &to_, "hf: Hugging Face's tokenizer.json; tiktoken: ranks; lathe: its own; spm: a SentencePiece model").choices = {"hf", "tiktoken", "lathe", "spm"};
    table.add("output", &output_, "folder, or file with the form's ending");
    table.add("force", &force_, "replace the file");
  }
  Result<Exit> run(Context& context) override;

 private:
  Result<fs::path> target() const;
  static Result<std::string> content(const tokenizer::Tokenizer& tokenizer, const std::string& form);

  std::string from_, to_ = "lathe", output_;
  bool force_ = false;
};

Result<fs::path> TokenizerConvert::target() const {
  if (output_.empty()) return error("--output is needed: a folder or a file");
  for (const Form& form : kForms)
    if (form.name == to_) {
      const fs::path path = output_;
      std::error_code code;
      const bool file = path.has_extension() && !fs::is_directory(path, code);
      if (file && path.extension() != form.ending)
        return error_at(output_, -1, "a file of the form ", to_, " must end in ", form.ending);
      return file ? path : path / form.file;
    }
  return error("unknown form ", to_);
}

Result<std::string> TokenizerConvert::content(const tokenizer::Tokenizer& tokenizer, const std::string& form) {
  if (form == "tiktoken") return tokenizer::to_tiktoken_ranks(tokenizer);
  if (form == "hf") {
    LATHE_TRY(const Json file, tokenizer::to_hugging_face(tokenizer));
    return file.dump(2) + "\n";
  }
  if (form == "spm") {
    const auto* model = dynamic_cast<const tokenizer::SpmModel*>(&tokenizer.model());
    if (!model) return error("only a SentencePiece tokenizer can be written as spm.model");
    return model->file_bytes();
  }
  return tokenizer::tokenizer_json(tokenizer).dump(2) + "\n";
}

Result<Exit> TokenizerConvert::run(Context& context) {
  LATHE_TRY(const fs::path from, given_or_base(context, from_, "tokenizer"));
  LATHE_TRY(const fs::path to, target());
  LATHE_TRY(const tokenizer::Tokenizer tokenizer, tokenizer::Tokenizer::load(from));
  LATHE_TRY(const std::string bytes, content(tokenizer, to_));
  std::error_code code;
  if (!force_ && fs::exists(to, code)) return error_at(to.string(), -1, "is there already; --force replaces it");
  LATHE_TRY_STATUS(write_file_atomic(to, bytes));

  Json specials = Json::object();
  for (const tokenizer::AddedToken& token : tokenizer.added_tokens()) specials[token.text] = int64_t{token.id};
  Json figures(Json::Object{{"output", to.string()},
                            {"form", to_},
                            {"vocab_size", tokenizer.vocab_size()},
                            {"sha256", tokenizer.hash()},
                            {"special_tokens", specials}});
  if (const auto* model = dynamic_cast<const tokenizer::BpeModel*>(&tokenizer.model())) figures["pattern"] = std::string(model->split().regex);
  if (to_ == "tiktoken") {
    context.print("A rank file holds neither the split pattern nor the special tokens; give them to tiktoken.Encoding yourself:");
    context.print("pat_str: ", figures.get_string("pattern", ""));
    context.print("special_tokens: ", specials.dump());
  }
  context.print("Saved ", to.string(), ": ", with_thousands(tokenizer.vocab_size()), " tokens, ", tokenizer.hash());
  return context.finish(figures);
}

}  // namespace

std::unique_ptr<Verb> make_tokenizer_convert() { return std::make_unique<TokenizerConvert>(); }

}  // namespace lathe::cli
