attend_read_list(src/measure/metrics.def METRIC measure ATTEND_METRICS)
attend_room(measure
  SOURCES unicode.cpp bleu_tokens.cpp porter.cpp focus.cpp weight_links.cpp metrics.cpp ${ATTEND_METRICS_SOURCES}
  KNOWS record
  HIDES PkgConfig::utf8proc)
attend_test(measure_tests KNOWS measure LABELS unit
  SOURCES ${PROJECT_SOURCE_DIR}/tests/measure/focus_test.cpp ${PROJECT_SOURCE_DIR}/tests/measure/word_numbers_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/measure/metrics_test.cpp ${ATTEND_METRICS_TESTS})
