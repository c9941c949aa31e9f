attend_room(measure
  SOURCES unicode.cpp bleu_tokens.cpp bleu.cpp chrf.cpp text_scores.cpp focus.cpp alignment.cpp weight_links.cpp
  KNOWS record
  HIDES PkgConfig::utf8proc)
attend_test(measure_tests KNOWS measure LABELS unit
  SOURCES ${PROJECT_SOURCE_DIR}/tests/measure/bleu_test.cpp ${PROJECT_SOURCE_DIR}/tests/measure/chrf_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/measure/text_scores_test.cpp ${PROJECT_SOURCE_DIR}/tests/measure/focus_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/measure/alignment_test.cpp)
