# Data made by rule: generate*.cpp and what belongs to it, with its tests.
set(text_generators
  generate_phrasebook.cpp generate_sequences.cpp phrasebook_phrase.cpp phrasebook_words.cpp phrasebook_nouns.cpp
  phrasebook_grammar.cpp phrasebook_statements.cpp phrasebook_modals.cpp phrasebook_things.cpp phrasebook_questions.cpp
  phrasebook_clauses.cpp phrasebook_speech.cpp phrasebook_travel.cpp)
set(text_generator_tests generate_test.cpp generate_sequences_test.cpp)

attend_room(text
  SOURCES unicode.cpp vocabulary.cpp word_cuts.cpp words.cpp characters.cpp line_sample.cpp pieces.cpp tokenizer.cpp corpus.cpp
          batches.cpp ${text_generators}
  KNOWS core
  HIDES PkgConfig::utf8proc PkgConfig::sentencepiece)
list(TRANSFORM text_generator_tests PREPEND ${PROJECT_SOURCE_DIR}/tests/text/)
attend_test(text_tests KNOWS text LABELS unit
  SOURCES ${PROJECT_SOURCE_DIR}/tests/text/unicode_test.cpp ${PROJECT_SOURCE_DIR}/tests/text/words_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/text/tokenizer_test.cpp ${PROJECT_SOURCE_DIR}/tests/text/corpus_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/text/batches_test.cpp ${text_generator_tests})
