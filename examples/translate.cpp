// Loads a model, translates a sentence and reads what each word attended to.
#include <attend/run/translator.h>
#include <iostream>

int main(int argc, char** argv) {
  const attend::Translator translator(argc > 1 ? argv[1] : "demo/run");
  const std::string sentence[] = {argc > 2 ? argv[2] : "I love you"};
  const auto result = translator.translate(sentence, translator.search_options(), {.record = true})[0];
  std::cout << result.text() << '\n';
  const auto& record = *result.record;
  const auto weights = record.map(record.find_map("decoder.attention", 0), /*head=*/0);  // [target tokens, source tokens]
  for (std::uint32_t t = 0; t < weights.rows; ++t)
    for (std::uint32_t s = 0; s < weights.cols; ++s) std::cout << weights.at(t, s) << (s + 1 < weights.cols ? ' ' : '\n');
}
