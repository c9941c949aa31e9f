# Data made by rule: generate*.cpp and what belongs to it, with its tests.
set(text_generators)
set(text_generator_tests)

attend_room(text
  SOURCES unicode.cpp vocabulary.cpp word_cuts.cpp words.cpp characters.cpp line_sample.cpp pieces.cpp tokenizer.cpp corpus.cpp
          batches.cpp ${text_generators}
  KNOWS core
  LIBS PkgConfig::utf8proc PkgConfig::sentencepiece)
list(TRANSFORM text_generator_tests PREPEND ${PROJECT_SOURCE_DIR}/tests/text/)
attend_test(text_tests KNOWS text LABELS unit
  SOURCES ${PROJECT_SOURCE_DIR}/tests/text/unicode_test.cpp ${PROJECT_SOURCE_DIR}/tests/text/words_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/text/tokenizer_test.cpp ${PROJECT_SOURCE_DIR}/tests/text/corpus_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/text/batches_test.cpp ${text_generator_tests})
