attend_room(measure
  SOURCES unicode.cpp bleu_tokens.cpp bleu.cpp chrf.cpp porter.cpp rouge.cpp cider.cpp text_scores.cpp error_rate.cpp classification.cpp
          language_model.cpp focus.cpp alignment.cpp weight_links.cpp
  KNOWS record
  HIDES PkgConfig::utf8proc)
attend_test(measure_tests KNOWS measure LABELS unit
  SOURCES ${PROJECT_SOURCE_DIR}/tests/measure/bleu_test.cpp ${PROJECT_SOURCE_DIR}/tests/measure/chrf_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/measure/rouge_test.cpp ${PROJECT_SOURCE_DIR}/tests/measure/cider_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/measure/text_scores_test.cpp ${PROJECT_SOURCE_DIR}/tests/measure/error_rate_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/measure/classification_test.cpp ${PROJECT_SOURCE_DIR}/tests/measure/language_model_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/measure/focus_test.cpp ${PROJECT_SOURCE_DIR}/tests/measure/alignment_test.cpp
          ${PROJECT_SOURCE_DIR}/tests/measure/word_numbers_test.cpp)
