// The table of the rules. What a number says stands with its source in corpus/quality.h.
#include "corpus/quality.h"

namespace lathe::corpus {
namespace {

double share(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

using S = const TextStatistics&;
double words(S s) { return static_cast<double>(s.words); }
double word_length(S s) { return share(s.visible_characters, s.words); }
double alphabetic(S s) { return share(s.alphabetic_characters, s.visible_characters); }
double alphabetic_words(S s) { return share(s.alphabetic_words, s.words); }
double symbols(S s) { return share(s.hashes + s.ellipses, s.words); }
double hashes(S s) { return share(s.hashes, s.words); }
double ellipses(S s) { return share(s.ellipses, s.words); }
double stop_words(S s) { return static_cast<double>(s.distinct_stop_words); }
double bullets(S s) { return share(s.bullet_lines, s.lines); }
double ellipsis_lines(S s) { return share(s.ellipsis_lines, s.lines); }
double terminal_lines(S s) { return share(s.terminal_lines, s.lines); }
double short_lines(S s) { return share(s.short_lines, s.lines); }
double sentences(S s) { return static_cast<double>(s.sentences); }
double curly(S s) { return static_cast<double>(s.curly_brackets); }
double lorem(S s) { return static_cast<double>(s.lorem_ipsum); }
double line_copies(S s) { return share(s.line_repeats.copies, s.lines); }
// FineWeb counts a text's characters without its line ends.
double line_copy_share(S s) { return share(s.line_repeats.characters, s.characters - s.line_ends); }
double line_ends(S s) { return share(s.line_ends, s.words); }
double line_copy_characters(S s) { return share(s.line_repeats.characters, s.characters); }
double paragraph_copies(S s) { return share(s.paragraph_repeats.copies, s.paragraphs); }
double paragraph_copy_characters(S s) { return share(s.paragraph_repeats.characters, s.characters); }
template <size_t N>
double top(S s) {
  return share(s.top_ngram_characters[N], s.characters);
}
template <size_t N>
double copied(S s) {
  return share(s.copied_ngram_characters[N], s.characters);
}

constexpr RuleStage kText = RuleStage::kText, kLine = RuleStage::kLine, kRest = RuleStage::kRest,
                    kNgrams = RuleStage::kNgrams;
constexpr Keep kAtLeast = Keep::kAtLeast, kAbove = Keep::kAbove, kAtMost = Keep::kAtMost, kBelow = Keep::kBelow;

constexpr Rule kRules[] = {
    {"gopher_min_words", "gopher", kText, words, kAtLeast, 50, "fewest words"},
    {"gopher_max_words", "gopher", kText, words, kAtMost, 100000, "most words"},
    {"c4_max_curly_brackets", "c4", kText, curly, kAtMost, 0, "most curly brackets"},
    {"c4_max_lorem_ipsum", "c4", kText, lorem, kAtMost, 0, "most appearances of \"lorem ipsum\""},
    {"min_alphabetic_share", "basic", kText, alphabetic, kAtLeast, 0.6,
     "least share of letters among visible characters"},
    {"min_mean_word_length", "basic", kText, word_length, kAtLeast, 2.5, "least mean word length in characters"},
    {"max_mean_word_length", "basic", kText, word_length, kAtMost, 12, "largest mean word length in characters"},
    {"max_symbol_word_ratio", "basic", kText, symbols, kAtMost, 0.1, "most # and ellipses per word"},
    {"min_stop_words", "basic", kText, stop_words, kAtLeast, 2, "fewest different stop words"},
    {"max_bullet_share", "basic", kText, bullets, kAtMost, 0.9, "largest share of lines that begin with a bullet"},
    {"max_repeated_line_share", "basic", kText, line_copies, kAtMost, 0.3, "largest share of lines that stood before"},
    {"gopher_min_word_length", "gopher", kText, word_length, kAtLeast, 3, "least mean word length"},
    {"gopher_max_word_length", "gopher", kText, word_length, kAtMost, 10, "largest mean word length"},
    {"gopher_max_hash_ratio", "gopher", kText, hashes, kAtMost, 0.1, "most # per word"},
    {"gopher_max_ellipsis_ratio", "gopher", kText, ellipses, kAtMost, 0.1, "most ellipses per word"},
    {"gopher_max_bullet_lines", "gopher", kText, bullets, kAtMost, 0.9,
     "largest share of lines that begin with a bullet"},
    {"gopher_max_ellipsis_lines", "gopher", kText, ellipsis_lines, kAtMost, 0.3,
     "largest share of lines that end in an ellipsis"},
    {"gopher_min_alphabetic_words", "gopher", kText, alphabetic_words, kAtLeast, 0.8,
     "least share of words with a letter"},
    {"gopher_min_stop_words", "gopher", kText, stop_words, kAtLeast, 2, "fewest different stop words"},
    {"gopher_max_line_copies", "gopher", kText, line_copies, kAtMost, 0.30, "largest share of lines that stood before"},
    {"gopher_max_paragraph_copies", "gopher", kText, paragraph_copies, kAtMost, 0.30,
     "largest share of paragraphs that stood before"},
    {"gopher_max_line_copy_characters", "gopher", kText, line_copy_characters, kAtMost, 0.20,
     "most characters in lines that stood before"},
    {"gopher_max_paragraph_copy_characters", "gopher", kText, paragraph_copy_characters, kAtMost, 0.20,
     "most characters in paragraphs that stood before"},
    {"c4_line_terminal", "c4", kLine, nullptr, kAtLeast, 1,
     "1: a line ends in . ! ? or a quotation mark, not in an ellipsis"},
    {"c4_line_max_word_length", "c4", kLine, nullptr, kAtMost, 1000, "most characters of a line's longest word"},
    {"c4_line_min_words", "c4", kLine, nullptr, kAtLeast, 5, "fewest words of a line"},
    {"c4_line_max_javascript", "c4", kLine, nullptr, kAtMost, 0, "0: a line does not hold \"javascript\""},
    {"c4_line_max_policy", "c4", kLine, nullptr, kAtMost, 0,
     "0: a line does not speak of cookies, terms of use or privacy policy"},
    {"c4_min_sentences", "c4", kRest, sentences, kAtLeast, 3, "fewest sentences"},
    {"fineweb_min_terminal_lines", "fineweb", kRest, terminal_lines, kAbove, 0.12,
     "share of lines that end in punctuation, to exceed"},
    {"fineweb_max_line_copy_characters", "fineweb", kRest, line_copy_share, kBelow, 0.1,
     "share of characters in lines that stood before, to stay below (0.01 in its program)"},
    {"fineweb_max_short_lines", "fineweb", kRest, short_lines, kBelow, 0.67,
     "share of lines of at most 30 characters, to stay below"},
    {"fineweb_max_line_ends", "fineweb", kRest, line_ends, kAtMost, 0.3, "most line ends per word (of its program)"},
    {"max_repeated_ngram_share", "basic", kNgrams, copied<5>, kAtMost, 0.3,
     "most characters in word 5-grams that stood before"},
    {"gopher_max_top_2gram", "gopher", kNgrams, top<2>, kAtMost, 0.20, "most characters in the most frequent 2-gram"},
    {"gopher_max_top_3gram", "gopher", kNgrams, top<3>, kAtMost, 0.18, "... 3-gram"},
    {"gopher_max_top_4gram", "gopher", kNgrams, top<4>, kAtMost, 0.16, "... 4-gram"},
    {"gopher_max_copied_5grams", "gopher", kNgrams, copied<5>, kAtMost, 0.15,
     "most characters in 5-grams that stood before"},
    {"gopher_max_copied_6grams", "gopher", kNgrams, copied<6>, kAtMost, 0.14, "... 6-grams"},
    {"gopher_max_copied_7grams", "gopher", kNgrams, copied<7>, kAtMost, 0.13, "... 7-grams"},
    {"gopher_max_copied_8grams", "gopher", kNgrams, copied<8>, kAtMost, 0.12, "... 8-grams"},
    {"gopher_max_copied_9grams", "gopher", kNgrams, copied<9>, kAtMost, 0.11, "... 9-grams"},
    {"gopher_max_copied_10grams", "gopher", kNgrams, copied<10>, kAtMost, 0.10, "... 10-grams"},
};

}  // namespace

std::span<const Rule> quality_rules() { return kRules; }

}  // namespace lathe::corpus
