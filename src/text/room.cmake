attend_room(text
  SOURCES unicode.cpp sniff.cpp lines.cpp reading_report.cpp vocabulary.cpp word_cuts.cpp words.cpp characters.cpp symbols.cpp whole_lines.cpp
          line_sample.cpp pieces.cpp tokenizer.cpp
  KNOWS core
  HIDES PkgConfig::utf8proc PkgConfig::sentencepiece PkgConfig::archive ZLIB::ZLIB)
attend_test(text_tests KNOWS data LIBS PkgConfig::sentencepiece LABELS unit
  SOURCES ${PROJECT_SOURCE_DIR}/tests/text/unicode_test.cpp ${PROJECT_SOURCE_DIR}/tests/text/words_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/text/tokenizer_test.cpp ${PROJECT_SOURCE_DIR}/tests/text/special_ids_test.cpp)
