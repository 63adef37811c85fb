// The wordings of the question how often a letter is in a word: 30 English, 4 Spanish, 4 Chinese, 4 Korean, 3 French, 3 German,
// 3 Japanese. Data; a changed order changes every draw behind it. Row C-8.26.
#include "tasks/spelling.h"

namespace lathe::tasks {

const std::vector<std::string_view>& spelling_templates() {
  static const std::vector<std::string_view> list = {
      "How many {letter} are in the word {word}",
      "How many {letter} are in {word}",
      "Count the number of {letter} in {word}",
      "How many times does {letter} appear in {word}",
      "What's the count of {letter} in {word}",
      "In the word {word}, how many {letter} are there",
      "How many letter {letter} are in the word {word}",
      "Count how many {letter} appear in {word}",
      "Tell me the number of {letter} in {word}",
      "How many occurrences of {letter} are in {word}",
      "Find the count of {letter} in {word}",
      "Can you count the {letter} letters in {word}",
      "What is the frequency of {letter} in {word}",
      "How many {letter}s are in {word}",
      "How many {letter}'s are in {word}",
      "Count all the {letter} in {word}",
      "How many times is {letter} in {word}",
      "Number of {letter} in {word}",
      "Total count of {letter} in {word}",
      "How many {letter} does {word} have",
      "How many {letter} does {word} contain",
      "What's the number of {letter} in {word}",
      "{word} has how many {letter}",
      "In {word}, count the {letter}",
      "How many {letter} appear in {word}",
      "Count the {letter} in {word}",
      "Give me the count of {letter} in {word}",
      "How many instances of {letter} in {word}",
      "Show me how many {letter} are in {word}",
      "Calculate the number of {letter} in {word}",
      "\u00bfCu\u00e1ntas {letter} hay en {word}?",
      "\u00bfCu\u00e1ntas veces aparece {letter} en {word}?",
      "Cuenta las {letter} en {word}",
      "\u00bfCu\u00e1ntas letras {letter} tiene {word}?",
      "{word}\u4e2d\u6709\u591a\u5c11\u4e2a{letter}",
      "{word}\u91cc\u6709\u51e0\u4e2a{letter}",
      "\u6570\u4e00\u4e0b{word}\u4e2d\u7684{letter}",
      "{word}\u8fd9\u4e2a\u8bcd\u91cc\u6709\u591a\u5c11{letter}",
      "{word}\uc5d0 {letter}\uac00 \uba87 \uac1c \uc788\ub098\uc694",
      "{word}\uc5d0\uc11c {letter}\uc758 \uac1c\uc218\ub294",
      "{word}\uc5d0 {letter}\uac00 \uba87 \ubc88 \ub098\uc624\ub098\uc694",
      "{word}\ub77c\ub294 \ub2e8\uc5b4\uc5d0 {letter}\uac00 \uba87 \uac1c",
      "Combien de {letter} dans {word}",
      "Combien de fois {letter} appara\u00eet dans {word}",
      "Compte les {letter} dans {word}",
      "Wie viele {letter} sind in {word}",
      "Wie oft kommt {letter} in {word} vor",
      "Z\u00e4hle die {letter} in {word}",
      "{word}\u306b{letter}\u306f\u4f55\u500b\u3042\u308a\u307e\u3059\u304b",
      "{word}\u306e\u4e2d\u306b{letter}\u304c\u3044\u304f\u3064",
      "{word}\u306b{letter}\u304c\u4f55\u56de\u51fa\u3066\u304f\u308b",
  };
  return list;
}

}  // namespace lathe::tasks
